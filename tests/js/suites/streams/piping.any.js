// https://streams.spec.whatwg.org/#rs-pipe-to and #ts

const told = new Error('told');
const turn = () => new Promise(resolve => setTimeout(resolve, 0));
const source = (...chunks) => new ReadableStream({
  start(controller) {
    for (const chunk of chunks) controller.enqueue(chunk);
    controller.close();
  },
});
const collect = async stream => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

promise_test(async () => {
  const seen = [];
  const from = source('a', 'b');
  const to = new WritableStream({ write: chunk => void seen.push(chunk), close: () => void seen.push('close') });
  const piped = from.pipeTo(to);
  assert_true(from.locked && to.locked);
  assert_equals(await piped, undefined);
  assert_false(from.locked || to.locked);
  assert_array_equals(seen, ['a', 'b', 'close']);
}, 'a pipe writes all chunks and closes');

promise_test(async t => {
  for (const preventAbort of [false, true]) {
    let reason = 'none';
    const to = new WritableStream({ abort(given) { reason = given; } });
    const from = new ReadableStream({ start: controller => controller.error(told) });
    await promise_rejects_exactly(t, told, from.pipeTo(to, { preventAbort }));
    assert_equals(reason, preventAbort ? 'none' : told);
  }
  for (const preventCancel of [false, true]) {
    let reason = 'none';
    const from = new ReadableStream({ cancel(given) { reason = given; } });
    const to = new WritableStream({ start: controller => controller.error(told) });
    await promise_rejects_exactly(t, told, from.pipeTo(to, { preventCancel }));
    assert_equals(reason, preventCancel ? 'none' : told);
  }
  const to = new WritableStream();
  await source('a').pipeTo(to, { preventClose: true });
  await to.getWriter().write('more');
}, 'errors and the end go on as the options say');

promise_test(async t => {
  const reasons = [];
  const controller = new AbortController();
  const from = new ReadableStream({ cancel: reason => void reasons.push(reason) });
  const to = new WritableStream({ abort: reason => void reasons.push(reason) });
  const piped = from.pipeTo(to, { signal: controller.signal });
  controller.abort(told);
  await promise_rejects_exactly(t, told, piped);
  assert_array_equals(reasons, [told, told]);
  const late = source('a').pipeTo(new WritableStream(), { signal: AbortSignal.abort(told) });
  await promise_rejects_exactly(t, told, late);
  await promise_rejects_js(t, TypeError, source().pipeTo(new WritableStream(), { signal: {} }));
  await promise_rejects_js(t, TypeError, source().pipeTo(new WritableStream(), { signal: null }));
}, 'a signal ends a pipe on both sides');

promise_test(async t => {
  const locked = source();
  locked.getReader();
  await promise_rejects_js(t, TypeError, locked.pipeTo(new WritableStream()));
  const busy = new WritableStream();
  busy.getWriter();
  await promise_rejects_js(t, TypeError, source().pipeTo(busy));
  await promise_rejects_js(t, TypeError, source().pipeTo({}));
  await promise_rejects_js(t, TypeError, source().pipeTo());
  assert_throws_js(TypeError, () => source().pipeThrough({}));
  assert_throws_js(TypeError, () => source().pipeThrough({ readable: source(), writable: busy }));
  assert_throws_js(TypeError, () => source().pipeThrough({ readable: {}, writable: new WritableStream() }));
}, 'locked streams and other things are not piped');

promise_test(async () => {
  let controller;
  const seen = [];
  const from = new ReadableStream({ start: it => { controller = it; } });
  from.pipeTo(new WritableStream({ write: chunk => void seen.push(chunk) }));
  await turn();
  controller.enqueue('a');
  assert_array_equals(seen, []);
  await turn();
  assert_array_equals(seen, ['a']);
}, 'who enqueues is not in the sink at once');

promise_test(async () => {
  let pulls = 0;
  const from = new ReadableStream({ pull(controller) { pulls += 1; controller.enqueue(pulls); } }, { highWaterMark: 0 });
  from.pipeTo(new WritableStream({ write: () => new Promise(() => {}) }, { highWaterMark: 3 }));
  await turn();
  assert_equals(pulls, 3);
}, 'a pipe reads no more than the sink wants');

promise_test(async () => {
  const upper = new TransformStream({
    transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()),
    flush: controller => controller.enqueue('end'),
  });
  assert_array_equals(await collect(source('a', 'b').pipeThrough(upper)), ['A', 'B', 'end']);
  assert_array_equals(await collect(source('a').pipeThrough(new TransformStream())), ['a']);
}, 'a transform changes what goes through it');

test(() => {
  assert_throws_js(TypeError, () => new TransformStream(null));
  assert_throws_js(TypeError, () => new TransformStream({ transform: 1 }));
  assert_throws_js(RangeError, () => new TransformStream({ readableType: 'bytes' }));
  assert_throws_js(RangeError, () => new TransformStream({ writableType: 'bytes' }));
  assert_throws_exactly(told, () => new TransformStream({ start() { throw told; } }));
  assert_throws_js(TypeError, () => new TransformStreamDefaultController());
  const stream = new TransformStream();
  assert_equals(stream.readable, stream.readable);
  assert_equals(stream.writable, stream.writable);
  assert_true(stream.readable instanceof ReadableStream && stream.writable instanceof WritableStream);
}, 'what a transformer may be');

promise_test(async t => {
  const failing = new TransformStream({ transform() { throw told; } });
  const writer = failing.writable.getWriter();
  const reader = failing.readable.getReader();
  const read = reader.read();
  await promise_rejects_exactly(t, told, writer.write('a'));
  await promise_rejects_exactly(t, told, read);
  const ended = new TransformStream({ start: controller => controller.terminate() });
  assert_true((await ended.readable.getReader().read()).done);
  await promise_rejects_js(t, TypeError, ended.writable.getWriter().write('a'));
}, 'a transform fails on both sides, or ends');

promise_test(async () => {
  const reasons = [];
  const transformer = { cancel: reason => void reasons.push(reason) };
  await new TransformStream(transformer).readable.cancel('reader');
  await new TransformStream(transformer).writable.abort('writer');
  assert_array_equals(reasons, ['reader', 'writer']);
}, 'a transformer is told who gave up');

promise_test(async () => {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const written = writer.write('a');
  let isWritten = false;
  written.then(() => { isWritten = true; });
  await turn();
  assert_false(isWritten);
  await readable.getReader().read();
  await written;
}, 'nothing is transformed before somebody wants it');

promise_test(async () => {
  const from = source({ a: [1] }, 'b');
  const moved = structuredClone(from, { transfer: [from] });
  assert_true(from.locked);
  assert_object_equals(await collect(moved), [{ a: [1] }, 'b']);
  const seen = [];
  const to = new WritableStream({ write: chunk => void seen.push(chunk) });
  await source('a').pipeTo(structuredClone(to, { transfer: [to] }));
  assert_array_equals(seen, ['a']);
  const both = new TransformStream();
  const other = structuredClone({ both }, { transfer: [both] }).both;
  assert_array_equals(await collect(source('c').pipeThrough(other)), ['c']);
}, 'streams of all kinds can be transferred');

test(() => {
  const locked = source();
  locked.getReader();
  assert_throws_dom('DataCloneError', () => structuredClone(source()));
  assert_throws_dom('DataCloneError', () => structuredClone(locked, { transfer: [locked] }));
}, 'a stream is not cloned, and a locked one not transferred');
