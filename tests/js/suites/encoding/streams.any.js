// TextDecoderStream and TextEncoderStream (https://encoding.spec.whatwg.org/#interface-textdecoderstream).

async function through(stream, chunks) {
  const writer = stream.writable.getWriter();
  const written = Promise.all([...chunks.map(it => writer.write(it)), writer.close()]);
  written.catch(() => {});
  const found = [];
  for await (const chunk of stream.readable) found.push(chunk);
  await written;
  return found;
}

const party = [0xf0, 0x9f, 0x8e, 0x89];

promise_test(async () => {
  const chunks = [[0x61], party.slice(0, 1), party.slice(1, 3), party.slice(3), [0xff]].map(it => Uint8Array.from(it));
  assert_array_equals(await through(new TextDecoderStream(), chunks), ['a', '\u{1f389}', '\ufffd']);
  assert_array_equals(await through(new TextDecoderStream(), [Uint8Array.from(party.slice(0, 3))]), ['\ufffd']);
  assert_array_equals(await through(new TextDecoderStream(), [new Uint8Array(0)]), []);
  assert_array_equals(await through(new TextDecoderStream('utf-16be'), [Uint8Array.of(0), Uint8Array.of(97)]), ['a']);
  assert_array_equals(await through(new TextDecoderStream(), [Uint8Array.of(97).buffer, new DataView(Uint8Array.of(98).buffer)]), ['a', 'b']);
}, 'decoding in pieces');

promise_test(async t => {
  const fatal = () => new TextDecoderStream('utf-8', { fatal: true });
  await promise_rejects_js(t, TypeError, through(fatal(), [Uint8Array.of(0xff)]));
  await promise_rejects_js(t, TypeError, through(fatal(), [Uint8Array.of(0xf0)]));
  for (const wrong of [undefined, null, 1, 'a', {}, [65]]) {
    await promise_rejects_js(t, TypeError, through(new TextDecoderStream(), [wrong]));
  }
}, 'what can not be decoded ends both sides');

promise_test(async () => {
  const marked = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);
  for (const pieces of [[marked], [marked.subarray(0, 1), marked.subarray(1, 2), marked.subarray(2)]]) {
    assert_equals((await through(new TextDecoderStream(), pieces)).join(''), 'a');
    assert_equals((await through(new TextDecoderStream('utf-8', { ignoreBOM: true }), pieces)).join(''), '\ufeffa');
  }
}, 'byte order marks');

const halves = [
  [['\ud83c', '\udf89'], [party]],
  [['\ud83c', 'a'], [[0xef, 0xbf, 0xbd, 0x61]]],
  [['a\ud83c', '', '\udf89b'], [[0x61], [...party, 0x62]]],
  [['\udf89'], [[0xef, 0xbf, 0xbd]]],
  [['\ud83c'], [[0xef, 0xbf, 0xbd]]],
  [['\ud83c', '\ud83c', '\udf89'], [[0xef, 0xbf, 0xbd], party]],
  [['\ud83c', '\ud83c'], [[0xef, 0xbf, 0xbd], [0xef, 0xbf, 0xbd]]],
  [['', ''], []],
  [[undefined, null, 1, {}], [...['undefined', 'null', '1', '[object Object]'].map(it => Array.from(it, c => c.charCodeAt(0)))]],
];
for (const [chunks, expected] of halves) {
  promise_test(async () => {
    const found = await through(new TextEncoderStream(), chunks);
    assert_equals(JSON.stringify(found.map(it => [...it])), JSON.stringify(expected));
    for (const chunk of found) assert_class_string(chunk, 'Uint8Array');
  }, `encoding ${JSON.stringify(chunks)}`);
}

promise_test(async t => {
  await promise_rejects_js(t, TypeError, through(new TextEncoderStream(), [Symbol()]));
  const reason = new Error('mine');
  const chunk = { toString() { throw reason; } };
  await promise_rejects_exactly(t, reason, through(new TextEncoderStream(), [chunk]));
}, 'what has no text ends both sides');

test(() => {
  const decoder = new TextDecoderStream('latin1', { fatal: true, ignoreBOM: true });
  assert_array_equals([decoder.encoding, decoder.fatal, decoder.ignoreBOM], ['windows-1252', true, true]);
  const encoder = new TextEncoderStream();
  assert_equals(encoder.encoding, 'utf-8');
  for (const it of [decoder, encoder]) {
    assert_true(it.readable instanceof ReadableStream);
    assert_true(it.writable instanceof WritableStream);
    assert_equals(it.readable, it.readable);
    assert_equals(it.writable, it.writable);
  }
}, 'attributes');
