// META: script=bytes.js
// HMAC: RFC 4231, lengths in bits, and JWKs.

const HASHES = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];
const sha256 = { name: 'HMAC', hash: 'SHA-256' };
const first = `secret true {"name":"HMAC","hash":{"name":"SHA-256"},"length":`;

promise_test(async () => {
  // RFC 4231, test cases 1, 2 and 6.
  for (const [key, data, expected] of [
    ['0b'.repeat(20), bytes('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [hex(bytes('Jefe')), bytes('what do ya want for nothing?'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    ['aa'.repeat(131), bytes('Test Using Larger Than Block-Size Key - Hash Key First'), '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'],
  ]) {
    const it = await raw(sha256, key, ['sign', 'verify']);
    assert_equals(hex(await subtle.sign('HMAC', it, data)), expected);
    assert_true(await subtle.verify({ name: 'hmac' }, it, unhex(expected), data));
    assert_false(await subtle.verify('HMAC', it, unhex(expected), bytes('another')));
    assert_false(await subtle.verify('HMAC', it, unhex(expected.slice(2)), data));
    assert_false(await subtle.verify('HMAC', it, new Uint8Array(), data));
  }
}, 'signatures are those of RFC 4231');

const cases = [];
for (const [length, expected] of [
  [undefined, `${first}16} sign`],
  [9, `${first}9} sign`],
  [15, `${first}15} sign`],
  ['16', `${first}16} sign`],
  [0, 'DataError'],
  [8, 'DataError'],
  [17, 'DataError'],
  [null, 'DataError'],
  [-1, 'TypeError'],
  [2 ** 32, 'TypeError'],
  [NaN, 'TypeError'],
]) {
  cases.push([`a key of 2 bytes with length ${length}`, () => raw({ ...sha256, length }, 'ffff', ['sign']), expected]);
}
for (const [length, expected] of [[undefined, 512], [1, 1], [9, 9], [512, 512], [1000000, 1000000]]) {
  cases.push([`a new key of length ${length}`, () => subtle.generateKey({ ...sha256, length }, true, ['sign']), `${first}${expected}} sign`]);
}
const oct = more => () => subtle.importKey('jwk', { kty: 'oct', k: 'AQID', ...more }, sha256, true, ['sign']);
cases.push(
  ['a new key of length 0', () => subtle.generateKey({ ...sha256, length: 0 }, true, ['sign']), 'OperationError'],
  ['a new key without usages', () => subtle.generateKey(sha256, true, []), 'SyntaxError'],
  ['a key of no bytes', () => raw(sha256, '', ['sign']), 'DataError'],
  ['a key without a hash', () => raw({ name: 'HMAC' }, 'ff', ['sign']), 'TypeError'],
  ['a key with a wrong hash', () => raw({ name: 'HMAC', hash: 'HMAC' }, 'ff', ['sign']), 'NotSupportedError'],
  ['a key for something else', () => raw(sha256, 'ff', ['sign', 'encrypt']), 'SyntaxError'],
  ['a key for nothing', () => raw(sha256, 'ff', []), 'SyntaxError'],
  ['a usage that is none', () => raw(sha256, 'ff', ['Sign']), 'TypeError'],
  ['usages that are no list', () => raw(sha256, 'ff', 'sign'), 'TypeError'],
  ['a format that is none', () => subtle.importKey('RAW', unhex('ff'), sha256, true, ['sign']), 'TypeError'],
  ['a format for others', () => subtle.importKey('spki', unhex('ff'), sha256, true, ['sign']), 'NotSupportedError'],
  ['a JWK as bytes', () => subtle.importKey('jwk', unhex('ff'), sha256, true, ['sign']), 'TypeError'],
  ['bytes as a JWK', () => subtle.importKey('raw', { kty: 'oct' }, sha256, true, ['sign']), 'TypeError'],
  ['a JWK', oct({}), `${first}24} sign`],
  ['a JWK with its alg', oct({ alg: 'HS256' }), `${first}24} sign`],
  ['a JWK with its use', oct({ use: 'sig' }), `${first}24} sign`],
  ['a JWK with more operations', oct({ key_ops: ['sign', 'unheard of'] }), `${first}24} sign`],
  ['a JWK of another type', oct({ kty: 'RSA' }), 'DataError'],
  ['a JWK without a type', oct({ kty: undefined }), 'DataError'],
  ['a JWK without a key', oct({ k: undefined }), 'DataError'],
  ['a JWK with padding', oct({ k: 'AQI=' }), 'DataError'],
  ['a JWK with characters of base64', oct({ k: 'AQ+/' }), 'DataError'],
  ['a JWK of one character too many', oct({ k: 'AQIDA' }), 'DataError'],
  ['a JWK with another alg', oct({ alg: 'HS512' }), 'DataError'],
  ['a JWK with another use', oct({ use: 'enc' }), 'DataError'],
  ['a JWK for other operations', oct({ key_ops: ['verify'] }), 'DataError'],
  ['a JWK with an operation twice', oct({ key_ops: ['sign', 'sign'] }), 'DataError'],
  ['a JWK that is not extractable', oct({ ext: false }), 'DataError'],
  ['a JWK with a wrong kind of operations', oct({ key_ops: 'sign' }), 'TypeError'],
  ['no JWK', () => subtle.importKey('jwk', null, sha256, true, ['sign']), 'DataError'],
);
outcomes(cases, told);

promise_test(async () => {
  const key = await raw({ ...sha256, length: 12 }, 'ffff', ['sign']);
  assert_equals(hex(await subtle.exportKey('raw', key)), 'fff0');
}, 'bits beyond the length are zero');

promise_test(async () => {
  for (const hash of HASHES) {
    const key = await subtle.generateKey({ name: 'HMAC', hash }, true, ['sign', 'verify']);
    const jwk = await subtle.exportKey('jwk', key);
    assert_equals(jwk.alg, `HS${hash.slice(4)}`);
    assert_array_equals(jwk.key_ops, ['sign', 'verify']);
    const again = await subtle.importKey('jwk', jwk, { name: 'HMAC', hash }, false, ['verify']);
    assert_true(await subtle.verify('HMAC', again, await subtle.sign('HMAC', key, bytes('x')), bytes('x')));
    assert_equals(await outcome(() => subtle.sign('HMAC', again, bytes('x'))), 'InvalidAccessError');
    assert_equals(await outcome(() => subtle.exportKey('jwk', again)), 'InvalidAccessError');
    assert_equals(await outcome(() => subtle.exportKey('pkcs8', key)), 'NotSupportedError');
  }
}, 'keys go out as JWKs and come in again');

promise_test(async () => {
  const key = await raw(sha256, '01', ['sign']);
  assert_equals(await outcome(() => subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(16) }, key, bytes('x'))), 'InvalidAccessError');
  assert_equals(await outcome(() => subtle.sign('ECDSA', key, bytes('x'))), 'TypeError');
  assert_equals(await outcome(() => subtle.sign('Ed25519', key, bytes('x'))), 'InvalidAccessError');
  assert_equals(await outcome(() => subtle.sign('AES-CBC', key, bytes('x'))), 'NotSupportedError');
  assert_equals(await outcome(() => subtle.sign('HMAC', {}, bytes('x'))), 'TypeError');
}, 'a key is for its algorithm');
