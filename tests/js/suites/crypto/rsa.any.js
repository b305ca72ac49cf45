// META: script=bytes.js
// META: script=rsa-key.js
// META: timeout=long
// RSA: what others made, round trips, lengths and keys that are none.

const sample = bytes('sample');
const PKCS1 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const PSS = { name: 'RSA-PSS', hash: 'SHA-384' };
const OAEP = { name: 'RSA-OAEP', hash: 'SHA-1' };
const jwk = (algorithm, usages, more = {}, extractable = true) => subtle.importKey('jwk', { ...rsaKey, ...more }, algorithm, extractable, usages);
const open = { d: undefined, p: undefined, q: undefined, dp: undefined, dq: undefined, qi: undefined };

promise_test(async () => {
  const own = await jwk(PKCS1, ['sign']);
  const verifier = await jwk(PKCS1, ['verify'], open);
  assert_equals(hex(await subtle.sign('RSASSA-PKCS1-v1_5', own, sample)), made.pkcs1);
  assert_true(await subtle.verify('RSASSA-PKCS1-v1_5', verifier, unhex(made.pkcs1), sample));
  assert_false(await subtle.verify('RSASSA-PKCS1-v1_5', verifier, unhex(made.pkcs1), bytes('other')));
  assert_false(await subtle.verify('RSASSA-PKCS1-v1_5', verifier, unhex(made.pkcs1.slice(2)), sample));
  assert_false(await subtle.verify('RSASSA-PKCS1-v1_5', verifier, new Uint8Array(), sample));
  const other = await jwk({ ...PKCS1, hash: 'SHA-512' }, ['verify'], open);
  assert_false(await subtle.verify('RSASSA-PKCS1-v1_5', other, unhex(made.pkcs1), sample));
}, 'PKCS1-v1_5 makes what OpenSSL makes');

promise_test(async () => {
  const verifier = await jwk(PSS, ['verify'], open);
  assert_true(await subtle.verify({ name: 'RSA-PSS', saltLength: 48 }, verifier, unhex(made.pss), sample));
  assert_false(await subtle.verify({ name: 'RSA-PSS', saltLength: 47 }, verifier, unhex(made.pss), sample));
  assert_false(await subtle.verify({ name: 'RSA-PSS', saltLength: 4294967295 }, verifier, unhex(made.pss), sample));
  const own = await jwk(PSS, ['sign']);
  const sign = saltLength => () => subtle.sign({ name: 'RSA-PSS', saltLength }, own, sample);
  for (const saltLength of [0, 20, 206]) {
    const signature = await sign(saltLength)();
    assert_true(await subtle.verify({ name: 'RSA-PSS', saltLength }, verifier, signature, sample));
    assert_not_equals(hex(signature), saltLength === 0 ? '' : hex(await sign(saltLength)()));
  }
  assert_equals(hex(await sign(0)()), hex(await sign(0)()));
  for (const saltLength of [207, 10000, 4294967295]) assert_equals(await outcome(sign(saltLength)), 'OperationError');
  for (const saltLength of [-1, 4294967296, undefined]) assert_equals(await outcome(sign(saltLength)), 'TypeError');
}, 'PSS has salts of all lengths that fit');

promise_test(async () => {
  const own = await jwk(OAEP, ['decrypt']);
  const sealer = await jwk(OAEP, ['encrypt'], open);
  const label = bytes('label');
  assert_equals(hex(await subtle.decrypt({ name: 'RSA-OAEP', label }, own, unhex(made.oaep))), hex(sample));
  assert_equals(await outcome(() => subtle.decrypt('RSA-OAEP', own, unhex(made.oaep))), 'OperationError');
  for (const size of [0, 1, 214]) {
    const sealed = await subtle.encrypt('RSA-OAEP', sealer, new Uint8Array(size).fill(7));
    assert_equals(hex(await subtle.decrypt({ name: 'RSA-OAEP', label: new Uint8Array() }, own, sealed)), '07'.repeat(size));
  }
  assert_equals(await outcome(() => subtle.encrypt('RSA-OAEP', sealer, new Uint8Array(215))), 'OperationError');
  assert_equals(await outcome(() => subtle.decrypt('RSA-OAEP', own, sample)), 'OperationError');
  assert_equals(await outcome(() => subtle.decrypt('RSA-OAEP', sealer, sample)), 'InvalidAccessError');
  assert_equals(await outcome(() => subtle.encrypt({ name: 'RSA-OAEP', label: 'text' }, sealer, sample)), 'TypeError');
}, 'OAEP opens what OpenSSL sealed');

const kinds = [
  [PKCS1, 'RS256', ['sign', 'verify']],
  [PSS, 'PS384', ['sign', 'verify']],
  [OAEP, 'RSA-OAEP', ['decrypt', 'unwrapKey', 'encrypt', 'wrapKey']],
  [{ ...OAEP, hash: 'SHA-512' }, 'RSA-OAEP-512', ['decrypt', 'unwrapKey', 'encrypt', 'wrapKey']],
];

