// META: script=bytes.js
// AES: NIST SP 800-38A, the specification of GCM, RFC 3394, and every parameter that can be wrong.

const K = '2b7e151628aed2a6abf7158809cf4f3c';
const P = unhex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51');
const IV = unhex('000102030405060708090a0b0c0d0e0f');
const both = ['encrypt', 'decrypt'];
const keyFor = (name, key = K) => raw(name, key, name === 'AES-KW' ? ['wrapKey', 'unwrapKey'] : both);
const encrypt = (algorithm, data = P, key = K) => async () => subtle.encrypt(algorithm, await keyFor(algorithm.name, key), data);
const decrypt = (algorithm, data, key = K) => async () => subtle.decrypt(algorithm, await keyFor(algorithm.name, key), data);

const cbc = { name: 'AES-CBC', iv: IV };
const ctr = (counter, length) => ({ name: 'AES-CTR', counter: unhex(counter), length });
const gcm = { name: 'AES-GCM', iv: unhex('cafebabefacedbaddecaf888') };
const gcmKey = 'feffe9928665731c6d6a8f9467308308';

outcomes(
  [
    // SP 800-38A, F.2.1, F.5.1 and F.5.5; CBC with a block of padding behind.
    ['CBC', encrypt(cbc, P.subarray(0, 16)), '7649abac8119b246cee98e9b12e9197d8964e0b149c10b7b682e6e39aaeb731c'],
    ['CTR of 128 bits', encrypt(ctr('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', 128)), '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff'],
    [
      'CTR with a key of 256 bits',
      encrypt(ctr('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', 128), P, '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4'),
      '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5',
    ],
    // The specification of GCM, test cases 1, 2 and 4.
    ['GCM of nothing', encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, new Uint8Array(), '00'.repeat(16)), '58e2fccefa7e3061367f1d57a4e7455a'],
    ['GCM of a block', encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, new Uint8Array(16), '00'.repeat(16)), '0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf'],
    [
      'GCM with additional data',
      encrypt(
        { ...gcm, additionalData: unhex('feedfacedeadbeeffeedfacedeadbeefabaddad2') },
        unhex('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39'),
        gcmKey,
      ),
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091' +
        '5bc94fbc3221a5db94fae95ae7121a47',
    ],
    ['CBC of nothing is a block', async () => (await encrypt(cbc, new Uint8Array())()).slice(16), ''],
    ['CBC with a short iv', encrypt({ name: 'AES-CBC', iv: new Uint8Array(15) }), 'OperationError'],
    ['CBC without an iv', encrypt({ name: 'AES-CBC' }), 'TypeError'],
    ['CBC with an iv that is none', encrypt({ name: 'AES-CBC', iv: '0123456789abcdef' }), 'TypeError'],
    ['CBC with bad padding', decrypt(cbc, P), 'OperationError'],
    ['CBC that is no block', decrypt(cbc, new Uint8Array(17)), 'OperationError'],
    ['CBC that is nothing', decrypt(cbc, new Uint8Array()), 'OperationError'],
    ['CTR of nothing', encrypt(ctr('00'.repeat(16), 1), new Uint8Array()), ''],
    ['CTR with a counter of 0 bits', encrypt(ctr('00'.repeat(16), 0)), 'OperationError'],
    ['CTR with a counter of 129 bits', encrypt(ctr('00'.repeat(16), 129)), 'OperationError'],
    ['CTR with a length that is no octet', encrypt(ctr('00'.repeat(16), 256)), 'TypeError'],
    ['CTR with a short counter', encrypt(ctr('00'.repeat(15), 64)), 'OperationError'],
    ['CTR with fewer values than blocks', encrypt(ctr('00'.repeat(16), 1), new Uint8Array(33)), 'OperationError'],
    ['GCM of other data', decrypt(gcm, P), 'OperationError'],
    ['GCM that is shorter than its tag', decrypt(gcm, new Uint8Array(15)), 'OperationError'],
    ['GCM without an iv', encrypt({ name: 'AES-GCM' }), 'TypeError'],
    ['GCM with an empty iv', encrypt({ name: 'AES-GCM', iv: new Uint8Array() }), 'OperationError'],
    ['KW does not encrypt', encrypt({ name: 'AES-KW' }), 'NotSupportedError'],
  ],
  hex,
);

promise_test(async () => {
  const first = 'ff'.repeat(15) + 'fe';
  const whole = hex(await encrypt(ctr(first, 2), new Uint8Array(64))());
  const blocks = [];
  for (const counter of [first, 'ff'.repeat(16), `${'ff'.repeat(15)}fc`, `${'ff'.repeat(15)}fd`]) {
    blocks.push(hex(await encrypt(ctr(counter, 128), new Uint8Array(16))()));
  }
  assert_equals(whole, blocks.join(''));
}, 'a counter wraps around in its own bits');

