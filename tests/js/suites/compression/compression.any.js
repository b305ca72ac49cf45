// https://compression.spec.whatwg.org/

const formats = ['gzip', 'deflate', 'deflate-raw'];
const text = 'a text that is compressed, '.repeat(20_000);
const turn = () => new Promise(resolve => setTimeout(resolve, 0));

/** All that comes out of a stream when `chunks` go in. */
async function through(stream, ...chunks) {
  const writer = stream.writable.getWriter();
  const writing = (async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  })();
  writing.catch(() => {});
  const bytes = await new Response(stream.readable).bytes();
  await writing;
  return bytes;
}

const compressed = (format, given = text) => through(new CompressionStream(format), new TextEncoder().encode(given));

test(() => {
  for (const Class of [CompressionStream, DecompressionStream]) {
    assert_throws_js(TypeError, () => new Class());
    for (const format of ['', 'a', 'br', 'GZIP', 'deflate-raw ', undefined, null, 'constructor']) {
      assert_throws_js(TypeError, () => new Class(format));
    }
    const stream = new Class({ toString: () => 'gzip' });
    assert_true(stream.readable instanceof ReadableStream);
    assert_equals(stream.writable, stream.writable);
  }
}, 'there are three formats');

for (const format of formats) {
  promise_test(async () => {
    const data = await compressed(format);
    assert_less_than(data.length, text.length / 50);
    const whole = await through(new DecompressionStream(format), data);
    assert_equals(new TextDecoder().decode(whole), text);
    const bits = [];
    for (let i = 0; i < data.length; i++) bits.push(data.slice(i, i + 1));
    assert_equals(new TextDecoder().decode(await through(new DecompressionStream(format), ...bits)), text);
  }, `${format}: what goes in comes out, in pieces of any size`);

  promise_test(async () => {
    const empty = await compressed(format, '');
    assert_greater_than(empty.length, 0);
    assert_equals((await through(new DecompressionStream(format), empty)).length, 0);
    assert_equals((await through(new DecompressionStream(format), empty, new Uint8Array(0))).length, 0);
  }, `${format}: nothing can be compressed, too`);

  promise_test(async t => {
    const data = await compressed(format);
    await promise_rejects_js(t, TypeError, through(new DecompressionStream(format), data.slice(0, -1)));
    await promise_rejects_js(t, TypeError, through(new DecompressionStream(format)));
    await promise_rejects_js(t, TypeError, through(new DecompressionStream(format), new Uint8Array(100).fill(255)));
  }, `${format}: what is cut off or something else is refused`);

  promise_test(async t => {
    const data = await compressed(format, 'text');
    const padded = new Uint8Array([...data, 0]);
    for (const chunks of [[padded], [data, new Uint8Array(1)]]) {
      const stream = new DecompressionStream(format);
      const writer = stream.writable.getWriter();
      for (const chunk of chunks) writer.write(chunk).catch(() => {});
      writer.closed.catch(() => {});
      const reader = stream.readable.getReader();
      const { value } = await reader.read();
      assert_equals(new TextDecoder().decode(value), 'text');
      await promise_rejects_js(t, TypeError, reader.read());
    }
  }, `${format}: what follows the end is an error, after what came before`);
}

promise_test(async t => {
  for (const Class of [CompressionStream, DecompressionStream]) {
    for (const chunk of [undefined, null, 1, 'text', {}, [1], new Blob(['a'])]) {
      const stream = new Class('gzip');
      const writer = stream.writable.getWriter();
      const write = writer.write(chunk);
      const read = stream.readable.getReader().read();
      writer.closed.catch(() => {});
      await promise_rejects_js(t, TypeError, write);
      await promise_rejects_js(t, TypeError, read);
    }
  }
}, 'chunks are bytes');

promise_test(async () => {
  const bytes = new TextEncoder().encode('text');
  const views = [bytes.buffer, new DataView(bytes.buffer, 1, 2), new Uint16Array(bytes.buffer, 2, 1)];
  for (const view of views) {
    const data = await through(new CompressionStream('deflate'), view);
    const expected = ArrayBuffer.isView(view) ? 'text'.substr(view.byteOffset, view.byteLength) : 'text';
    assert_equals(new TextDecoder().decode(await through(new DecompressionStream('deflate'), data)), expected);
  }
}, 'views of all kinds are their bytes');

promise_test(async () => {
  const bomb = await through(new CompressionStream('gzip'), new Uint8Array(32 << 20));
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  let isWritten = false;
  const written = writer.write(bomb).then(() => { isWritten = true; });
  const reader = stream.readable.getReader();
  let size = (await reader.read()).value.length;
  for (let i = 0; i < 5; i++) await turn();
  assert_false(isWritten);
  const closed = writer.close();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    assert_less_than_equal(value.length, 65536);
    size += value.length;
  }
  assert_equals(size, 32 << 20);
  await Promise.all([written, closed]);
}, 'what is expanded waits for its reader');

promise_test(async () => {
  for (let i = 0; i < 100; i++) {
    const stream = new CompressionStream('gzip');
    const writer = stream.writable.getWriter();
    const write = writer.write(new Uint8Array(10));
    await stream.readable.cancel('enough');
    await write.catch(() => {});
    const other = new DecompressionStream('gzip').writable;
    other.abort('enough').catch(() => {});
  }
  assert_equals(new TextDecoder().decode(await through(new DecompressionStream('gzip'), await compressed('gzip', 'x'))), 'x');
}, 'streams that are given up leave nothing behind');

promise_test(async t => {
  const open = [];
  for (let i = 0; i < 32; i++) {
    const stream = new CompressionStream('gzip');
    const reader = stream.readable.getReader();
    reader.read();
    await stream.writable.getWriter().write(new Uint8Array(1));
    open.push(stream);
  }
  await promise_rejects_js(t, TypeError, compressed('gzip'));
  void open;
}, 'there is a number of them that is too much');
