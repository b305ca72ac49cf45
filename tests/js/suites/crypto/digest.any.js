// META: script=bytes.js
// digest: the examples of FIPS 180-4, and what is no algorithm or no data.

const vectors = {
  'SHA-1': [
    'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    'a9993e364706816aba3e25717850c26c9cd0d89d',
  ],
  'SHA-256': [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  ],
  'SHA-384': [
    '38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b',
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  ],
  'SHA-512': [
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
};

const cases = [];
for (const [name, [ofNothing, ofAbc]] of Object.entries(vectors)) {
  cases.push(
    [`${name} of nothing`, () => subtle.digest(name, new Uint8Array()), ofNothing],
    [`${name} of abc`, () => subtle.digest(name, bytes('abc')), ofAbc],
    [`${name} in lower case`, () => subtle.digest(name.toLowerCase(), bytes('abc')), ofAbc],
    [`${name} in an object`, () => subtle.digest({ name }, bytes('abc')), ofAbc],
    [`${name} of a buffer`, () => subtle.digest(name, bytes('abc').buffer), ofAbc],
    [
      `${name} of a part of a buffer`,
      () => subtle.digest(name, new DataView(bytes('xabcx').buffer, 1, 3)),
      ofAbc,
    ],
  );
}

for (const algorithm of ['SHA256', 'sha-3', '', 'MD5', 'AES-CBC', 'SHA-1 ', 'ſha-1', null, 5, undefined]) {
  cases.push([`no algorithm: ${algorithm}`, () => subtle.digest(algorithm, new Uint8Array()), 'NotSupportedError']);
}
for (const algorithm of [{}, { name: undefined }, Symbol.iterator]) {
  cases.push([`an algorithm without a name: ${String(Object.keys(algorithm))} ${typeof algorithm}`, () => subtle.digest(algorithm, new Uint8Array()), 'TypeError']);
}
for (const data of [undefined, null, 'x', [1], {}, 5]) {
  cases.push([`no data: ${data}`, () => subtle.digest('SHA-1', data), 'TypeError']);
}
cases.push(
  ['too few arguments', () => subtle.digest('SHA-1'), 'TypeError'],
  ['another receiver', () => subtle.digest.call({}, 'SHA-1', new Uint8Array()), 'TypeError'],
);

outcomes(cases, hex);

promise_test(async () => {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  assert_equals(hex(await subtle.digest('SHA-1', view)), vectors['SHA-1'][0]);
  assert_equals(hex(await subtle.digest('SHA-1', view.buffer)), vectors['SHA-1'][0]);
}, 'a detached buffer has no bytes');

promise_test(async () => {
  const data = bytes('abc');
  const algorithm = {
    get name() {
      data[0] = 0;
      return 'SHA-1';
    },
  };
  assert_equals(hex(await subtle.digest(algorithm, data)), vectors['SHA-1'][1]);
  const changed = bytes('abc');
  const promise = subtle.digest('SHA-1', changed);
  changed[0] = 0;
  assert_equals(hex(await promise), vectors['SHA-1'][1]);
}, 'the bytes are those at the time of the call');

promise_test(async () => {
  const order = [];
  const done = subtle.digest('SHA-1', new Uint8Array()).then(() => order.push('digest'));
  Promise.resolve().then(() => order.push('microtask'));
  await done;
  assert_equals(order.join(), 'microtask,digest');
}, 'a digest is never there at once');

promise_test(async () => {
  const data = new Uint8Array(3000000).fill(97);
  assert_equals(
    hex(await subtle.digest('SHA-256', data.subarray(0, 1000000))),
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  );
  assert_equals((await subtle.digest('SHA-512', data)).byteLength, 64);
}, 'a million times a');
