// The smallest worker: one handler, one answer.
// curl -H 'x-worker-name: hello' http://127.0.0.1:8080/
export default {
  fetch(request) {
    return new Response(`Hello from ${new URL(request.url).pathname}\n`);
  },
};
