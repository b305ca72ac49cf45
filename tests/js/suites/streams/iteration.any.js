// https://streams.spec.whatwg.org/#rs-asynciterator and ReadableStream.from

const numbers = () => new ReadableStream({
  start(controller) {
    for (const number of [1, 2, 3]) controller.enqueue(number);
    controller.close();
  },
});

test(() => {
  const iterator = numbers().values();
  const prototype = Object.getPrototypeOf(iterator);
  const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype);
  assert_equals(Object.getPrototypeOf(prototype), AsyncIteratorPrototype);
  assert_array_equals(Object.getOwnPropertyNames(prototype).sort(), ['next', 'return']);
  for (const [name, length] of [['next', 0], ['return', 1]]) {
    const { enumerable, configurable, writable, value } = Object.getOwnPropertyDescriptor(prototype, name);
    assert_true(enumerable && configurable && writable);
    assert_equals(value.length, length);
  }
  assert_equals(ReadableStream.prototype[Symbol.asyncIterator], ReadableStream.prototype.values);
  assert_class_string(iterator, 'ReadableStream AsyncIterator');
}, 'the iterator is made as WebIDL has it');

promise_test(async () => {
  const stream = numbers();
  const seen = [];
  for await (const number of stream) seen.push(number);
  assert_array_equals(seen, [1, 2, 3]);
  assert_false(stream.locked);
}, 'chunks come in their order, and the stream is free at the end');

promise_test(async () => {
  for (const preventCancel of [false, true]) {
    let cancelled = false;
    const stream = new ReadableStream({
      pull: controller => controller.enqueue('a'),
      cancel() { cancelled = true; },
    });
    for await (const _ of stream.values({ preventCancel })) break;
    assert_equals(cancelled, !preventCancel);
    assert_false(stream.locked);
  }
}, 'leaving a loop cancels the stream, unless that is not wanted');

promise_test(async () => {
  const iterator = numbers().values();
  const results = await Promise.all([iterator.next(), iterator.next(), iterator.return('end'), iterator.next()]);
  assert_object_equals(results, [
    { value: 1, done: false }, { value: 2, done: false }, { value: 'end', done: true }, { value: undefined, done: true },
  ]);
}, 'calls are answered in their order');

promise_test(async t => {
  const iterator = numbers().values();
  await promise_rejects_js(t, TypeError, iterator.next.call({}));
  await promise_rejects_js(t, TypeError, iterator.return.call(undefined));
}, 'methods of the iterator are for iterators alone');

promise_test(async () => {
  async function* asynchronous() { yield 'a'; yield 'b'; }
  const sources = [['a', 'b'], new Set(['a', 'b']), 'ab', asynchronous(), [Promise.resolve('a'), 'b'],
    ReadableStream.from(['a', 'b'])];
  for (const source of sources) {
    const seen = [];
    for await (const value of ReadableStream.from(source)) seen.push(value);
    assert_array_equals(seen, ['a', 'b']);
  }
}, 'streams are made from iterables of all kinds');

promise_test(async t => {
  for (const value of [undefined, null, 1, {}, { [Symbol.iterator]: 1 }, { [Symbol.asyncIterator]: () => 1 }]) {
    assert_throws_js(TypeError, () => ReadableStream.from(value));
  }
  const wrong = [
    { next: () => 1 },
    { next: () => Promise.resolve(1) },
  ];
  for (const iterator of wrong) {
    const stream = ReadableStream.from({ [Symbol.asyncIterator]: () => iterator });
    await promise_rejects_js(t, TypeError, stream.getReader().read());
  }
  const told = new Error('told');
  const failing = ReadableStream.from({ [Symbol.asyncIterator]: () => ({ next() { throw told; } }) });
  await promise_rejects_exactly(t, told, failing.getReader().read());
}, 'what is no iterable is refused, and what an iterator throws ends the stream');

promise_test(async t => {
  let reason;
  const iterator = { next: async () => ({ value: 1, done: false }), async return(given) { reason = given; return {}; } };
  await ReadableStream.from({ [Symbol.asyncIterator]: () => iterator }).cancel('why');
  assert_equals(reason, 'why');
  const bad = { next: iterator.next, return: () => 1 };
  await promise_rejects_js(t, TypeError, ReadableStream.from({ [Symbol.asyncIterator]: () => bad }).cancel());
  assert_equals(await ReadableStream.from([1]).cancel(), undefined);
}, 'a cancelled stream ends its iterator');

promise_test(async () => {
  let asked = 0;
  const stream = ReadableStream.from({ [Symbol.asyncIterator]: () => ({ next() { asked += 1; return { value: asked, done: false }; } }) });
  await new Promise(resolve => setTimeout(resolve, 0));
  assert_equals(asked, 0);
  await stream.getReader().read();
  assert_equals(asked, 1);
}, 'an iterator is asked for nothing before somebody reads');
