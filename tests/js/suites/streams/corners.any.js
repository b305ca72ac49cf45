// Corners of https://streams.spec.whatwg.org/ where several parts meet

const turn = () => new Promise(resolve => setTimeout(resolve, 0));
const collect = async stream => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

promise_test(async t => {
  const reasons = [];
  const [a, b] = new ReadableStream({ cancel: reason => void reasons.push(...reason) }).tee();
  await Promise.all([a.cancel('A'), b.cancel('B')]);
  assert_array_equals(reasons, ['A', 'B']);
  const error = new Error();
  const [c, d] = new ReadableStream({ cancel() { throw error; } }).tee();
  const both = [c.cancel(), d.cancel()];
  for (const one of both) await promise_rejects_exactly(t, error, one);
}, 'a source is cancelled when both branches are');

promise_test(async t => {
  let controller;
  const [a, b] = new ReadableStream({ start(it) { controller = it; } }).tee();
  const readers = [a.getReader(), b.getReader()];
  const error = new Error();
  controller.enqueue('kept');
  const first = readers[0].read();
  assert_equals((await first).value, 'kept');
  controller.error(error);
  for (const reader of readers) await promise_rejects_exactly(t, error, reader.closed);
  await promise_rejects_exactly(t, error, readers[1].read());
}, 'both branches fail with their source');

promise_test(async () => {
  const [a, b] = new ReadableStream({ type: 'bytes', start(it) { it.enqueue(new Uint8Array([1, 2])); it.close(); } }).tee();
  const one = (await a.getReader().read()).value;
  const two = (await b.getReader({ mode: 'byob' }).read(new Uint8Array(9))).value;
  one[0] = 9;
  assert_array_equals(two, [1, 2]);
}, 'branches of bytes share no memory');

promise_test(async t => {
  let signal;
  let written = 0;
  const writer = new WritableStream({
    start(it) { signal = it.signal; },
    write: () => (written++, new Promise(() => {})),
  }).getWriter();
  writer.write(1).catch(() => {});
  await turn();
  const error = new Error();
  const aborting = writer.abort(error);
  assert_true(signal.aborted && signal.reason === error);
  await promise_rejects_exactly(t, error, writer.ready);
  await promise_rejects_exactly(t, error, writer.write(2));
  assert_equals(written, 1);
  assert_equals(await Promise.race([aborting, turn().then(() => 'waits')]), 'waits');
}, 'a sink hears of an abort while it writes');

promise_test(async t => {
  const writer = new WritableStream({ write: turn }).getWriter();
  const first = writer.write(1);
  const closing = writer.close();
  await promise_rejects_js(t, TypeError, writer.write(2));
  await promise_rejects_js(t, TypeError, writer.close());
  await Promise.all([first, closing, writer.closed]);
  assert_equals(writer.desiredSize, 0);
  writer.releaseLock();
  assert_throws_js(TypeError, () => writer.desiredSize);
  await promise_rejects_js(t, TypeError, writer.closed);
}, 'nothing is written after a close');

promise_test(async t => {
  let cancelled;
  const transform = new TransformStream({ cancel(reason) { cancelled = reason; } });
  await transform.readable.cancel('why');
  assert_equals(cancelled, 'why');
  await promise_rejects_exactly(t, 'why', transform.writable.getWriter().closed);
  const error = new Error();
  const failing = new TransformStream({ flush() { throw error; } });
  const [writer, reader] = [failing.writable.getWriter(), failing.readable.getReader()];
  await promise_rejects_exactly(t, error, writer.close());
  await promise_rejects_exactly(t, error, reader.closed);
}, 'a transform passes on what ends it');

promise_test(async t => {
  const [cancelled, aborted] = [[], []];
  const controller = new AbortController();
  const source = new ReadableStream({ cancel: reason => void cancelled.push(reason) });
  const sink = new WritableStream({ abort: reason => void aborted.push(reason) });
  const piping = source.pipeTo(sink, { signal: controller.signal });
  controller.abort('stop');
  await promise_rejects_exactly(t, 'stop', piping);
  assert_array_equals([...cancelled, ...aborted], ['stop', 'stop']);
  assert_false(source.locked || sink.locked);
  const kept = new ReadableStream({ start(it) { it.enqueue(1); } });
  await promise_rejects_exactly(t, 5, kept.pipeTo(new WritableStream(), { signal: AbortSignal.abort(5), preventCancel: true }));
  assert_equals((await kept.getReader().read()).value, 1);
}, 'a pipe ends with its signal');

promise_test(async () => {
  const got = [];
  const sink = new WritableStream({ write: chunk => void got.push(chunk) });
  await ReadableStream.from([1, 2]).pipeTo(sink, { preventClose: true });
  const writer = sink.getWriter();
  await writer.write(3);
  await writer.close();
  assert_array_equals(got, [1, 2, 3]);
}, 'a sink that is kept open takes more');

