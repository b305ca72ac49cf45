// https://streams.spec.whatwg.org/#rs

const error = new Error('told');
error.name = 'told';
const turn = () => new Promise(resolve => setTimeout(resolve, 0));

test(() => {
  assert_throws_js(TypeError, () => new ReadableStream(null));
  assert_throws_js(TypeError, () => new ReadableStream('source'));
  assert_throws_js(TypeError, () => new ReadableStream({ type: 'other' }));
  assert_throws_js(TypeError, () => new ReadableStream({ pull: 1 }));
  assert_throws_js(TypeError, () => new ReadableStream({ cancel: {} }));
  assert_throws_js(TypeError, () => new ReadableStream({ start: 'a' }));
  assert_throws_js(TypeError, () => new ReadableStream({}, { size: 1 }));
  assert_throws_js(RangeError, () => new ReadableStream({}, { highWaterMark: -1 }));
  assert_throws_js(RangeError, () => new ReadableStream({}, { highWaterMark: NaN }));
  assert_throws_js(RangeError, () => new ReadableStream({ type: 'bytes' }, { size: () => 1 }));
  assert_throws_js(TypeError, () => ReadableStream());
  new ReadableStream(undefined, undefined);
  new ReadableStream({ type: undefined }, null);
}, 'what a source and a strategy may be');

test(() => {
  const seen = [];
  const tell = name => ({ get: () => void seen.push(name) });
  const source = Object.defineProperties({}, {
    start: tell('start'), type: tell('type'), pull: tell('pull'), cancel: tell('cancel'),
    autoAllocateChunkSize: tell('autoAllocateChunkSize'),
  });
  const strategy = Object.defineProperties({}, { size: tell('size'), highWaterMark: tell('highWaterMark') });
  new ReadableStream(source, strategy);
  assert_array_equals(seen, ['highWaterMark', 'size', 'autoAllocateChunkSize', 'cancel', 'pull', 'start', 'type']);
}, 'members are read in the order of their names, each once');

test(() => {
  assert_throws_exactly(error, () => new ReadableStream({ start() { throw error; } }));
  const source = { start(controller) { this.seen = [controller, arguments.length]; } };
  new ReadableStream(source);
  assert_true(source.seen[0] instanceof ReadableStreamDefaultController);
  assert_equals(source.seen[1], 1);
}, 'start is a method of the source, and what it throws is thrown');

promise_test(async () => {
  let pulls = 0;
  const stream = new ReadableStream({
    pull(controller) {
      pulls += 1;
      controller.enqueue(pulls);
    },
  }, { highWaterMark: 3 });
  await turn();
  assert_equals(pulls, 3);
  const reader = stream.getReader();
  assert_object_equals(await reader.read(), { value: 1, done: false });
  await turn();
  assert_equals(pulls, 4);
}, 'a source is asked for as much as the strategy wants');

promise_test(async () => {
  const stream = new ReadableStream({
    start(controller) {
      assert_equals(controller.desiredSize, 10);
      controller.enqueue('abc');
      assert_equals(controller.desiredSize, 7);
      controller.enqueue('defghijk');
      assert_equals(controller.desiredSize, -1);
      controller.close();
      assert_throws_js(TypeError, () => controller.enqueue('more'));
      assert_throws_js(TypeError, () => controller.close());
    },
  }, { highWaterMark: 10, size: chunk => chunk.length });
  const reader = stream.getReader();
  assert_equals((await reader.read()).value, 'abc');
  assert_equals((await reader.read()).value, 'defghijk');
  assert_object_equals(await reader.read(), { value: undefined, done: true });
  assert_equals(await reader.closed, undefined);
}, 'sizes are those of the strategy, and what is queued can be read after the end');

promise_test(async t => {
  for (const size of [() => -1, () => NaN, () => Infinity]) {
    let controller;
    const stream = new ReadableStream({ start: it => { controller = it; } }, { size });
    assert_throws_js(RangeError, () => controller.enqueue('a'));
    await promise_rejects_js(t, RangeError, stream.getReader().closed);
  }
  let controller;
  const stream = new ReadableStream({ start: it => { controller = it; } }, { size() { throw error; } });
  assert_throws_exactly(error, () => controller.enqueue('a'));
  await promise_rejects_exactly(t, error, stream.getReader().read());
}, 'a size that is none ends the stream');

promise_test(async t => {
  let controller;
  const stream = new ReadableStream({ start: it => { controller = it; } });
  const reader = stream.getReader();
  const read = reader.read();
  controller.enqueue('dropped');
  await read;
  controller.enqueue('lost');
  controller.error(error);
  assert_equals(controller.desiredSize, null);
  await promise_rejects_exactly(t, error, reader.read());
  await promise_rejects_exactly(t, error, reader.closed);
  await promise_rejects_exactly(t, error, reader.cancel());
}, 'an error drops the queue and is what every reader gets');

promise_test(async t => {
  for (const pull of [() => { throw error; }, () => Promise.reject(error)]) {
    const reader = new ReadableStream({ pull }).getReader();
    await promise_rejects_exactly(t, error, reader.closed);
  }
}, 'what pull throws ends the stream');

