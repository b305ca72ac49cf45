// META: script=server.js
// Bodies that are sent as streams, against a real server; and how an abort ends a request at each of its moments.

const bytes = text => new TextEncoder().encode(text);
const streamOf = (...chunks) => new ReadableStream({ start(it) { for (const chunk of chunks) it.enqueue(chunk); it.close(); } });
const post = (url, body, more) => fetch(url, { method: 'POST', body, duplex: 'half', ...more });

promise_test(async () => {
  const seen = await (await post(scene('echo'), streamOf(bytes('one'), bytes(''), bytes('two')))).json();
  assert_equals(seen.body, 'onetwo');
  const headers = new Headers(seen.headers);
  assert_array_equals([headers.get('transfer-encoding'), headers.get('content-length'), headers.get('content-type')], ['chunked', null, null]);
  assert_equals((await (await post(scene('echo'), streamOf())).json()).body, '');
}, 'a stream is sent in chunks');

promise_test(async t => {
  await promise_rejects_js(t, TypeError, fetch(scene('echo'), { method: 'POST', body: streamOf() }));
  for (const chunk of [1, null, undefined, {}, new ArrayBuffer(1)]) {
    if (chunk instanceof ArrayBuffer) continue;
    const error = await rejection(post(scene('echo'), streamOf(chunk)));
    assert_true(error instanceof TypeError);
    assert_true(error.cause instanceof TypeError);
  }
  const mine = new RangeError('mine');
  const error = await rejection(post(scene('echo'), new ReadableStream({ pull(it) { it.error(mine); } })));
  assert_true(error instanceof TypeError);
  assert_equals(error.cause, mine);
}, 'what fails the body fails the request, and is its cause');

promise_test(async () => {
  const size = 8 << 20;
  let sent = 0;
  const body = new ReadableStream({
    pull(it) {
      if (sent === size) return it.close();
      const chunk = new Uint8Array(65536).fill(sent >> 16);
      sent += chunk.length;
      it.enqueue(chunk);
    },
  });
  const response = await post(scene('duplex'), body);
  let received = 0;
  for await (const chunk of response.body) {
    for (const at of [0, chunk.length - 1]) assert_equals(chunk[at], ((received + at) >> 16) & 255);
    received += chunk.length;
  }
  assert_equals(received, size);
}, 'a server that answers with what comes while it comes');

promise_test(async () => {
  let controller;
  const body = new ReadableStream({ start(it) { controller = it; } });
  const response = await post(scene('duplex'), body);
  const reader = response.body.getReader();
  for (const word of ['first', 'second']) {
    controller.enqueue(bytes(word));
    const { value } = await reader.read();
    assert_equals(new TextDecoder().decode(value), word);
  }
  controller.close();
  assert_true((await reader.read()).done);
}, 'a conversation');

promise_test(async () => {
  let cancelled;
  const told = new Promise(resolve => { cancelled = resolve; });
  const endless = new ReadableStream({ pull(it) { it.enqueue(new Uint8Array(65536)); }, cancel: cancelled });
  const key = newKey();
  const url = scene('raw', { unread: '', then: 'hang', key, bytes: answer('413 Too much', ['content-length: 4'], 'stop') });
  const response = await post(url, endless);
  assert_equals(response.status, 413);
  assert_equals(await response.text(), 'stop');
  await told;
  await tell(`drain ${key}`);
  assert_equals(await happened(`gone ${key}`), true);
}, 'a server that answers, and reads no more');

promise_test(async () => {
  let cancelled;
  const told = new Promise(resolve => { cancelled = resolve; });
  const key = newKey();
  const silent = new ReadableStream({ cancel: cancelled });
  const url = scene('raw', { unread: '', then: 'hang', key, bytes: answer('200 OK', ['content-length: 2'], 'ok') });
  assert_equals(await (await post(url, silent)).text(), 'ok');
  await told;
  await tell(`drain ${key}`);
}, 'a server that answers before anything was sent');

promise_test(async () => {
  const key = newKey();
  let pulled = 0;
  let controller;
  const body = new ReadableStream({ start(it) { controller = it; }, pull(it) { pulled += 1; it.enqueue(new Uint8Array(65536)); } }, { highWaterMark: 0 });
  const abort = new AbortController();
  const going = post(scene('raw', { unread: '', bytes: '', then: 'hang', key }), body, { signal: abort.signal });
  going.catch(() => {});
  await happened(`hanging ${key}`);
  // What sockets hold of it is some megabytes; then nobody asks for more.
  let before = -1;
  while (before !== pulled) {
    before = pulled;
    await happened(`hanging ${key}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  assert_less_than(pulled, 400);
  abort.abort('enough');
  assert_equals(await rejection(going), 'enough');
  await tell(`drain ${key}`);
  assert_equals(await happened(`gone ${key}`), true);
  assert_throws_js(TypeError, () => controller.enqueue(new Uint8Array(1)));
}, 'a server that does not read holds the source back');

promise_test(async () => {
  const key = newKey();
  const abort = new AbortController();
  const response = await fetch(scene('raw', { bytes: answer('200 OK', [], 'LONG'), long: 100_000_000, key, then: 'hang' }), { signal: abort.signal });
  const reader = response.body.getReader();
  await reader.read();
  abort.abort('enough');
  assert_equals(await rejection(reader.read()), 'enough');
  assert_equals(await rejection(reader.closed), 'enough');
  assert_equals(await happened(`gone ${key}`), true);
}, 'an abort in the middle of a body');

promise_test(async () => {
  for (const how of ['cancel', 'reader', 'pipe']) {
    const key = newKey();
    const { body } = await fetch(scene('raw', { bytes: answer('200 OK', ['content-length: 9'], 'x'), key, then: 'hang' }));
    if (how === 'cancel') await body.cancel('why');
    if (how === 'reader') await body.getReader().cancel();
    if (how === 'pipe') await rejection(body.pipeTo(new WritableStream({ write() { throw 'no'; } })));
    assert_equals(await happened(`gone ${key}`), true, how);
  }
}, 'a body that is not wanted ends its connection');

promise_test(async () => {
  const key = newKey();
  const abort = new AbortController();
  const going = fetch(scene('raw', { bytes: '', key, then: 'hang' }), { signal: abort.signal });
  await happened(`hanging ${key}`);
  const reason = new Error('mine');
  abort.abort(reason);
  assert_equals(await rejection(going), reason);
  assert_equals(await happened(`gone ${key}`), true);
}, 'an abort before there is a head');

promise_test(async () => {
  const key = newKey();
  let cancelled = null;
  let controller;
  const body = new ReadableStream({ start(it) { controller = it; }, cancel(reason) { cancelled = reason; } });
  const abort = new AbortController();
  const going = post(scene('echo', { key }), body, { signal: abort.signal });
  controller.enqueue(bytes('begun'));
  await new Promise(resolve => setTimeout(resolve, 20));
  abort.abort('enough');
  assert_equals(await rejection(going), 'enough');
  assert_equals(cancelled, 'enough');
}, 'an abort in the middle of an upload');
