// META: script=bytes.js
// ECDSA, ECDH, Ed25519 and X25519: RFC 6979, RFC 8032, RFC 7748, and keys that are none.

const sample = bytes('sample');
const jwkKey = (key, algorithm, usages, extractable = true) => subtle.importKey('jwk', key, algorithm, extractable, usages);
const withoutD = ({ d, ...rest }) => rest;

// RFC 6979, A.2.5 and A.2.6: keys, and signatures of "sample" by them.
const p256 = {
  kty: 'EC',
  crv: 'P-256',
  x: 'YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y',
  y: 'eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk',
  d: 'ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE',
};
const p384 = {
  kty: 'EC',
  crv: 'P-384',
  x: '7DpOQVtOGaRWhhgCn0J_pdqai8SukuAuBqrlKGswDGTe-PDqkFWGYGSiVFFUgLwT',
  y: 'gBXZty19VyROqO-awMYhiWcIpZNn-d-59UyoSz8cnbEoiyMcOuDU_nNE_SUzJkcg',
  d: 'a509rS4bjBwFsZh1tmWfTeI8O2Z78pe6mqR3QHhxN9iW1XJOTHCoJfhyyepg0u31',
};
const EC = { name: 'ECDSA', namedCurve: 'P-256' };
const DH = { name: 'ECDH', namedCurve: 'P-256' };

