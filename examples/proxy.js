// An upstream proxy: bodies pass in both directions without being read here.
// curl -H 'x-worker-name: proxy' 'http://127.0.0.1:8080/?url=https://example.com/'
export default {
  async fetch(request, env) {
    const url = new URL(request.url).searchParams.get('url') ?? env.UPSTREAM;
    if (!url) return new Response('which ?url=...\n', { status: 400 });
    const upstream = await fetch(url, {
      method: request.method,
      headers: { accept: request.headers.get('accept') ?? '*/*' },
      body: request.body,
      redirect: 'follow',
    });
    const headers = new Headers(upstream.headers);
    headers.set('x-proxied-by', 'isolane');
    return new Response(upstream.body, { status: upstream.status, headers });
  },
};
