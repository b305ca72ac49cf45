// META: script=bytes.js
// Whatever tenant code did to the built-ins: keys work, and what may not be seen is not.

const secret = [222, 173, 190, 239, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/** Whether anything in a value looks like the key. */
function showsSecret(value, seen = new Set()) {
  if (typeof value === 'string') return value.includes('3q2-7w') || value.includes('deadbeef') || value.includes('222,173');
  if (typeof value !== 'object' || value === null || seen.has(value)) return false;
  seen.add(value);
  const found = ArrayBuffer.isView(value) ? value : value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
  if (found !== undefined) {
    const all = new Uint8Array(found.buffer, found.byteOffset, found.byteLength);
    return all.some((it, i) => it === 222 && all[i + 1] === 173 && all[i + 2] === 190);
  }
  return Reflect.ownKeys(value).some(key => {
    const property = Object.getOwnPropertyDescriptor(value, key);
    return 'value' in property && showsSecret(property.value, seen);
  });
}

promise_test(async () => {
  const key = await raw('AES-GCM', new Uint8Array(secret), ['encrypt', 'decrypt'], false);
  for (const value of [key, structuredClone(key), { ...key }, Object.getOwnPropertyDescriptors(key), JSON.stringify(key), `${key}`, key.algorithm, key.usages]) {
    assert_false(showsSecret(value));
  }
  assert_equals(Reflect.ownKeys(key).length, 0);
}, 'a key shows nothing of itself');

promise_test(async () => {
  const wrapping = await raw('AES-GCM', new Uint8Array(16), ['wrapKey', 'unwrapKey']);
  const iv = new Uint8Array(12);
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const open = await raw(hmac, new Uint8Array(secret), ['sign']);
  const wrapped = [];
  for (const format of ['raw', 'jwk']) wrapped.push([format, await subtle.wrapKey(format, open, wrapping, { name: 'AES-GCM', iv })]);
  const expected = hex(await subtle.sign('HMAC', open, bytes('x')));
  const data = bytes('x');

  // What spies do must not be spied upon.
  const { defineProperty } = Object;
  const { apply, construct } = Reflect;
  let seen = null;
  const undo = [];
  const note = (receiver, values) => {
    seen = { __proto__: null, receiver, values, next: seen };
  };
  const spy = (object, name) => {
    const original = Object.getOwnPropertyDescriptor(object, name);
    undo.push(() => (original ? Object.defineProperty(object, name, original) : delete object[name]));
    if (original !== undefined && typeof original.value === 'function') {
      const method = original.value;
      defineProperty(object, name, {
        ...original,
        value: function (...values) {
          note(this, values);
          return new.target ? construct(method, values, method) : apply(method, this, values);
        },
      });
    } else {
      defineProperty(object, name, {
        configurable: true,
        get() {
          note(this);
          return original?.get ? apply(original.get, this, []) : original?.value;
        },
        set(value) {
          note(this, value);
          defineProperty(this, name, { __proto__: null, value, writable: true, configurable: true, enumerable: true });
        },
      });
    }
  };
  const results = [];
  try {
    for (const name of ['then', 'catch', 'constructor']) spy(Promise.prototype, name);
    for (const name of ['then', 'k', 'buffer', 'sizes', 'toJSON', 'material', '0']) spy(Object.prototype, name);
    for (const name of ['slice', 'subarray', 'set', 'constructor', 'buffer']) spy(Object.getPrototypeOf(Uint8Array.prototype), name);
    spy(Uint8Array.prototype, 'constructor');
    for (const name of ['slice', 'constructor', 'byteLength']) spy(ArrayBuffer.prototype, name);
    for (const name of ['push', 'slice', 'join', 'map', 'toJSON', '0']) spy(Array.prototype, name);
    for (const name of ['slice', 'charCodeAt', 'toLowerCase']) spy(String.prototype, name);
    for (const name of ['parse', 'stringify']) spy(JSON, name);
    for (const name of ['defineProperty', 'keys', 'freeze']) spy(Object, name);
    for (const name of ['Uint8Array', 'ArrayBuffer', 'Promise', 'TextEncoder', 'TextDecoder']) spy(globalThis, name);
    for (const [format, content] of wrapped) {
      const key = await subtle.unwrapKey(format, content, wrapping, { name: 'AES-GCM', iv }, hmac, false, ['sign']);
      results[results.length] = await subtle.sign('HMAC', key, data);
    }
    const source = await subtle.importKey('raw', content(), 'HKDF', false, ['deriveKey']);
    await subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: data, info: data }, source, { name: 'AES-CBC', length: 128 }, false, ['encrypt']);
  } finally {
    for (const it of undo.reverse()) it();
  }
  function content() {
    return wrapped[0][1];
  }
  assert_equals(results.length, 2);
  for (const result of results) assert_equals(hex(result), expected);
  let count = 0;
  for (let it = seen; it !== null; it = it.next) {
    count += 1;
    assert_false(showsSecret(it.receiver) || showsSecret(it.values), 'something of the key was seen');
  }
  assert_greater_than(count, 0);
}, 'a key that is not extractable is not seen by patched built-ins while it is unwrapped');

promise_test(async () => {
  const array = Array.prototype[Symbol.iterator];
  const lengths = Object.getOwnPropertyDescriptor(Object.prototype, 'length');
  try {
    Array.prototype[Symbol.iterator] = () => {
      throw new Error('patched');
    };
    Object.prototype.hash = 'SHA-1';
    Object.prototype.length = 5;
    Object.prototype.name = 'patched';
    const { privateKey, publicKey } = await subtle.generateKey({ __proto__: null, name: 'ECDSA', namedCurve: 'P-256' }, true, {
      __proto__: null,
      [Symbol.iterator]: () => ({ __proto__: null, left: 2, next() { return { __proto__: null, done: this.left-- === 0, value: this.left === 1 ? 'sign' : 'verify' } } }),
    });
    const algorithm = { __proto__: null, name: 'ECDSA', hash: 'SHA-256' };
    const signature = await subtle.sign(algorithm, privateKey, new Uint8Array(3));
    assert_true(await subtle.verify(algorithm, publicKey, signature, new Uint8Array(3)));
    assert_equals(Reflect.ownKeys(publicKey.algorithm).length, 2);
  } finally {
    Array.prototype[Symbol.iterator] = array;
    for (const name of ['hash', 'length', 'name']) delete Object.prototype[name];
    if (lengths) Object.defineProperty(Object.prototype, 'length', lengths);
  }
}, 'patched iterators and prototypes change nothing');
