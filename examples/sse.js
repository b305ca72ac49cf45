// Server-sent events: each one leaves when it is made; when the client goes, `cancel` runs.
// curl -N -H 'x-worker-name: sse' 'http://127.0.0.1:8080/?count=5&every=200'
export default {
  fetch(request) {
    const { searchParams } = new URL(request.url);
    const count = Math.min(Number(searchParams.get('count') ?? 5), 1000);
    const every = Number(searchParams.get('every') ?? 200);
    const encoder = new TextEncoder();
    let sent = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (sent > 0) await new Promise((resolve) => setTimeout(resolve, every));
        sent += 1;
        controller.enqueue(encoder.encode(`id: ${sent}\ndata: {"tick":${sent}}\n\n`));
        if (sent >= count) controller.close();
      },
      cancel(reason) {
        console.log(`the client left after ${sent} events: ${reason}`);
      },
    });
    return new Response(body, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
    });
  },
};
