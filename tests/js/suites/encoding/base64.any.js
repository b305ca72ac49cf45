// https://infra.spec.whatwg.org/#forgiving-base64, of atob and of data: URLs

/** The standard's algorithm, step by step; null for failure. */
function decoded(text) {
  let data = text.replace(/[\t\n\f\r ]/g, '');
  if (data.length % 4 === 0) data = data.replace(/==?$/, '');
  if (data.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(data)) return null;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const bits = [...data].map(it => alphabet.indexOf(it).toString(2).padStart(6, '0')).join('');
  let bytes = '';
  for (let i = 0; i + 8 <= bits.length; i += 8) bytes += String.fromCharCode(parseInt(bits.slice(i, i + 8), 2));
  return bytes;
}

/** All texts of some characters up to a length. */
function* texts(characters, length) {
  yield '';
  if (length === 0) return;
  for (const rest of texts(characters, length - 1)) for (const first of characters) yield first + rest;
}

const odd = ['\u00a0', '-', '_', '\0', 'é', '\u{10000}', '\v', '.', ' = = ', 'ab\t\n\f\r =\t\n\f\r =\t\n\f\r '];
const all = [...new Set([...texts('aZ9=', 6), ...texts('b+/= ', 5), ...odd, ...odd.map(it => `abcd${it}`), ...odd.map(it => `ab${it}cd`)])];

test(() => {
  for (const text of all) {
    const expected = decoded(text);
    if (expected === null) assert_throws_dom('InvalidCharacterError', () => atob(text), JSON.stringify(text));
    else assert_equals(atob(text), expected, JSON.stringify(text));
  }
  for (const [value, expected] of [[null, '\x9e\xe9e'], [undefined, null], [12, '\xd7'], [NaN, '5\xa3'], [true, '\xb6\xbb\x9e'], [[], '']]) {
    if (expected === null) assert_throws_dom('InvalidCharacterError', () => atob(value));
    else assert_equals(atob(value), expected);
  }
}, `atob of ${all.length} texts`);

promise_test(async t => {
  for (const text of all.filter((it, i) => i % 37 === 0 || odd.some(some => it.includes(some)))) {
    const url = `data:;base64,${encodeURIComponent(text)}`;
    const expected = decoded(text);
    if (expected === null) await promise_rejects_js(t, TypeError, fetch(url), url);
    else assert_array_equals(await (await fetch(url)).bytes(), [...expected].map(it => it.charCodeAt()), url);
  }
}, 'data: URLs in base64');

test(() => {
  for (let length = 0; length < 300; length++) {
    const text = Array.from({ length }, (_, i) => String.fromCharCode((i * 37 + length) & 255)).join('');
    const encoded = btoa(text);
    assert_equals(encoded.length, Math.ceil(length / 3) * 4);
    assert_equals(decoded(encoded), text);
    assert_equals(atob(encoded), text);
  }
  for (const wrong of ['\u0100', 'a\ud800', '😀']) assert_throws_dom('InvalidCharacterError', () => btoa(wrong));
  assert_array_equals([btoa(null), btoa(undefined), btoa(12), btoa({ toString: () => 'x' })], ['bnVsbA==', 'dW5kZWZpbmVk', 'MTI=', 'eA==']);
}, 'btoa is what atob undoes');
