// https://streams.spec.whatwg.org/#ws

const told = new Error('told');
const turn = () => new Promise(resolve => setTimeout(resolve, 0));

test(() => {
  for (const sink of [null, 1, 'a', { write: 1 }, { close: {} }, { abort: 'a' }, { start: true }]) {
    assert_throws_js(TypeError, () => new WritableStream(sink));
  }
  assert_throws_js(RangeError, () => new WritableStream({ type: 'bytes' }));
  assert_throws_js(RangeError, () => new WritableStream({}, { highWaterMark: -1 }));
  assert_throws_exactly(told, () => new WritableStream({ start() { throw told; } }));
  assert_throws_js(TypeError, () => new WritableStreamDefaultController());
  assert_throws_js(TypeError, () => new WritableStreamDefaultWriter({}));
}, 'what a sink and a strategy may be');

promise_test(async () => {
  const seen = [];
  const stream = new WritableStream({
    start: controller => void seen.push(controller instanceof WritableStreamDefaultController),
    write: (chunk, controller) => void seen.push(chunk, controller instanceof WritableStreamDefaultController),
    close: (...args) => void seen.push('close', args.length),
  });
  const writer = stream.getWriter();
  assert_equals(writer.desiredSize, 1);
  const written = writer.write('a');
  assert_equals(writer.desiredSize, 0);
  const { ready } = writer;
  assert_equals(await written, undefined);
  assert_equals(await ready, undefined);
  await writer.close();
  assert_equals(writer.desiredSize, 0);
  assert_equals(await writer.closed, undefined);
  assert_array_equals(seen, [true, 'a', true, 'close', 0]);
}, 'chunks are written, then the sink is closed');

promise_test(async () => {
  let release;
  const seen = [];
  const writer = new WritableStream({
    write(chunk) {
      seen.push(chunk);
      return new Promise(resolve => { release = resolve; });
    },
  }, { highWaterMark: 2 }).getWriter();
  await writer.ready;
  const writes = [writer.write(1), writer.write(2), writer.write(3)];
  assert_equals(writer.desiredSize, -1);
  await turn();
  assert_array_equals(seen, [1]);
  for (const write of writes) {
    release();
    await write;
    await turn();
  }
  assert_array_equals(seen, [1, 2, 3]);
}, 'one chunk is written at a time');

promise_test(async t => {
  for (const write of [() => { throw told; }, () => Promise.reject(told)]) {
    const writer = new WritableStream({ write }).getWriter();
    await promise_rejects_exactly(t, told, writer.write('a'));
    await promise_rejects_exactly(t, told, writer.write('b'));
    await promise_rejects_exactly(t, told, writer.closed);
    await promise_rejects_exactly(t, told, writer.ready);
    assert_equals(writer.desiredSize, null);
    await promise_rejects_js(t, TypeError, writer.close());
  }
}, 'what a sink throws ends the stream');

promise_test(async t => {
  let reason;
  let signal;
  const stream = new WritableStream({
    start(controller) { signal = controller.signal; },
    abort(given) { reason = given; },
  });
  const writer = stream.getWriter();
  await writer.ready;
  const written = writer.write('a');
  const aborted = writer.abort(told);
  assert_true(signal.aborted);
  assert_equals(signal.reason, told);
  await written;
  assert_equals(await aborted, undefined);
  assert_equals(reason, told);
  await promise_rejects_exactly(t, told, writer.closed);
  assert_equals(await stream.getWriter === undefined, false);
}, 'abort tells the signal at once and the sink after the write in flight');

promise_test(async () => {
  let controller;
  const stream = new WritableStream({ start: it => { controller = it; } });
  await stream.abort('why');
  assert_true(controller.signal.aborted);
  assert_equals(controller.signal.reason, 'why');
  assert_equals(controller.signal, controller.signal);
}, 'a signal that is asked for late is aborted already');

promise_test(async t => {
  let controller;
  const stream = new WritableStream({ start: it => { controller = it; } });
  const writer = stream.getWriter();
  controller.error(told);
  controller.error(new Error('late'));
  await promise_rejects_exactly(t, told, writer.write('a'));
  await promise_rejects_exactly(t, told, writer.closed);
}, 'a controller ends its stream once');

promise_test(async t => {
  const stream = new WritableStream();
  const writer = stream.getWriter();
  assert_true(stream.locked);
  assert_throws_js(TypeError, () => stream.getWriter());
  await promise_rejects_js(t, TypeError, stream.abort());
  await promise_rejects_js(t, TypeError, stream.close());
  const { closed, ready } = writer;
  writer.releaseLock();
  writer.releaseLock();
  assert_false(stream.locked);
  await ready;
  await promise_rejects_js(t, TypeError, closed);
  for (const name of ['abort', 'close', 'write']) await promise_rejects_js(t, TypeError, writer[name]());
  await promise_rejects_js(t, TypeError, writer.ready);
  assert_throws_js(TypeError, () => writer.desiredSize);
  await stream.close();
  await promise_rejects_js(t, TypeError, stream.close());
}, 'a writer locks, and is of no use when it was released');

promise_test(async t => {
  const writer = new WritableStream().getWriter();
  const closed = writer.close();
  await promise_rejects_js(t, TypeError, writer.close());
  await promise_rejects_js(t, TypeError, writer.write('a'));
  await closed;
}, 'nothing follows the end');

promise_test(async t => {
  const writer = new WritableStream({}, { size: () => NaN }).getWriter();
  await promise_rejects_js(t, RangeError, writer.write('a'));
  const other = new WritableStream({}, { size() { throw told; } }).getWriter();
  await promise_rejects_exactly(t, told, other.write('a'));
  for (const name of ['abort', 'close', 'write']) {
    await promise_rejects_js(t, TypeError, WritableStreamDefaultWriter.prototype[name].call({}));
  }
  for (const name of ['abort', 'close']) await promise_rejects_js(t, TypeError, WritableStream.prototype[name].call({}));
}, 'sizes that are none, and objects of another kind');