promise_test(async t => {
  let reason;
  const stream = new ReadableStream({ cancel(given) { reason = given; return 'ignored'; } });
  assert_equals(await stream.cancel(error), undefined);
  assert_equals(reason, error);
  assert_true((await stream.getReader().read()).done);
  await promise_rejects_exactly(t, error, new ReadableStream({ cancel() { throw error; } }).cancel());
  const locked = new ReadableStream();
  locked.getReader();
  assert_true(locked.locked);
  await promise_rejects_js(t, TypeError, locked.cancel());
}, 'cancel tells the source once, and a locked stream can not be cancelled');

promise_test(async t => {
  const stream = new ReadableStream();
  const reader = stream.getReader();
  assert_throws_js(TypeError, () => stream.getReader());
  assert_throws_js(TypeError, () => new ReadableStreamDefaultReader(stream));
  assert_throws_js(TypeError, () => new ReadableStreamDefaultReader({}));
  assert_throws_js(TypeError, () => stream.getReader({ mode: 'other' }));
  const reads = [reader.read(), reader.read()];
  const { closed } = reader;
  reader.releaseLock();
  reader.releaseLock();
  assert_false(stream.locked);
  for (const read of reads) await promise_rejects_js(t, TypeError, read);
  await promise_rejects_js(t, TypeError, closed);
  await promise_rejects_js(t, TypeError, reader.closed);
  await promise_rejects_js(t, TypeError, reader.read());
  await promise_rejects_js(t, TypeError, reader.cancel());
  stream.getReader();
}, 'a reader locks, and lets go with its reads unanswered');

promise_test(async t => {
  const calls = [
    ReadableStream.prototype.cancel, ReadableStream.prototype.pipeTo,
    ReadableStreamDefaultReader.prototype.read, ReadableStreamDefaultReader.prototype.cancel,
    ReadableStreamBYOBReader.prototype.read, ReadableStreamBYOBReader.prototype.cancel,
  ];
  for (const call of calls) {
    for (const self of [undefined, {}, new WritableStream()]) await promise_rejects_js(t, TypeError, call.call(self));
  }
  for (const name of ['getReader', 'tee', 'values', 'pipeThrough']) {
    assert_throws_js(TypeError, () => ReadableStream.prototype[name].call({}));
  }
  const closed = Object.getOwnPropertyDescriptor(ReadableStreamDefaultReader.prototype, 'closed').get;
  await promise_rejects_js(t, TypeError, closed.call({}));
  for (const Class of [ReadableStreamDefaultController, ReadableByteStreamController, ReadableStreamBYOBRequest]) {
    assert_throws_js(TypeError, () => new Class());
    assert_throws_js(TypeError, () => new Class(new ReadableStream()));
  }
}, 'methods are for objects of their kind, and controllers are made by streams alone');

promise_test(async () => {
  const [one, other] = new ReadableStream({
    start(controller) {
      controller.enqueue('a');
      controller.enqueue('b');
      controller.close();
    },
  }).tee();
  const read = async stream => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  };
  assert_array_equals(await read(one), ['a', 'b']);
  assert_array_equals(await read(other), ['a', 'b']);
}, 'both branches of a tee get all chunks');

promise_test(async t => {
  let reasons;
  const [one, other] = new ReadableStream({ cancel(given) { reasons = given; throw error; } }).tee();
  const first = one.cancel(1);
  await turn();
  assert_equals(reasons, undefined);
  const second = other.cancel(2);
  await promise_rejects_exactly(t, error, first);
  await promise_rejects_exactly(t, error, second);
  assert_array_equals(reasons, [1, 2]);
}, 'a tee is cancelled when both branches are, with both reasons');

promise_test(async t => {
  let controller;
  const [one, other] = new ReadableStream({ start: it => { controller = it; } }).tee();
  controller.error(error);
  await promise_rejects_exactly(t, error, one.getReader().read());
  await promise_rejects_exactly(t, error, other.getReader().read());
}, 'an error goes to both branches');

promise_test(async () => {
  const stream = new ReadableStream({ start(controller) { controller.enqueue('a'); controller.close(); } });
  const { then } = Promise.prototype;
  const desired = Object.getOwnPropertyDescriptor(ReadableStreamDefaultController.prototype, 'desiredSize');
  let called = 0;
  Object.prototype.chunk = () => { called += 1; };
  Object.defineProperty(Object.prototype, 'reader', { set() { called += 1; }, configurable: true });
  ReadableStreamDefaultReader.prototype.read = () => { called += 1; };
  Object.defineProperty(ReadableStreamDefaultController.prototype, 'desiredSize', { get() { called += 1; }, configurable: true });
  Promise.prototype.then = function (...args) { called += 1; return then.apply(this, args); };
  const [branch] = stream.tee();
  const target = [];
  const piped = branch.pipeTo(new WritableStream({ write: chunk => void target.push(chunk) }));
  Promise.prototype.then = then;
  Object.defineProperty(ReadableStreamDefaultController.prototype, 'desiredSize', desired);
  delete Object.prototype.chunk;
  delete Object.prototype.reader;
  await piped;
  assert_array_equals(target, ['a']);
  assert_equals(called, 0);
}, 'teeing and piping ask nothing that a program can patch');