for (const tagLength of [32, 64, 96, 104, 112, 120, 128, undefined]) {
  promise_test(async () => {
    const key = await keyFor('AES-GCM');
    const algorithm = { ...gcm, tagLength, additionalData: bytes('more') };
    const sealed = await subtle.encrypt(algorithm, key, P);
    assert_equals(sealed.byteLength, P.length + (tagLength ?? 128) / 8);
    assert_equals(hex(await subtle.decrypt(algorithm, key, sealed)), hex(P));
    for (const place of [0, P.length, sealed.byteLength - 1]) {
      const wrong = new Uint8Array(sealed.slice());
      wrong[place] ^= 1;
      assert_equals(await outcome(() => subtle.decrypt(algorithm, key, wrong)), 'OperationError');
    }
    const other = { ...algorithm, additionalData: bytes('less') };
    assert_equals(await outcome(() => subtle.decrypt(other, key, sealed)), 'OperationError');
  }, `GCM with a tag of ${tagLength} bits`);
}

outcomes(
  [0, 8, 31, 95, 97, 119, 127, 129, 255].map(tagLength => [
    `GCM has no tag of ${tagLength} bits`,
    encrypt({ ...gcm, tagLength }),
    'OperationError',
  ]),
);

const cases = [];
for (const name of ['AES-CBC', 'AES-CTR', 'AES-GCM', 'AES-KW']) {
  const usage = name === 'AES-KW' ? 'wrapKey' : 'encrypt';
  for (const size of [0, 15, 16, 17, 24, 32, 33]) {
    const isRight = [16, 24, 32].includes(size);
    const expected = isRight ? `secret true {"name":"${name}","length":${size * 8}} ${usage}` : 'DataError';
    cases.push([`a key of ${size} bytes for ${name}`, () => raw(name, new Uint8Array(size), [usage]), expected]);
  }
  for (const length of [0, 64, 128, 192, 256, 257, '128', 128.9]) {
    const isRight = [128, 192, 256].includes(Math.floor(length));
    const expected = isRight ? `secret false {"name":"${name}","length":${Math.floor(length)}} ${usage}` : 'OperationError';
    cases.push([`a new key of ${JSON.stringify(length)} bits for ${name}`, () => subtle.generateKey({ name, length }, false, [usage]), expected]);
  }
  const jwk = (alg, k = 'A'.repeat(22)) => () => subtle.importKey('jwk', { kty: 'oct', k, alg }, name, true, [usage]);
  const imported = `secret true {"name":"${name}","length":128} ${usage}`;
  cases.push(
    [`a length for ${name} that is none`, () => subtle.generateKey({ name, length: -1 }, true, [usage]), 'TypeError'],
    [`no length for ${name}`, () => subtle.generateKey(name, true, [usage]), 'TypeError'],
    [`no usages for ${name}`, () => subtle.generateKey({ name, length: 128 }, true, []), 'SyntaxError'],
    [`other usages for ${name}`, () => subtle.generateKey({ name, length: 128 }, true, [usage, 'sign']), 'SyntaxError'],
    [`a JWK for ${name}`, jwk(`A128${name.slice(4)}`), imported],
    [`a JWK without alg for ${name}`, jwk(undefined), imported],
    [`a JWK for ${name} with another length`, jwk(`A256${name.slice(4)}`), 'DataError'],
    [`a JWK for ${name} with another mode`, jwk('A128OCB'), 'DataError'],
    [`a JWK for ${name} that is too short`, jwk(undefined, 'AAAA'), 'DataError'],
  );
}
outcomes(cases, told);

// RFC 3394, 4.1, 4.2 and 4.6.
for (const [kek, size, expected] of [
  ['000102030405060708090a0b0c0d0e0f', 16, '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5'],
  ['000102030405060708090a0b0c0d0e0f1011121314151617', 16, '96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d'],
  ['000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 32, '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21'],
]) {
  promise_test(async () => {
    const data = '00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f'.slice(0, size * 2);
    const key = await raw('AES-CBC', data, both);
    const wrapping = await keyFor('AES-KW', kek);
    const wrapped = await subtle.wrapKey('raw', key, wrapping, 'AES-KW');
    assert_equals(hex(wrapped), expected);
    const again = await subtle.unwrapKey('raw', wrapped, wrapping, 'AES-KW', 'AES-GCM', true, ['decrypt']);
    assert_equals(hex(await subtle.exportKey('raw', again)), data);
  }, `KW of ${size} bytes with a key of ${kek.length / 2}`);
}