for (const [key, hash, signature] of [
  [
    p256,
    'SHA-256',
    'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  ],
  [
    p384,
    'SHA-384',
    '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46' +
      '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  ],
]) {
  promise_test(async () => {
    const algorithm = { name: 'ECDSA', namedCurve: key.crv };
    const open = await jwkKey(withoutD(key), algorithm, ['verify']);
    assert_true(await subtle.verify({ name: 'ECDSA', hash }, open, unhex(signature), sample));
    assert_false(await subtle.verify({ name: 'ECDSA', hash: 'SHA-512' }, open, unhex(signature), sample));
    for (const wrong of ['', '00', signature.slice(2), `00${signature}`, '00'.repeat(signature.length / 2), 'ff'.repeat(signature.length / 2)]) {
      assert_false(await subtle.verify({ name: 'ECDSA', hash }, open, unhex(wrong), sample));
    }
    const own = await jwkKey(key, algorithm, ['sign']);
    for (const each of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']) {
      const made = await subtle.sign({ name: 'ECDSA', hash: each }, own, sample);
      assert_equals(made.byteLength, signature.length / 2);
      assert_true(await subtle.verify({ name: 'ecdsa', hash: { name: each } }, open, made, sample));
    }
  }, `ECDSA with ${key.crv} reads RFC 6979's signature, and its own`);
}

for (const [curve, field] of [['P-256', 32], ['P-384', 48], ['P-521', 66]]) {
  for (const name of ['ECDSA', 'ECDH']) {
    promise_test(async () => {
      const algorithm = { name, namedCurve: curve };
      const usages = name === 'ECDSA' ? ['sign', 'verify'] : ['deriveBits'];
      const { privateKey, publicKey } = await subtle.generateKey(algorithm, true, usages);
      const shown = `{"name":"${name}","namedCurve":"${curve}"}`;
      assert_equals(told(privateKey), `private true ${shown} ${usages[0]}`);
      assert_equals(told(publicKey), `public true ${shown} ${name === 'ECDSA' ? 'verify' : ''}`);
      const point = await subtle.exportKey('raw', publicKey);
      assert_equals(point.byteLength, 2 * field + 1);
      const jwk = await subtle.exportKey('jwk', privateKey);
      assert_equals([jwk.x, jwk.y, jwk.d].map(it => atob(it.replaceAll('-', '+').replaceAll('_', '/')).length).join(), [field, field, field].join());
      for (const format of ['jwk', 'pkcs8']) {
        const again = await subtle.importKey(format, await subtle.exportKey(format, privateKey), algorithm, true, [usages[0]]);
        assert_equals(hex(await subtle.exportKey('pkcs8', again)), hex(await subtle.exportKey('pkcs8', privateKey)));
      }
      for (const format of ['jwk', 'spki', 'raw']) {
        const again = await subtle.importKey(format, await subtle.exportKey(format, publicKey), algorithm, true, name === 'ECDSA' ? ['verify'] : []);
        assert_equals(hex(await subtle.exportKey('spki', again)), hex(await subtle.exportKey('spki', publicKey)));
      }
      const compressed = new Uint8Array([2 + (new Uint8Array(point).at(-1) & 1), ...new Uint8Array(point).slice(1, field + 1)]);
      const again = await raw(algorithm, compressed, []);
      assert_equals(hex(await subtle.exportKey('raw', again)), hex(point));
    }, `keys of ${name} with ${curve} go out and come in again`);
  }
}

const change = (more, algorithm = EC, usages = ['sign'], key = p256) => () => jwkKey({ ...key, ...more }, algorithm, usages);
const good = 'private true {"name":"ECDSA","namedCurve":"P-256"} sign';
const zero = 'A'.repeat(43);
outcomes(
  [
    ['a JWK', change({}), good],
    ['a JWK with its alg', change({ alg: 'ES256' }), good],
    ['a JWK with its use', change({ use: 'sig' }), good],
    ['a public JWK without usages', change({ d: undefined }, EC, []), 'public true {"name":"ECDSA","namedCurve":"P-256"} '],
    ['a JWK for ECDH with any alg', change({ alg: 'any' }, DH, ['deriveKey']), 'private true {"name":"ECDH","namedCurve":"P-256"} deriveKey'],
    ['a private JWK without usages', change({}, EC, []), 'SyntaxError'],
    ['a private JWK to verify', change({}, EC, ['verify']), 'SyntaxError'],
    ['a public JWK to sign', change({ d: undefined }), 'SyntaxError'],
    ['a public JWK for ECDH with usages', change({ d: undefined }, DH, ['deriveBits']), 'SyntaxError'],
    ['a JWK without x', change({ x: undefined }), 'DataError'],
    ['a JWK without y', change({ y: undefined }), 'DataError'],
    ['a JWK with a short x', change({ x: 'AA' }), 'DataError'],
    ['a JWK with a short d', change({ d: 'AA' }), 'DataError'],
    ['a JWK that is not on the curve', change({ x: p256.y }), 'DataError'],
    ['a public JWK that is not on the curve', change({ x: p256.y, d: undefined }, EC, ['verify']), 'DataError'],
    ["a JWK with another key's d", change({ d: p256.x }), 'DataError'],
    ['a JWK with zero for d', change({ d: zero }), 'DataError'],
    ['a JWK with another curve', change({ crv: 'P-384' }), 'DataError'],
    ['a JWK without a curve', change({ crv: undefined }), 'DataError'],
    ['a JWK of another type', change({ kty: 'OKP' }), 'DataError'],
    ['a JWK with another alg', change({ alg: 'ES384' }), 'DataError'],
    ['a JWK with another use', change({ use: 'enc' }), 'DataError'],
    ['a JWK for ECDH with another use', change({ use: 'sig' }, DH, ['deriveBits']), 'DataError'],
    ['an unknown curve', change({}, { name: 'ECDSA', namedCurve: 'P-999' }), 'NotSupportedError'],
    ['a curve in lower case', change({}, { name: 'ECDSA', namedCurve: 'p-256' }), 'NotSupportedError'],
    ['no curve', change({}, { name: 'ECDSA' }), 'TypeError'],
    ['a new key on an unknown curve', () => subtle.generateKey({ name: 'ECDH', namedCurve: 'Curve25519' }, true, ['deriveBits']), 'NotSupportedError'],
    ['a new key without a usage for its private half', () => subtle.generateKey(EC, true, ['verify']), 'SyntaxError'],
    ['a new key for something else', () => subtle.generateKey(EC, true, ['sign', 'encrypt']), 'SyntaxError'],
    ['a point that is none', () => raw(EC, `04${'01'.repeat(64)}`, ['verify']), 'DataError'],
    ['the point at infinity', () => raw(EC, '00', ['verify']), 'DataError'],
    ['no point', () => raw(EC, '', ['verify']), 'DataError'],
    ['a point that is too long', () => raw(EC, `04${'01'.repeat(65)}`, ['verify']), 'DataError'],
  ],
  told,
);

promise_test(async () => {
  const own = await jwkKey(p256, EC, ['sign']);
  const open = await jwkKey(withoutD(p256), EC, ['verify']);
  const spki = new Uint8Array(await subtle.exportKey('spki', open));
  const pkcs8 = new Uint8Array(await subtle.exportKey('pkcs8', own));
  for (const [format, data, algorithm, usages] of [
    ['spki', spki.slice(0, -1), EC, ['verify']],
    ['spki', new Uint8Array([...spki, 0]), EC, ['verify']],
    ['spki', pkcs8, EC, ['verify']],
    ['spki', spki, { name: 'ECDSA', namedCurve: 'P-384' }, ['verify']],
    ['spki', spki, 'Ed25519', ['verify']],
    ['spki', spki, { name: 'RSA-PSS', hash: 'SHA-1' }, ['verify']],
    ['pkcs8', pkcs8.slice(0, -1), EC, ['sign']],
    ['pkcs8', spki, EC, ['sign']],
    ['pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-521' }, ['sign']],
    ['pkcs8', pkcs8, 'Ed25519', ['sign']],
    ['pkcs8', new Uint8Array(), EC, ['sign']],
  ]) {
    assert_equals(await outcome(() => subtle.importKey(format, data, algorithm, true, usages)), 'DataError');
  }
  for (const [format, key] of [['spki', own], ['raw', own], ['pkcs8', open]]) {
    assert_equals(await outcome(() => subtle.exportKey(format, key)), 'InvalidAccessError', format);
  }
  const hash = 'SHA-256';
  const closed = await jwkKey(p256, EC, ['sign'], false);
  assert_equals(await outcome(() => subtle.exportKey('jwk', closed)), 'InvalidAccessError');
  assert_equals(await outcome(() => subtle.sign({ name: 'ECDSA', hash }, open, sample)), 'InvalidAccessError');
  assert_equals(await outcome(() => subtle.verify({ name: 'ECDSA', hash }, own, sample, sample)), 'InvalidAccessError');
  assert_equals(await outcome(() => subtle.sign('ECDSA', own, sample)), 'TypeError');
  assert_equals(await outcome(() => subtle.sign({ name: 'ECDSA', hash: 'MD5' }, own, sample)), 'NotSupportedError');
}, 'what is no key for an algorithm is none');

// --- agreements ---

const secret = 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552';
const scalar = 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4';
const other = 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c';
const pkcs8Head = type => `302e020100300506032b65${type}04220420`;

/** RFC 7748, 5.2. */
const montgomery = async () => ({
  own: await subtle.importKey('pkcs8', unhex(pkcs8Head('6e') + scalar), 'X25519', true, ['deriveBits', 'deriveKey']),
  open: await raw('X25519', other, []),
});
const bits = length => async () => {
  const { open, own } = await montgomery();
  return subtle.deriveBits({ name: 'X25519', public: open }, own, length);
};
outcomes(
  [
    ['X25519', bits(256), secret],
    ['X25519 with length null', bits(null), secret],
    ['X25519 without a length', bits(undefined), secret],
    ['X25519 of 0 bits', bits(0), ''],
    ['X25519 of 8 bits', bits(8), 'c3'],
    ['X25519 of 9 bits', bits(9), 'c380'],
    ['X25519 of 255 bits', bits(255), secret],
    ['X25519 of 257 bits', bits(257), 'OperationError'],
    ['X25519 of 2^32 + 8 bits', bits(2 ** 32 + 8), 'c3'],
  ],
  hex,
);

promise_test(async () => {
  const { open, own } = await montgomery();
  const derive = (algorithm, key = own) => outcome(() => subtle.deriveBits({ name: 'X25519', ...algorithm }, key, 8));
  assert_equals(await derive({ public: await raw('X25519', new Uint8Array(32), []) }), 'OperationError');
  assert_equals(await derive({}), 'TypeError');
  assert_equals(await derive({ public: {} }), 'TypeError');
  assert_equals(await derive({ public: own }), 'InvalidAccessError');
  assert_equals(await derive({ public: await raw('AES-CBC', new Uint8Array(16), ['encrypt']) }), 'InvalidAccessError');
  assert_equals(await derive({ public: open }, open), 'InvalidAccessError');
  const limited = await subtle.importKey('pkcs8', unhex(pkcs8Head('6e') + scalar), 'X25519', true, ['deriveKey']);
  assert_equals(await derive({ public: open }, limited), 'InvalidAccessError');
}, 'X25519 needs the right keys');

for (const [curve, most] of [['P-256', 256], ['P-384', 384], ['P-521', 528]]) {
  promise_test(async () => {
    const algorithm = { name: 'ECDH', namedCurve: curve };
    const mine = await subtle.generateKey(algorithm, false, ['deriveBits', 'deriveKey']);
    const yours = await subtle.generateKey(algorithm, false, ['deriveBits', 'deriveKey']);
    const derive = (own, open, length) => outcome(() => subtle.deriveBits({ name: 'ECDH', public: open.publicKey }, own.privateKey, length), hex);
    const whole = await derive(mine, yours, null);
    assert_equals(whole.length, most / 4);
    assert_equals(await derive(yours, mine, most), whole);
    assert_equals(await derive(yours, mine, most - 8), whole.slice(0, -2));
    assert_equals(await derive(yours, mine, 0), '');
    const part = await derive(mine, yours, most - 11);
    assert_equals(part, hex(Uint8Array.from(unhex(whole).subarray(0, most / 8 - 1), (it, i) => (i === most / 8 - 2 ? it & 0xf8 : it))));
    assert_equals(await derive(mine, yours, most + 1), 'OperationError');
    const wrong = await subtle.generateKey({ name: 'ECDH', namedCurve: curve === 'P-256' ? 'P-384' : 'P-256' }, false, ['deriveBits']);
    assert_equals(await derive(mine, wrong, 8), 'InvalidAccessError');
    const key = await subtle.deriveKey({ name: 'ECDH', public: yours.publicKey }, mine.privateKey, { name: 'AES-GCM', length: 256 }, true, ['encrypt']);
    assert_equals(hex(await subtle.exportKey('raw', key)), whole.slice(0, 64));
  }, `ECDH with ${curve}`);
}

// --- Ed25519: RFC 8032, 7.1, tests 1 and 2 ---

for (const [seed, open, message, signature] of [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
]) {
  promise_test(async () => {
    const own = await subtle.importKey('pkcs8', unhex(pkcs8Head('70') + seed), 'ed25519', true, ['sign']);
    const found = hex(await subtle.sign('Ed25519', own, unhex(message)));
    const verifier = await raw({ name: 'Ed25519' }, open, ['verify']);
    const x = (await subtle.exportKey('jwk', own)).x;
    assert_equals((await subtle.exportKey('jwk', verifier)).x, x);
    if (seed.startsWith('4c')) assert_equals(found, signature);
    assert_true(await subtle.verify('Ed25519', verifier, unhex(found), unhex(message)));
    assert_false(await subtle.verify('Ed25519', verifier, unhex(found), bytes('another')));
    assert_false(await subtle.verify('Ed25519', verifier, unhex(found.slice(2)), unhex(message)));
    assert_false(await subtle.verify('Ed25519', verifier, new Uint8Array(64), unhex(message)));
  }, `Ed25519 of ${message.length / 2} bytes`);
}

const okp = { kty: 'OKP', crv: 'Ed25519', d: 'TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs', x: 'PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw' };
const edwards = (more, usages = ['sign']) => change(more, 'Ed25519', usages, okp);
const imported = 'private true {"name":"Ed25519"} sign';
outcomes(
  [
    ['an Ed25519 JWK', edwards({}), imported],
    ['an Ed25519 JWK with alg EdDSA', edwards({ alg: 'EdDSA' }), imported],
    ['an Ed25519 JWK with alg Ed25519', edwards({ alg: 'Ed25519' }), imported],
    ['an Ed25519 JWK with its use', edwards({ use: 'sig' }), imported],
    ['an Ed25519 JWK with another alg', edwards({ alg: 'ed25519' }), 'DataError'],
    ['an Ed25519 JWK with another use', edwards({ use: 'enc' }), 'DataError'],
    ['an Ed25519 JWK with another curve', edwards({ crv: 'X25519' }), 'DataError'],
    ['an Ed25519 JWK of another type', edwards({ kty: 'EC' }), 'DataError'],
    ['an Ed25519 JWK without x', edwards({ x: undefined }), 'DataError'],
    ['an Ed25519 JWK with a short x', edwards({ x: 'AA' }), 'DataError'],
    ['an Ed25519 JWK with a short d', edwards({ d: 'AA' }), 'DataError'],
    ["an Ed25519 JWK with another key's x", edwards({ x: okp.d }), 'DataError'],
    ['an Ed25519 JWK for other operations', edwards({ key_ops: ['verify'] }), 'DataError'],
    ['a private Ed25519 JWK to verify', edwards({}, ['verify']), 'SyntaxError'],
    ['a public Ed25519 JWK to sign', edwards({ d: undefined }), 'SyntaxError'],
    ['31 bytes for Ed25519', () => raw('Ed25519', new Uint8Array(31), ['verify']), 'DataError'],
    ['33 bytes for X25519', () => raw('X25519', new Uint8Array(33), []), 'DataError'],
    ['a public X25519 key with usages', () => raw('X25519', new Uint8Array(32), ['deriveBits']), 'SyntaxError'],
    ['an X25519 JWK with any alg', () => jwkKey({ kty: 'OKP', crv: 'X25519', x: okp.x, alg: 'any' }, 'X25519', []), 'public true {"name":"X25519"} '],
    ['a new Ed25519 key that can only verify', () => subtle.generateKey('Ed25519', true, ['verify']), 'SyntaxError'],
  ],
  told,
);

for (const [name, type, usages] of [['Ed25519', '70', ['sign']], ['X25519', '6e', ['deriveBits']]]) {
  promise_test(async () => {
    for (const seed of ['00'.repeat(32), `0000${'07'.repeat(30)}`, 'ff'.repeat(32)]) {
      const data = pkcs8Head(type) + seed;
      const own = await subtle.importKey('pkcs8', unhex(data), name, true, usages);
      assert_equals(hex(await subtle.exportKey('pkcs8', own)), data);
      const jwk = await subtle.exportKey('jwk', own);
      assert_equals(jwk.alg, name === 'Ed25519' ? name : undefined);
      const again = await jwkKey(jwk, name, usages);
      assert_equals(hex(await subtle.exportKey('pkcs8', again)), data);
      const open = await jwkKey(withoutD({ ...jwk, key_ops: undefined }), name, []);
      const spki = await subtle.exportKey('spki', open);
      const point = await subtle.exportKey('raw', open);
      assert_equals(hex(spki), `302a300506032b65${type}032100${hex(point)}`);
      for (const wrong of [new Uint8Array(spki).slice(0, -1), new Uint8Array([0x31, ...new Uint8Array(spki).slice(1)])]) {
        assert_equals(await outcome(() => subtle.importKey('spki', wrong, name, true, [])), 'DataError');
      }
    }
  }, `keys of ${name} have 32 bytes, whatever they are`);
}
