// META: script=bytes.js
// META: script=rsa-key.js
// wrapKey and unwrapKey: every wrapping algorithm, every format.

const iv = new Uint8Array(16);
const hmac = { name: 'HMAC', hash: 'SHA-256' };

const wrappers = {
  'AES-CBC': { name: 'AES-CBC', iv },
  'AES-CTR': { name: 'AES-CTR', counter: iv, length: 64 },
  'AES-GCM': { name: 'AES-GCM', iv, additionalData: bytes('x') },
  'AES-KW': { name: 'AES-KW' },
  'RSA-OAEP': { name: 'RSA-OAEP', label: bytes('x') },
};

async function wrappingPair(name) {
  if (name !== 'RSA-OAEP') {
    const key = await raw(name, new Uint8Array(16).fill(3), ['wrapKey', 'unwrapKey']);
    return [key, key];
  }
  const algorithm = { name, hash: 'SHA-256' };
  const { kty, n, e } = rsaKey;
  return [
    await subtle.importKey('jwk', { kty, n, e }, algorithm, true, ['wrapKey']),
    await subtle.importKey('jwk', rsaKey, algorithm, true, ['unwrapKey']),
  ];
}

async function keys() {
  const ec = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey, publicKey } = await subtle.generateKey(ec, true, ['sign', 'verify']);
  return [
    [await raw('AES-CBC', new Uint8Array(32).fill(5), ['decrypt']), 'AES-CBC', ['decrypt'], ['raw', 'jwk']],
    [await raw(hmac, new Uint8Array(24).fill(9), ['sign']), hmac, ['sign'], ['raw', 'jwk']],
    [privateKey, ec, ['sign'], ['pkcs8', 'jwk']],
    [publicKey, ec, ['verify'], ['spki', 'raw', 'jwk']],
  ];
}

for (const [name, algorithm] of Object.entries(wrappers)) {
  promise_test(async () => {
    const [wrapping, unwrapping] = await wrappingPair(name);
    for (const [key, its, usages, formats] of await keys()) {
      for (const format of formats) {
        const wrapped = await outcome(() => subtle.wrapKey(format, key, wrapping, algorithm));
        if (name === 'RSA-OAEP' && wrapped === 'OperationError' && key.type !== 'secret') continue;
        if (name === 'AES-KW' && format !== 'jwk' && key.type !== 'secret') {
          // These have lengths that are no multiples of eight.
          assert_equals(wrapped, 'OperationError', `${key.type} ${format}`);
          continue;
        }
        const again = await subtle.unwrapKey(format, wrapped, unwrapping, algorithm, its, true, usages);
        assert_equals(told(again), told(key));
        assert_equals(JSON.stringify(await subtle.exportKey('jwk', again)), JSON.stringify(await subtle.exportKey('jwk', key)));
        const closed = await subtle.unwrapKey('raw', await subtle.wrapKey('raw', (await keys())[0][0], wrapping, algorithm), unwrapping, algorithm, 'AES-CBC', false, ['decrypt']);
        assert_false(closed.extractable);
      }
    }
  }, `${name} wraps all kinds of keys`);
}

promise_test(async () => {
  const [wrapping] = await wrappingPair('AES-GCM');
  const algorithm = wrappers['AES-GCM'];
  const key = await raw(hmac, '010203', ['sign']);
  const closed = await raw(hmac, '010203', ['sign'], false);
  const source = await raw('HKDF', '010203', ['deriveBits'], false);
  const reader = await raw('AES-GCM', new Uint8Array(16), ['encrypt']);
  const wrapped = await subtle.wrapKey('raw', key, wrapping, algorithm);
  const unwrap = (format, data, its = hmac, usages = ['sign']) => outcome(() => subtle.unwrapKey(format, data, wrapping, algorithm, its, true, usages), told);
  const jwk = async value => subtle.encrypt(algorithm, await raw('AES-GCM', new Uint8Array(16).fill(3), ['encrypt']), bytes(value));
  for (const [work, expected] of [
    [() => subtle.wrapKey('raw', closed, wrapping, algorithm), 'InvalidAccessError'],
    [() => subtle.wrapKey('raw', source, wrapping, algorithm), 'NotSupportedError'],
    [() => subtle.wrapKey('raw', key, reader, algorithm), 'InvalidAccessError'],
    [() => subtle.wrapKey('raw', key, wrapping, wrappers['AES-CBC']), 'InvalidAccessError'],
    [() => subtle.wrapKey('raw', key, wrapping, 'SHA-1'), 'NotSupportedError'],
    [() => subtle.wrapKey('raw', key, wrapping, 'AES-GCM'), 'TypeError'],
    [() => subtle.wrapKey('pkcs8', key, wrapping, algorithm), 'NotSupportedError'],
    [() => subtle.wrapKey('all', key, wrapping, algorithm), 'TypeError'],
    [() => unwrap('raw', wrapped), 'secret true {"name":"HMAC","hash":{"name":"SHA-256"},"length":24} sign'],
    [() => unwrap('raw', wrapped.slice(1)), 'OperationError'],
    [() => unwrap('raw', wrapped, 'AES-CBC', ['encrypt']), 'DataError'],
    [() => unwrap('raw', wrapped, hmac, []), 'SyntaxError'],
    [() => unwrap('raw', wrapped, hmac, ['encrypt']), 'SyntaxError'],
    [() => unwrap('jwk', wrapped), 'DataError'],
    [async () => unwrap('jwk', await jwk('5')), 'DataError'],
    [async () => unwrap('jwk', await jwk('{"k":"AQID"}')), 'DataError'],
    [async () => unwrap('jwk', await jwk('{"kty":"oct","k":"AQID"} ')), 'secret true {"name":"HMAC","hash":{"name":"SHA-256"},"length":24} sign'],
    [async () => unwrap('jwk', await jwk('{"kty":"oct","k":"AQID","ext":false}')), 'DataError'],
  ]) {
    assert_equals(await outcome(work), expected, `${work}`);
  }
}, 'only what may be wrapped is, and only what is a key is unwrapped');

promise_test(async () => {
  const [wrapping] = await wrappingPair('AES-KW');
  for (const size of [16, 20, 24]) {
    const key = await raw(hmac, new Uint8Array(size).fill(1), ['sign']);
    const expected = size % 8 === 0 ? size + 8 : 'OperationError';
    assert_equals(await outcome(() => subtle.wrapKey('raw', key, wrapping, 'AES-KW'), it => it.byteLength), expected);
  }
}, 'AES-KW wraps multiples of eight bytes');