for (const [algorithm, alg, usages] of kinds) {
  promise_test(async () => {
    const publicExponent = new Uint8Array([1, 0, 1]);
    const pair = await subtle.generateKey({ ...algorithm, modulusLength: 1024, publicExponent }, true, usages);
    const shown = `{"name":"${algorithm.name}","modulusLength":1024,"publicExponent":{"0":1,"1":0,"2":1},"hash":{"name":"${algorithm.hash}"}}`;
    const own = usages.slice(0, usages.length / 2);
    const others = usages.slice(usages.length / 2);
    assert_equals(told(pair.privateKey), `private true ${shown} ${own}`);
    assert_equals(told(pair.publicKey), `public true ${shown} ${others}`);
    assert_equals((await subtle.exportKey('jwk', pair.publicKey)).alg, alg);
    for (const [key, formats, its] of [[pair.privateKey, ['pkcs8', 'jwk'], own], [pair.publicKey, ['spki', 'jwk'], others]]) {
      for (const format of formats) {
        const again = await subtle.importKey(format, await subtle.exportKey(format, key), algorithm, true, its);
        assert_equals(told(again), told(key));
        assert_equals(hex(await subtle.exportKey(formats[0], again)), hex(await subtle.exportKey(formats[0], key)));
      }
    }
    assert_equals(await outcome(() => subtle.exportKey('raw', pair.publicKey)), 'NotSupportedError');
    assert_equals(await outcome(() => subtle.exportKey('spki', pair.privateKey)), 'InvalidAccessError');
    assert_equals(await outcome(() => subtle.exportKey('pkcs8', pair.publicKey)), 'InvalidAccessError');
    assert_equals(await outcome(() => raw(algorithm, 'ff', others)), 'NotSupportedError');
  }, `keys for ${alg} go out and come in again`);
}

const change = (more, usages = ['sign']) => () => jwk(PKCS1, usages, more);
const type = key => key.type;
const generate = more => () =>
  subtle.generateKey({ ...PKCS1, modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), ...more }, true, ['sign']);
outcomes(
  [
    ['a JWK', change({}), 'private'],
    ['a JWK with its alg', change({ alg: 'RS256' }), 'private'],
    ['a JWK with another hash', change({ alg: 'RS384' }), 'DataError'],
    ['a JWK with another algorithm', change({ alg: 'PS256' }), 'DataError'],
    ['a JWK with another use', change({ use: 'enc' }), 'DataError'],
    ['a JWK of another type', change({ kty: 'oct' }), 'DataError'],
    ['a JWK without n', change({ n: undefined }), 'DataError'],
    ['a JWK without e', change({ e: undefined }), 'DataError'],
    ['a JWK without p', change({ p: undefined }), 'DataError'],
    ['a JWK with padding', change({ n: `${rsaKey.n}==` }), 'DataError'],
    ['a JWK with factors that are not', change({ p: rsaKey.dp }), 'DataError'],
    ['a JWK with an even modulus', change({ ...open, n: `${rsaKey.n.slice(0, -1)}A` }, ['verify']), 'DataError'],
    ['a JWK with more primes', change({ oth: [] }), 'NotSupportedError'],
    ['a private JWK to verify', change({}, ['verify']), 'SyntaxError'],
    ['a public JWK to sign', change(open), 'SyntaxError'],
    ['a private JWK for nothing', change({}, []), 'SyntaxError'],
    ['a public JWK for nothing', change(open, []), 'public'],
  ],
  type,
);
outcomes(
  [
    ['the exponent 3', generate({ publicExponent: new Uint8Array([0, 3]) }), 'made'],
    ['the exponent 1', generate({ publicExponent: new Uint8Array([1]) }), 'OperationError'],
    ['the exponent 65536', generate({ publicExponent: new Uint8Array([1, 0, 0]) }), 'OperationError'],
    ['no exponent', generate({ publicExponent: new Uint8Array() }), 'OperationError'],
    ['an exponent of many bytes', generate({ publicExponent: new Uint8Array(1000).fill(255) }), 'OperationError'],
    ['an exponent in an array', generate({ publicExponent: [1, 0, 1] }), 'TypeError'],
    ['an exponent in another view', generate({ publicExponent: new Uint16Array([1, 0, 1]) }), 'TypeError'],
    ['a modulus of no bits', generate({ modulusLength: 0 }), 'OperationError'],
    ['a modulus of 256 bits', generate({ modulusLength: 256 }), 'OperationError'],
    ['a modulus of 2^32 - 1 bits', generate({ modulusLength: 4294967295 }), 'OperationError'],
    ['a modulus of 2^32 bits', generate({ modulusLength: 4294967296 }), 'TypeError'],
    ['no hash', generate({ hash: undefined }), 'TypeError'],
  ],
  () => 'made',
);