promise_test(async t => {
  assert_array_equals(await collect(ReadableStream.from([Promise.resolve(1), 2])), [1, 2]);
  let returned;
  const stream = ReadableStream.from({
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ value: 1, done: false }),
      return: reason => ((returned = reason), {}),
    }),
  });
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel('bye');
  assert_equals(returned, 'bye');
  const broken = ReadableStream.from({ [Symbol.iterator]: () => ({ next: () => 5 }) });
  await promise_rejects_js(t, TypeError, broken.getReader().read());
  for (const wrong of [undefined, null, 5, {}, { [Symbol.asyncIterator]: 1 }]) assert_throws_js(TypeError, () => ReadableStream.from(wrong));
}, 'streams from iterables');

promise_test(async t => {
  let next = 0;
  const source = { type: 'bytes', pull(it) { it.byobRequest.view[0] = ++next; it.byobRequest.respond(1); } };
  const reader = new ReadableStream(source).getReader({ mode: 'byob' });
  assert_array_equals((await reader.read(new Uint8Array(8), { min: 3 })).value, [1, 2, 3]);
  const { value } = await reader.read(new Uint16Array(2));
  assert_array_equals(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), [4, 5]);
  await promise_rejects_js(t, RangeError, reader.read(new Uint8Array(2), { min: 3 }));
  for (const min of [0, NaN, -1]) await promise_rejects_js(t, TypeError, reader.read(new Uint8Array(2), { min }));
  for (const view of [undefined, null, new Uint8Array(0), new ArrayBuffer(4), new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer)]) {
    await promise_rejects_js(t, TypeError, reader.read(view));
  }
  const gone = new Uint8Array(4);
  gone.buffer.transfer();
  await promise_rejects_js(t, TypeError, reader.read(gone));
}, 'a reader with buffers of its own gets as much as it asks for');

promise_test(async t => {
  const stream = new ReadableStream({ start(it) { it.enqueue('a'); it.enqueue('b'); } });
  const reader = stream.getReader();
  const reads = [reader.read(), reader.read(), reader.read()];
  reader.releaseLock();
  assert_array_equals((await Promise.all(reads.slice(0, 2))).map(it => it.value), ['a', 'b']);
  await promise_rejects_js(t, TypeError, reads[2]);
  for (const late of [reader.closed, reader.read(), reader.cancel()]) await promise_rejects_js(t, TypeError, late);
  assert_false(stream.locked);
}, 'reads that wait fail when the lock is released');

promise_test(async () => {
  const stream = new ReadableStream({ start(it) { it.enqueue('a'); it.enqueue('b'); it.close(); } });
  for await (const chunk of stream.values({ preventCancel: true })) {
    assert_equals(chunk, 'a');
    break;
  }
  assert_array_equals(await collect(stream), ['b']);
}, 'who leaves a loop may leave the stream as it is');

promise_test(async t => {
  for (const size of [-1, NaN, Infinity, undefined]) {
    let controller;
    const stream = new ReadableStream({ start(it) { controller = it; } }, { size: () => size });
    assert_throws_js(RangeError, () => controller.enqueue('a'), `${size}`);
    await promise_rejects_js(t, RangeError, stream.getReader().closed);
  }
  const error = new Error();
  const writer = new WritableStream({}, { size() { throw error; } }).getWriter();
  await promise_rejects_exactly(t, error, writer.write(1));
  await promise_rejects_exactly(t, error, writer.closed);
}, 'a size that is none fails the stream');

test(() => {
  for (const highWaterMark of [-1, NaN, '-5']) {
    for (const Stream of [ReadableStream, WritableStream]) assert_throws_js(RangeError, () => new Stream({}, { highWaterMark }));
  }
  assert_throws_js(RangeError, () => new ReadableStream({ type: 'bytes' }, { size() {} }));
  for (const source of [null, { type: '' }, { type: 'other' }, { start: 1 }, { type: 'bytes', autoAllocateChunkSize: 0 }]) {
    assert_throws_js(TypeError, () => new ReadableStream(source));
  }
  assert_throws_js(RangeError, () => new WritableStream({ type: 'bytes' }));
  for (const it of [{ readableType: 'bytes' }, { writableType: 'x' }]) assert_throws_js(RangeError, () => new TransformStream(it));
}, 'arguments are checked');

promise_test(async () => {
  const decoder = new TextDecoderStream();
  const writer = decoder.writable.getWriter();
  for (const bytes of [[0xef], [0xbb, 0xbf, 0xf0], [0x9f, 0x98], [0x80, 0xe2]]) writer.write(Uint8Array.from(bytes));
  writer.close();
  assert_array_equals(await collect(decoder.readable), ['😀', '\ufffd']);
  const encoder = new TextEncoderStream();
  const texts = encoder.writable.getWriter();
  for (const text of ['\ud83d', '\ude00', '', '\ud83d', 'a\ud83d']) texts.write(text);
  texts.close();
  const bytes = (await collect(encoder.readable)).flatMap(chunk => [...chunk]);
  assert_equals(new TextDecoder().decode(Uint8Array.from(bytes)), '😀\ufffda\ufffd');
}, 'characters that are cut between chunks');
