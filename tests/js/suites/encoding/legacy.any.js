// Decoders of https://encoding.spec.whatwg.org/#legacy-single-byte-encodings and the sections after it: characters of each table, and each way to be wrong.

const cases = [
  ['ibm866', '80 9f e0 ff', 'АЯр\u00a0'],
  ['iso-8859-2', 'a1 b1 ff', 'Ąą˙'],
  ['iso-8859-3', 'a1 a5 ff', 'Ħ\ufffd˙'],
  ['iso-8859-6', 'c1 a1 ac', 'ء\ufffd،'],
  ['iso-8859-7', 'a4 e1 ae d2', '€α\ufffd\ufffd'],
  ['iso-8859-8-i', 'e0 a1 fd', 'א\ufffd\u200e'],
  ['iso-8859-16', 'a4 a5 ff', '€„ÿ'],
  ['koi8-r', 'c1 d1 a3', 'аяё'],
  ['koi8-u', 'a4 ae be', 'єўЎ'],
  ['macintosh', '80 db f0', 'Ä€\uf8ff'],
  ['windows-874', 'a1 db 80', 'ก\ufffd€'],
  ['windows-1250', '8a 9a 81', 'Šš\x81'],
  ['windows-1252', '80 81 8d 9f a0 ff', '€\x81\x8dŸ\u00a0ÿ'],
  ['windows-1253', 'aa d2', '\ufffd\ufffd'],
  ['windows-1255', 'e0 d9 ca', 'א\ufffd\u05ba'],
  ['windows-1257', 'a1 a5', '\ufffd\ufffd'],
  ['windows-1258', 'd2 f2', '\u0309\u0323'],
  ['x-mac-cyrillic', '80 ff', 'А€'],
  ['x-user-defined', '00 7f 80 ff', '\0\x7f\uf780\uf7ff'],
  ['gbk', 'c4 e3 ba c3 80 a2 e3', '你好€€'],
  ['gbk', '81 ff 61', '\ufffda'],
  ['gb18030', '81 30 81 30', '\x80'],
  ['gb18030', '84 31 a4 39', '\uffff'],
  ['gb18030', '90 30 81 30 e3 32 9a 35', '\u{10000}\u{10ffff}'],
  ['gb18030', 'e3 32 9a 36', '\ufffd'],
  ['gb18030', '81 35 f4 37 a8 bc', '\ue7c7ḿ'],
  ['gb18030', '81 30 81 61', '\ufffd0乤'],
  ['gb18030', '81 30', '\ufffd'],
  ['gb18030', 'ff 80 81', '\ufffd€\ufffd'],
  ['big5', 'a4 40 88 62 88 64 88 a3 88 a5', '一\u00ca\u0304\u00ca\u030c\u00ea\u0304\u00ea\u030c'],
  ['big5', '87 40 fe fe a4 5c 80', '䏰秔么\ufffd'],
  ['euc-jp', 'a4 a2 8e b1 8f b0 a1', 'あｱ丂'],
  ['euc-jp', '8f a1 a1 8e e0 80 a4', '\ufffd\ufffd\ufffd\ufffd'],
  ['iso-2022-jp', '1b 24 42 24 22 1b 28 42 61', 'あa'],
  ['iso-2022-jp', '1b 28 4a 5c 7e 1b 28 49 31', '¥‾ｱ'],
  ['iso-2022-jp', '1b 24 42 24', '\ufffd'],
  ['iso-2022-jp', '1b 28 42 1b 28 42 61', '\ufffda'],
  ['iso-2022-jp', '1b 24 61 0e 80', '\ufffd$a\ufffd\ufffd'],
  ['shift_jis', '82 a0 b1 5c 7e 80', 'あｱ\\~\x80'],
  ['shift_jis', 'f0 40 fa 54 81 ff 41', '\ue000￢\ufffdA'],
  ['shift_jis', 'a0 fd 82', '\ufffd\ufffd\ufffd'],
  ['euc-kr', 'b0 a1 81 41 c9 a1 80', '가갂\ufffd\ufffd'],
  ['utf-16le', '61 00 3d d8 a9 dc ff fe', 'a\u{1f4a9}\ufeff'],
  ['utf-16be', '00 61 d8 3d dc a9', 'a\u{1f4a9}'],
  ['utf-16le', '00 d8 61 00', '\ufffda'],
  ['utf-16le', '00 dc 00 d8', '\ufffd\ufffd'],
  ['utf-16le', '00 d8 00 d8 00 dc 61', '\ufffd\u{10000}\ufffd'],
  ['utf-16le', 'ff fe 61 00', 'a'],
  ['utf-16be', 'fe ff 00 61', 'a'],
];

const bytesOf = text => Uint8Array.from(text.split(' '), it => Number.parseInt(it, 16));

for (const [label, given, expected] of cases) {
  test(() => {
    const bytes = bytesOf(given);
    assert_equals(new TextDecoder(label).decode(bytes), expected);
    // One byte at a time.
    const decoder = new TextDecoder(label);
    let text = '';
    for (let i = 0; i < bytes.length; i++) text += decoder.decode(bytes.subarray(i, i + 1), { stream: true });
    assert_equals(text + decoder.decode(), expected, 'in pieces');
    const fatal = new TextDecoder(label, { fatal: true });
    if (expected.includes('\ufffd')) {
      assert_throws_js(TypeError, () => fatal.decode(bytes));
      assert_equals(fatal.decode(bytesOf(label.startsWith('utf-16') ? '41 41' : '41')).length, 1, 'it is as new then');
    } else assert_equals(fatal.decode(bytes), expected, 'fatal');
  }, `${label}: ${given}`);
}

test(() => {
  for (const label of ['utf-16le', 'utf-16be']) {
    const bytes = bytesOf(label === 'utf-16le' ? 'ff fe 61 00' : 'fe ff 00 61');
    assert_equals(new TextDecoder(label, { ignoreBOM: true }).decode(bytes), '\ufeffa');
    const decoder = new TextDecoder(label);
    for (let round = 0; round < 2; round++) {
      assert_equals(decoder.decode(bytes.subarray(0, 1), { stream: true }), '');
      assert_equals(decoder.decode(bytes.subarray(1), { stream: true }), 'a');
      assert_equals(decoder.decode(), '');
    }
  }
}, 'byte order marks of UTF-16');
