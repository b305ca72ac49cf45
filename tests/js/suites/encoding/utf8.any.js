// TextEncoder and TextDecoder of UTF-8 (https://encoding.spec.whatwg.org/#utf-8-decoder).

const bytesOf = text => Uint8Array.from(text ? text.split(' ') : [], it => Number.parseInt(it, 16));

const wrong = {
  ff: 1, 'c0 80': 2, 'c1 bf': 2, 'e0 80 80': 3, 'e0 9f bf': 3, 'ed a0 80': 3, 'ed bf bf': 3, 'f0 80 80 80': 4, 'f0 8f bf bf': 4, 'f4 90 80 80': 4,
  'f5 80 80 80': 4, 'f8 88 80 80 80': 5, '80': 1, 'bf 80': 2, c2: 1, 'e2 82': 1, 'f0 9f 92': 1, 'e2 e2 82': 2, 'f0 9f f0 9f 92': 2, fe: 1,
};

for (const [given, count] of Object.entries(wrong)) {
  test(() => {
    const bytes = bytesOf(given);
    const expected = '\ufffd'.repeat(count);
    assert_equals(new TextDecoder().decode(bytes), expected);
    assert_equals(new TextDecoder().decode(Uint8Array.of(...bytes, 0x61)), `${expected}a`);
    assert_throws_js(TypeError, () => new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const decoder = new TextDecoder();
    const pieces = Array.from(bytes, byte => decoder.decode(Uint8Array.of(byte), { stream: true }));
    assert_equals(pieces.join('') + decoder.decode(), expected, 'in pieces');
  }, `${given} is no UTF-8`);
}

const texts = ['', 'a', '\0', 'é', '€', '\u{10000}', '\u{10ffff}', '\ufffd', '\uffff', 'Grüße, 世界! 🎉', 'a\ufeffb', '\u07ff\u0800'];
for (const text of texts) {
  test(() => {
    const bytes = new TextEncoder().encode(text);
    assert_equals(new TextDecoder().decode(bytes), text);
    assert_equals(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), text);
    assert_equals(decodeURIComponent(Array.from(bytes, it => `%${it.toString(16).padStart(2, '0')}`).join('')), text);
    for (const size of [1, 2, 3]) {
      const decoder = new TextDecoder();
      let whole = '';
      for (let i = 0; i < bytes.length; i += size) whole += decoder.decode(bytes.subarray(i, i + size), { stream: true });
      assert_equals(whole + decoder.decode(), text, `pieces of ${size}`);
    }
  }, `there and back: ${JSON.stringify(text)}`);
}

test(() => {
  assert_array_equals(new TextEncoder().encode('\ud800'), [0xef, 0xbf, 0xbd]);
  assert_array_equals(new TextEncoder().encode('\udc00\ud800a'), [0xef, 0xbf, 0xbd, 0xef, 0xbf, 0xbd, 0x61]);
  assert_array_equals(new TextEncoder().encode(undefined), []);
  assert_array_equals(new TextEncoder().encode(null), [110, 117, 108, 108]);
  assert_throws_js(TypeError, () => new TextEncoder().encode(Symbol()));
  assert_equals(new TextEncoder('utf-16').encoding, 'utf-8');
}, 'what is encoded');

test(() => {
  const marked = bytesOf('ef bb bf 61');
  assert_equals(new TextDecoder().decode(marked), 'a');
  assert_equals(new TextDecoder('utf-8', { ignoreBOM: true }).decode(marked), '\ufeffa');
  assert_equals(new TextDecoder().decode(bytesOf('ef bb bf ef bb bf')), '\ufeff');
  const decoder = new TextDecoder();
  for (let round = 0; round < 2; round++) {
    assert_equals(decoder.decode(marked.subarray(0, 1), { stream: true }), '');
    assert_equals(decoder.decode(marked.subarray(1, 2), { stream: true }), '');
    assert_equals(decoder.decode(marked.subarray(2), { stream: true }), 'a');
    assert_equals(decoder.decode(marked, { stream: true }), '\ufeffa');
    assert_equals(decoder.decode(), '');
  }
  assert_equals(decoder.decode(bytesOf('ef bb')), '\ufffd');
  assert_equals(decoder.decode(marked), 'a');
}, 'byte order marks');

