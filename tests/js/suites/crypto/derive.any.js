// META: script=bytes.js
// HKDF and PBKDF2: RFC 5869, RFC 6070, RFC 7914, and the lengths that there are.

const source = (name, data, usages = ['deriveBits', 'deriveKey']) => raw(name, data, usages, false);
const derive = (algorithm, data, length) => async () => subtle.deriveBits(algorithm, await source(algorithm.name, data), length);

// RFC 5869, A.1 and A.3.
const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: unhex('000102030405060708090a0b0c'), info: unhex('f0f1f2f3f4f5f6f7f8f9') };
const ikm = '0b'.repeat(22);
const okm = '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865';
const empty = new Uint8Array();
const pbkdf2 = (hash, salt, iterations) => ({ name: 'PBKDF2', hash, salt: bytes(salt), iterations });
const password = hex(bytes('password'));

outcomes(
  [
    ['HKDF', derive(hkdf, ikm, 336), okm],
    ['HKDF, less of it', derive(hkdf, ikm, 8), okm.slice(0, 2)],
    ['HKDF without salt and info', derive({ ...hkdf, salt: empty, info: empty }, ikm, 336), '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8'],
    ['HKDF of 0 bits', derive(hkdf, ikm, 0), ''],
    ['HKDF of 7 bits', derive(hkdf, ikm, 7), 'OperationError'],
    ['HKDF without a length', derive(hkdf, ikm), 'OperationError'],
    ['HKDF with length null', derive(hkdf, ikm, null), 'OperationError'],
    ['HKDF of too many bits', derive(hkdf, ikm, 255 * 256 + 8), 'OperationError'],
    ['HKDF without info', derive({ ...hkdf, info: undefined }, ikm, 8), 'TypeError'],
    ['HKDF without salt', derive({ ...hkdf, salt: undefined }, ikm, 8), 'TypeError'],
    ['HKDF without a hash', derive({ ...hkdf, hash: undefined }, ikm, 8), 'TypeError'],
    ['HKDF with a hash that is none', derive({ ...hkdf, hash: 'HKDF' }, ikm, 8), 'NotSupportedError'],
    // RFC 6070, and RFC 7914, 11.
    ['PBKDF2 with SHA-1', derive(pbkdf2('SHA-1', 'salt', 2), password, 160), 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957'],
    ['PBKDF2 with SHA-1, 4096 times', derive(pbkdf2('SHA-1', 'salt', 4096), password, 160), '4b007901b765489abead49d926f721d065a429c1'],
    [
      'PBKDF2 with SHA-256',
      derive(pbkdf2('SHA-256', 'salt', 1), hex(bytes('passwd')), 512),
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc' +
        '49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    ],
    ['PBKDF2 of 0 bits', derive(pbkdf2('SHA-256', 'salt', 1), password, 0), ''],
    ['PBKDF2 of 12 bits', derive(pbkdf2('SHA-256', 'salt', 1), password, 12), 'OperationError'],
    ['PBKDF2 with length null', derive(pbkdf2('SHA-256', 'salt', 1), password, null), 'OperationError'],
    ['PBKDF2 without iterations', derive(pbkdf2('SHA-256', 'salt', 0), password, 8), 'OperationError'],
    ['PBKDF2 with iterations that are none', derive(pbkdf2('SHA-256', 'salt', -1), password, 8), 'TypeError'],
    ['PBKDF2 with too many iterations', derive(pbkdf2('SHA-256', 'salt', 4294967295), password, 8), 'OperationError'],
    ['PBKDF2 of too many bits', derive(pbkdf2('SHA-256', 'salt', 1), password, 4294967288), 'OperationError'],
  ],
  hex,
);

const cases = [];
for (const name of ['HKDF', 'PBKDF2']) {
  const algorithm = name === 'HKDF' ? hkdf : pbkdf2('SHA-256', 'salt', 1);
  const deriveKey = (type, usages, data = ikm) => async () => subtle.deriveKey(algorithm, await source(name, data), type, true, usages);
  cases.push(
    [`a key for ${name}`, () => source(name, ikm), `secret false {"name":"${name}"} deriveKey,deriveBits`],
    [`a key of no bytes for ${name}`, () => source(name, '', ['deriveBits']), `secret false {"name":"${name}"} deriveBits`],
    [`an extractable key for ${name}`, () => raw(name, ikm, ['deriveBits'], true), 'SyntaxError'],
    [`a key for ${name} and more`, () => source(name, ikm, ['deriveBits', 'sign']), 'SyntaxError'],
    [`a key for ${name} and nothing`, () => source(name, ikm, []), 'SyntaxError'],
    [`a JWK for ${name}`, () => subtle.importKey('jwk', { kty: 'oct', k: 'AQID' }, name, false, ['deriveBits']), 'NotSupportedError'],
    [`a new key for ${name}`, () => subtle.generateKey(name, false, ['deriveBits']), 'NotSupportedError'],
    [`${name} for AES`, deriveKey({ name: 'AES-CBC', length: 192 }, ['encrypt']), 'secret true {"name":"AES-CBC","length":192} encrypt'],
    [`${name} for HMAC`, deriveKey({ name: 'HMAC', hash: 'SHA-384' }, ['sign']), 'secret true {"name":"HMAC","hash":{"name":"SHA-384"},"length":1024} sign'],
    [`${name} for HMAC of a length`, deriveKey({ name: 'HMAC', hash: 'SHA-384', length: 40 }, ['sign']), 'secret true {"name":"HMAC","hash":{"name":"SHA-384"},"length":40} sign'],
    [`${name} for AES with a length that is none`, deriveKey({ name: 'AES-CBC', length: 129 }, ['encrypt']), 'OperationError'],
    [`${name} for HMAC with length 0`, deriveKey({ name: 'HMAC', hash: 'SHA-384', length: 0 }, ['sign']), 'TypeError'],
    [`${name} for HKDF, which has no length`, deriveKey('HKDF', ['deriveBits']), 'OperationError'],
    [`${name} for nothing`, deriveKey({ name: 'AES-CBC', length: 128 }, []), 'SyntaxError'],
    [`${name} for what is not derived`, deriveKey({ name: 'ECDSA', namedCurve: 'P-256' }, ['sign']), 'NotSupportedError'],
    [`${name} by another key`, async () => subtle.deriveBits(algorithm, await source(name === 'HKDF' ? 'PBKDF2' : 'HKDF', ikm), 8), 'InvalidAccessError'],
    [`${name} by a key that only derives keys`, async () => subtle.deriveBits(algorithm, await source(name, ikm, ['deriveKey']), 8), 'InvalidAccessError'],
    [`${name} by a key that only derives bits`, async () => subtle.deriveKey(algorithm, await source(name, ikm, ['deriveBits']), { name: 'AES-CBC', length: 128 }, true, ['encrypt']), 'InvalidAccessError'],
  );
}
outcomes(cases, told);

promise_test(async () => {
  const key = await subtle.deriveKey(hkdf, await source('HKDF', ikm), { name: 'AES-GCM', length: 256 }, true, ['encrypt']);
  assert_equals(hex(await subtle.exportKey('raw', key)), okm.slice(0, 64));
}, 'a derived key is the derived bits');
