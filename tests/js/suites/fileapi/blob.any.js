// https://w3c.github.io/FileAPI/

test(() => {
  assert_throws_js(TypeError, () => Blob());
  for (const parts of [null, true, 5, 'text', {}, new Date()]) assert_throws_js(TypeError, () => new Blob(parts));
  assert_throws_js(TypeError, () => new Blob([], 'text'));
  assert_throws_js(TypeError, () => new Blob([], { endings: 'other' }));
  const blob = new Blob();
  assert_array_equals([blob.size, blob.type, Blob.length, String(blob)], [0, '', 0, '[object Blob]']);
}, 'arguments are checked');

test(() => {
  const order = [];
  const thing = name => ({ toString: () => (order.push(name), name) });
  const parts = {
    *[Symbol.iterator]() {
      order.push('next 1');
      yield thing('a');
      order.push('next 2');
      yield thing('b');
    },
  };
  const options = {
    get type() {
      order.push('type');
      return thing('t');
    },
    get endings() {
      order.push('endings');
      return thing('native');
    },
  };
  new Blob(parts, options);
  assert_array_equals(order, ['next 1', 'a', 'next 2', 'b', 'endings', 'native', 'type', 't']);
}, 'arguments are converted in order');

promise_test(async () => {
  const bytes = new Uint8Array([65, 66, 67, 68]);
  const parts = [bytes.subarray(1, 3), bytes.buffer, new DataView(bytes.buffer, 3), 'é\ud800', new Blob(['x']), 7, null];
  const blob = new Blob(parts);
  bytes.fill(0);
  assert_equals(await blob.text(), 'BCABCDDé\ufffdx7null');
  assert_equals(await new Blob(['\ufeffa']).text(), 'a');
  assert_array_equals(await new Blob(['\ufeffa']).bytes(), [0xef, 0xbb, 0xbf, 97]);
  assert_equals((await blob.arrayBuffer()).byteLength, blob.size);
  assert_equals(await new Blob(['a\r\nb\rc\nd'], { endings: 'native' }).text(), 'a\nb\nc\nd');
  assert_equals(await new Blob(['a\r\nb']).text(), 'a\r\nb');
}, 'bytes of all kinds of parts are taken when the blob is made');

test(() => {
  for (const [given, type] of [['TEXT/Plain', 'text/plain'], ['a\u00e9', ''], ['a\n', ''], [null, 'null'], [undefined, '']]) {
    assert_equals(new Blob([], { type: given }).type, type);
    assert_equals(new Blob(['a']).slice(0, 1, given).type, type);
  }
}, 'types are in lower case, or none');

promise_test(async () => {
  const blob = new Blob(['0123456789'], { type: 'a/b' });
  for (const [args, text] of [
    [[], '0123456789'],
    [[-3], '789'],
    [[2, 5], '234'],
    [[5, 2], ''],
    [[20], ''],
    [[NaN, Infinity], '0123456789'],
    [[-Infinity, -8], '01'],
    [[1.5, 3.5], '23'],
    [[null, '3'], '012'],
  ]) {
    const part = blob.slice(...args);
    assert_equals(await part.text(), text);
    assert_equals(part.type, '');
  }
  assert_true(new File(['a'], 'n').slice() instanceof Blob);
  assert_false(new File(['a'], 'n').slice() instanceof File);
}, 'a slice is a part');

promise_test(async () => {
  const size = 200000;
  const blob = new Blob([new Uint8Array(size).fill(7)]);
  const reader = blob.stream().getReader({ mode: 'byob' });
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(1000));
    if (done) break;
    assert_equals(value[0], 7);
    total += value.length;
  }
  assert_equals(total, size);
  let chunks = 0;
  for await (const chunk of blob.stream()) chunks += chunk.length;
  assert_equals(chunks, size);
  assert_equals((await blob.bytes()).length, size);
}, 'a stream of a blob is a byte stream; a blob can be read again');

const textOf = async stream => {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  assert_true(pieces.every(it => typeof it === 'string' && it !== ''));
  return pieces.join('');
};

promise_test(async () => {
  const text = '\u{1f600}\u00e9'.repeat(60_000);
  assert_equals(await textOf(new Blob([text]).textStream()), text);
  assert_equals(await textOf(new Blob([]).textStream()), '');
  assert_equals(await textOf(new Blob(['\ufeffa\ufeff']).textStream()), 'a\ufeff');
  assert_equals(await textOf(new Blob([Uint8Array.of(97, 0xf0, 0x9f, 0x98)], { type: 'text/plain;charset=utf-16' }).textStream()), 'a\ufffd');
  assert_equals(await textOf(new File(['file'], 'n').textStream()), 'file');
  const blob = new Blob(['twice']);
  assert_array_equals([await textOf(blob.textStream()), await textOf(blob.textStream())], ['twice', 'twice']);
  const reader = blob.textStream().getReader();
  await reader.cancel('enough');
  assert_true((await reader.read()).done);
  assert_throws_js(TypeError, () => blob.textStream().getReader({ mode: 'byob' }));
  assert_throws_js(TypeError, () => Blob.prototype.textStream.call({}));
}, 'a blob as a stream of text, which is UTF-8');

test(() => {
  assert_throws_js(TypeError, () => new File());
  assert_throws_js(TypeError, () => new File([]));
  assert_throws_js(TypeError, () => new File(undefined, 'n'));
  const before = Date.now();
  const file = new File(['ab'], 'a/\ud800', { type: 'X/Y' });
  assert_array_equals([file.name, file.size, file.type, String(file), File.length], ['a/\ufffd', 2, 'x/y', '[object File]', 2]);
  assert_true(file.lastModified >= before && file.lastModified <= Date.now());
  for (const [given, time] of [[new Date(5), 5], [null, 0], [NaN, 0], [Infinity, 0], [-1.5, -1], ['7', 7], [undefined, null]]) {
    const { lastModified } = new File([], '', { lastModified: given });
    if (time !== null) assert_equals(lastModified, time);
  }
  assert_equals(Object.getPrototypeOf(File), Blob);
}, 'a file is a blob with name and time');