test(() => {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  assert_equals(decoder.decode(bytesOf('f0 9f'), { stream: true }), '');
  assert_throws_js(TypeError, () => decoder.decode());
  assert_equals(decoder.decode(bytesOf('61')), 'a');
  assert_throws_js(TypeError, () => decoder.decode(bytesOf('ff'), { stream: true }));
  assert_equals(decoder.decode(bytesOf('ef bb bf 61')), 'a');
  assert_equals(decoder.decode(bytesOf('ef bf bd')), '\ufffd');
}, 'fatal decoders start anew after an error');

test(() => {
  const decoder = new TextDecoder('utf-8', { fatal: 1, ignoreBOM: '' });
  assert_true(decoder.fatal);
  assert_false(decoder.ignoreBOM);
  assert_equals(new TextDecoder(undefined).encoding, 'utf-8');
  assert_throws_js(RangeError, () => new TextDecoder(null));
  assert_throws_js(TypeError, () => new TextDecoder('utf-8', 1));
  assert_throws_js(TypeError, () => new TextDecoder().decode([]));
  assert_throws_js(TypeError, () => new TextDecoder().decode('a'));
  assert_throws_js(TypeError, () => new TextDecoder().decode(null));
  assert_throws_js(TypeError, () => new TextDecoder().decode(new Uint8Array(1), 1));
  assert_equals(new TextDecoder().decode(undefined), '');
  assert_equals(new TextDecoder().decode(new ArrayBuffer(0)), '');
  assert_equals(new TextDecoder().decode(new DataView(Uint8Array.of(1, 97, 98).buffer, 1, 1)), 'a');
  assert_equals(new TextDecoder().decode(new Uint16Array(Uint8Array.of(97, 98).buffer)), 'ab');
  const detached = new Uint8Array([97]);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  assert_equals(new TextDecoder().decode(detached), '');
}, 'arguments of decoders');

const into = [
  ['', 10, 0, []],
  ['Hi', 0, 0, []],
  ['A', 10, 1, [0x41]],
  ['\u{1d306}', 4, 2, [0xf0, 0x9d, 0x8c, 0x86]],
  ['\u{1d306}A', 3, 0, []],
  ['A\u{1d306}', 4, 1, [0x41]],
  ['\ud834A\udf06A¥Hi', 10, 5, [0xef, 0xbf, 0xbd, 0x41, 0xef, 0xbf, 0xbd, 0x41, 0xc2, 0xa5]],
  ['A\udf06', 4, 2, [0x41, 0xef, 0xbf, 0xbd]],
  ['¥¥', 4, 2, [0xc2, 0xa5, 0xc2, 0xa5]],
  ['€€', 5, 1, [0xe2, 0x82, 0xac]],
  ['a\ud83d', 2, 1, [0x61]],
];
for (const [text, room, read, written] of into) {
  test(() => {
    for (const offset of [0, 4]) {
      const whole = new Uint8Array(room + 8).fill(1);
      const view = whole.subarray(offset, offset + room);
      const result = new TextEncoder().encodeInto(text, view);
      assert_array_equals(Object.keys(result), ['read', 'written']);
      assert_equals(result.read, read);
      assert_equals(result.written, written.length);
      const expected = new Uint8Array(room + 8).fill(1);
      expected.set(written, offset);
      assert_array_equals(whole, expected);
    }
  }, `encodeInto: ${JSON.stringify(text)} into ${room}`);
}

for (const view of [DataView, Int8Array, Uint8ClampedArray, Uint16Array, Float64Array, BigInt64Array]) {
  test(() => {
    assert_throws_js(TypeError, () => new TextEncoder().encodeInto('', new view(new ArrayBuffer(8))));
  }, `encodeInto refuses ${view.name}`);
}
test(() => {
  for (const wrongTarget of [new ArrayBuffer(1), [], {}, null, 'a']) {
    assert_throws_js(TypeError, () => new TextEncoder().encodeInto('', wrongTarget));
  }
  const detached = new Uint8Array(4);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const { read, written } = new TextEncoder().encodeInto('abc', detached);
  assert_array_equals([read, written], [0, 0]);
}, 'encodeInto: what is no Uint8Array, and one that is detached');
