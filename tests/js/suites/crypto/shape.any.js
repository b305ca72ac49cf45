// META: script=bytes.js
// The interfaces: their members in order, as WebIDL has them, and who may make objects of them.

const members = {
  Crypto: ['subtle', 'getRandomValues:1', 'randomUUID:0'],
  CryptoKey: ['type', 'extractable', 'algorithm', 'usages'],
  SubtleCrypto: [
    'encrypt:3',
    'decrypt:3',
    'sign:3',
    'verify:4',
    'digest:2',
    'generateKey:3',
    'deriveKey:5',
    'deriveBits:2',
    'importKey:5',
    'exportKey:2',
    'wrapKey:4',
    'unwrapKey:7',
  ],
};

for (const [name, expected] of Object.entries(members)) {
  test(() => {
    const prototype = self[name].prototype;
    const found = Reflect.ownKeys(prototype).filter(it => it !== 'constructor');
    assert_equals(found.pop(), Symbol.toStringTag);
    const shown = found.map(key => {
      const property = Object.getOwnPropertyDescriptor(prototype, key);
      assert_true(property.enumerable && property.configurable, key);
      if (property.get) {
        assert_equals(property.set, undefined);
        assert_equals(property.get.name, `get ${key}`);
        return key;
      }
      assert_true(property.writable);
      assert_equals(property.value.name, key);
      return `${key}:${property.value.length}`;
    });
    assert_array_equals(shown, expected);
    assert_equals(`${prototype}`, `[object ${name}]`);
  }, `${name} has its members`);

  test(() => {
    assert_equals(self[name].length, 0);
    assert_equals(self[name].name, name);
    assert_throws_js(TypeError, () => new self[name]());
    assert_throws_js(TypeError, () => self[name]());
    const property = Object.getOwnPropertyDescriptor(self, name);
    assert_false(property.enumerable);
  }, `${name} has no constructor for tenants`);
}

test(() => {
  assert_equals(crypto.subtle, crypto.subtle);
  assert_true(crypto.subtle instanceof SubtleCrypto);
  for (const [type, key] of [['Crypto', 'subtle'], ['CryptoKey', 'type'], ['CryptoKey', 'usages']]) {
    const { get } = Object.getOwnPropertyDescriptor(self[type].prototype, key);
    assert_throws_js(TypeError, () => get.call({}), key);
  }
}, 'attributes belong to their objects');

const algorithm = { name: 'HMAC', hash: { name: 'SHA-256' } };

promise_test(async () => {
  const key = await subtle.generateKey(algorithm, true, ['verify', 'sign', 'sign']);
  assert_equals(told(key), 'secret true {"name":"HMAC","hash":{"name":"SHA-256"},"length":512} sign,verify');
  assert_equals(key.algorithm, key.algorithm);
  assert_equals(key.usages, key.usages);
  assert_equals(Object.getPrototypeOf(key.algorithm), Object.prototype);
  key.usages.length = 0;
  key.algorithm.name = 'AES-CBC';
  assert_equals((await subtle.sign('HMAC', key, bytes('x'))).byteLength, 32);
}, 'what a key tells is not what it is');

promise_test(async () => {
  const key = await raw(algorithm, '0102', ['sign'], false);
  const copy = structuredClone({ key }).key;
  assert_not_equals(copy, key);
  assert_true(copy instanceof CryptoKey);
  assert_equals(told(copy), told(key));
  assert_equals(hex(await subtle.sign('HMAC', copy, bytes('x'))), hex(await subtle.sign('HMAC', key, bytes('x'))));
  assert_equals(await outcome(() => subtle.exportKey('raw', copy)), 'InvalidAccessError');
}, 'a clone of a key is a key that can do no more');

promise_test(async () => {
  const { privateKey, publicKey } = await subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  assert_array_equals(Object.keys(await subtle.generateKey('X25519', true, ['deriveBits'])), ['privateKey', 'publicKey']);
  const members = await subtle.exportKey('jwk', privateKey);
  assert_array_equals(Object.keys(members), ['alg', 'crv', 'd', 'ext', 'key_ops', 'kty', 'x']);
  assert_equals(Object.getPrototypeOf(members), Object.prototype);
  assert_true(publicKey.extractable);
}, 'dictionaries have their members in order');

promise_test(async () => {
  for (const method of Object.keys(SubtleCrypto.prototype)) {
    if (method === 'constructor') continue;
    const result = subtle[method]();
    assert_true(result instanceof Promise, method);
    assert_equals(await outcome(() => result), 'TypeError', method);
    assert_equals(await outcome(() => SubtleCrypto.prototype[method].call(crypto)), 'TypeError', method);
  }
}, 'methods reject and never throw');

promise_test(async () => {
  const rsa = publicExponent => ({ name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 1024, publicExponent: Uint8Array.from(publicExponent) });
  for (const wrong of [rsa([1, 0, 0]), rsa([]), { name: 'AES-CBC', length: 64 }, { name: 'HMAC', hash: 'SHA-1', length: 0 }]) {
    for (const [usages, name] of [[['deriveBits'], 'SyntaxError'], [[], 'OperationError'], [[wrong.name === 'AES-CBC' ? 'encrypt' : 'sign'], 'OperationError']]) {
      assert_equals(await outcome(() => subtle.generateKey(wrong, true, usages)), name, `${wrong.name} ${usages}`);
    }
  }
}, 'usages that an algorithm has not come before parameters that are wrong, and these before none');
