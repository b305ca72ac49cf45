// What nearly every worker does, done once while the snapshot is made, in a context that is thrown away: V8 compiles
// functions when they are first called, and the snapshot keeps what was compiled (see pools/v8/blob.py). Each isolate holds
// that in memory, so nothing is here that many workers do without: code of streams alone is 300 kB.

const limits = '{"ops":{"fetch":[50,6],"timer":[10000,0],"console":[10000,1048576]}}';

/** Runs one execution as far as it goes by itself. */
async function execute(event, handlers, records = []) {
  dispatch(0, JSON.stringify(event), '{"vars":{"A":"b"}}', limits, new ArrayBuffer(2));
  dispatch(1, { default: handlers });
  for (let i = 0; i < 20; i++) await undefined;
  for (const [record, ...attachments] of records) {
    dispatch(2);
    dispatch(3, JSON.stringify([record]), ...attachments);
    for (let i = 0; i < 20; i++) await undefined;
  }
  dispatch(6);
  dispatch(2);
  dispatch(7);
}

const request = (more = {}) => ({
  type: 'fetch',
  method: 'GET',
  url: 'https://a.test/b?c=d',
  headers: [['accept', '*/*']],
  body: null,
  ...more,
});

const upstream = {
  status: 200,
  statusText: 'OK',
  headers: [['content-type', 'text/plain']],
  url: 'https://b.test/',
  redirected: false,
};

async function warmUp() {
  await execute(request(), { fetch: () => new Response('text') });
  await execute(request(), {
    async fetch(given, env, ctx) {
      const url = new URL(given.url);
      ctx.waitUntil(Promise.resolve(url.searchParams.get('c')));
      console.log('line', { a: [1, 'x'] }, given.headers.get('accept'));
      return Response.json({ path: url.pathname, env }, { headers: { 'x-a': 'b' } });
    },
  });
  await execute(request({ method: 'POST', body: 'bytes' }), {
    fetch: async given => new Response(await given.text(), { status: 201 }),
  });
  await execute(
    request(),
    {
      fetch: async () =>
        new Response((await fetch('https://b.test/', { headers: { a: 'b' } })).body),
    },
    [[['resolve', 1, { ...upstream, body: 'bytes' }, 0], new ArrayBuffer(2)]],
  );
  await execute(
    { type: 'task', payload: { a: 1 }, taskId: 't', attempt: 1 },
    { task: payload => new Promise(resolve => setTimeout(resolve, 0, payload)) },
  );
  await execute(request(), {
    fetch() {
      throw new Error('thrown');
    },
  });
}

warmUp();
