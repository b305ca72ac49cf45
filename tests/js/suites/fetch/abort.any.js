// Aborting fetch() (https://fetch.spec.whatwg.org/#fetch-method, and what the DOM standard says of signals). How it ends connections: the tests of the runner.

const FILE = 'bodies/plain.txt';
const aborted = (reason = undefined) => AbortSignal.abort(reason);

promise_test(async t => {
  await promise_rejects_dom(t, 'AbortError', fetch(FILE, { signal: aborted() }));
  const mine = new Error('mine');
  for (const reason of [mine, 'text', 0, null, false]) await promise_rejects_exactly(t, reason, fetch(FILE, { signal: aborted(reason) }));
  for (const url of ['data:,x', URL.createObjectURL(new Blob(['x'])), 'about:blank', 'http://127.0.0.1:1/']) {
    await promise_rejects_exactly(t, mine, fetch(url, { signal: aborted(mine) }));
  }
  for (const wrong of [{ method: 'TRACE' }, { headers: { a: '\n\0' } }]) {
    await promise_rejects_js(t, TypeError, fetch(FILE, { ...wrong, signal: aborted() }));
  }
}, 'a signal that is aborted already');

promise_test(async t => {
  const request = new Request('http://a.example/', { signal: aborted('why'), method: 'POST', body: 'x' });
  await promise_rejects_exactly(t, 'why', fetch(request));
  assert_true(request.bodyUsed);
  await promise_rejects_js(t, TypeError, fetch(request));
  let cancelled = 'not';
  const body = new ReadableStream({ cancel(reason) { cancelled = reason; } });
  await promise_rejects_exactly(t, 'why', fetch('http://a.example/', { method: 'POST', body, duplex: 'half', signal: aborted('why') }));
  assert_equals(cancelled, 'why');
}, 'the body is used, and its source told');

promise_test(async t => {
  const controller = new AbortController();
  const request = new Request(new URL(FILE, location), { signal: controller.signal });
  const fetches = [fetch(request), fetch(request), fetch(request, { signal: null }), fetch(request.clone()), fetch(request, { headers: { a: 'b' } })];
  controller.abort('why');
  controller.abort('again');
  for (const i of [0, 1, 3, 4]) await promise_rejects_exactly(t, 'why', fetches[i]);
  assert_equals((await fetches[2]).status, 200);
  const order = [];
  const next = new AbortController();
  const going = fetch(FILE, { signal: next.signal }).catch(() => order.push('rejected'));
  next.signal.addEventListener('abort', () => order.push('event'));
  next.abort();
  await going;
  assert_array_equals(order, ['event', 'rejected']);
}, 'requests that are on their way');

for (const form of ['text', 'json', 'arrayBuffer', 'blob', 'bytes', 'formData']) {
  promise_test(async t => {
    const controller = new AbortController();
    const response = await fetch(FILE, { signal: controller.signal });
    controller.abort();
    await promise_rejects_dom(t, 'AbortError', response[form]());
  }, `a body that came and was not read: ${form}`);
}

promise_test(async t => {
  const controller = new AbortController();
  const [streamed, begun, read, cloned] = await Promise.all([1, 2, 3, 4].map(() => fetch(FILE, { signal: controller.signal })));
  const reader = streamed.body.getReader();
  const other = begun.body.getReader();
  await other.read();
  const text = await read.text();
  controller.abort('why');
  await promise_rejects_exactly(t, 'why', reader.read());
  await promise_rejects_exactly(t, 'why', reader.closed);
  assert_equals(text, 'plain text\n');
  assert_true(read.bodyUsed);
  assert_false(cloned.bodyUsed);
  await promise_rejects_exactly(t, 'why', cloned.clone().text());
}, 'streams of bodies that came');

promise_test(async () => {
  const controller = new AbortController();
  const response = await fetch('bodies/empty.txt', { signal: controller.signal });
  const reader = response.body.getReader();
  controller.abort();
  assert_true((await reader.read()).done);
  const head = await fetch(FILE, { method: 'HEAD', signal: controller.signal }).catch(error => error.name);
  assert_equals(head, 'AbortError');
}, 'an empty body has ended');

promise_test(async t => {
  const signal = AbortSignal.timeout(0);
  await new Promise(resolve => { signal.onabort = resolve; });
  await promise_rejects_dom(t, 'TimeoutError', fetch(FILE, { signal }));
  const controller = new AbortController();
  const going = fetch(FILE, { signal: AbortSignal.any([controller.signal, new AbortController().signal]) });
  controller.abort('any');
  await promise_rejects_exactly(t, 'any', going);
}, 'signals of time, and of other signals');
