// Serves the files of a project from its main worker's ASSETS binding.

export default {
  fetch(request, env) {
    const url = new URL(request.url);
    if (env.PAGES && !url.pathname.split('/').pop().includes('.')) {
      url.pathname += url.pathname.endsWith('/') ? 'index.html' : '.html';
      return env.ASSETS.fetch(new Request(url, request));
    }
    return env.ASSETS.fetch(request);
  },
};
