// Every kind of value: https://html.spec.whatwg.org/#structuredserializeinternal

const clone = structuredClone;
const tagOf = value => Object.prototype.toString.call(value);

const primitives = [undefined, null, true, NaN, -0, Infinity, 2n ** 70n, '', 'a\0\ud800'];
const wrapped = [true, -0, NaN, 'x\ud800', 5n].map(Object);
for (const value of [...primitives, ...wrapped, new Date(5), new Date(NaN)]) {
  const isObject = typeof value === 'object' && value !== null;
  test(() => {
    const copy = clone(value);
    assert_equals(typeof copy, typeof value);
    assert_equals(tagOf(copy), tagOf(value));
    if (isObject) assert_not_equals(copy, value);
    assert_true(Object.is(copy?.valueOf(), value?.valueOf()));
  }, `${tagOf(value)} ${typeof value} ${Object.is(value, -0) ? '-0' : escape(value)}`);
}

test(() => {
  const pattern = /a\/b/giuy;
  pattern.lastIndex = 3;
  pattern.own = 1;
  const copy = clone(pattern);
  assert_array_equals([copy.source, copy.flags, copy.lastIndex, 'own' in copy], ['a\\/b', 'giuy', 0, false]);
}, 'a RegExp has its source and flags, and begins anew');

const types = ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32', 'Float16', 'Float32', 'Float64', 'BigInt64', 'BigUint64'];
for (const Type of types.map(it => globalThis[`${it}Array`]).filter(Boolean)) {
  test(() => {
    const view = new Type(new ArrayBuffer(64), 16, 2);
    view[0] = typeof view[0] === 'bigint' ? 5n : 5;
    view.own = 1;
    const copy = clone(view);
    assert_equals(Object.getPrototypeOf(copy), Type.prototype);
    assert_array_equals([copy.length, copy.byteOffset, copy.buffer.byteLength, copy[0]], [2, 16, 64, view[0]]);
    assert_false('own' in copy);
  }, Type.name);

  test(() => {
    const size = Type.BYTES_PER_ELEMENT;
    for (const most of [4 * size, 8 * size]) {
      const buffer = new ArrayBuffer(4 * size, { maxByteLength: most });
      new Uint8Array(buffer).fill(3);
      const copy = clone([new Type(buffer), new Type(buffer, size), new Type(buffer, size, 2), new Type(buffer, size, 3), new Uint8Array(buffer)]);
      assert_array_equals(copy[4], new Uint8Array(4 * size).fill(3));
      assert_array_equals(new Uint8Array(buffer), new Uint8Array(4 * size).fill(3));
      copy[0].buffer.resize(3 * size);
      assert_array_equals(copy.slice(0, 4).map(it => it.length), [3, 2, 2, 0]);
      new Uint8Array(buffer).fill(4);
      assert_equals(copy[4][0], 3);
    }
  }, `${Type.name} of as much as there is`);

  test(() => {
    const size = Type.BYTES_PER_ELEMENT;
    const buffer = new ArrayBuffer(4 * size, { maxByteLength: 4 * size });
    const views = [new Type(buffer, 2 * size, 2), new Type(buffer, 2 * size)];
    buffer.resize(size);
    for (const view of views) assert_throws_dom('DataCloneError', () => clone(view));
    assert_throws_dom('DataCloneError', () => clone(views, { transfer: [buffer] }));
    buffer.resize(2 * size);
    assert_throws_dom('DataCloneError', () => clone(views[0]));
    assert_equals(clone(views[1]).length, 0);
    assert_equals(clone(new Type(0)).length, 0);
  }, `${Type.name} out of bounds`);
}

test(() => {
  const copy = clone(new DataView(new ArrayBuffer(8), 1, 3));
  assert_array_equals([copy.byteOffset, copy.byteLength, copy.buffer.byteLength], [1, 3, 8]);
  const buffer = new ArrayBuffer(4, { maxByteLength: 16 });
  const moved = clone([new DataView(buffer, 1), new DataView(buffer, 1, 3)], { transfer: [buffer] });
  moved[0].buffer.resize(10);
  assert_array_equals(moved.map(it => it.byteLength), [9, 3]);
  moved[0].buffer.resize(0);
  assert_throws_dom('DataCloneError', () => clone(moved[0]));
}, 'DataView');

for (const Kind of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
  test(() => {
    const error = new Kind('m', { cause: [1] });
    error.own = 1;
    const copy = clone(error);
    assert_equals(Object.getPrototypeOf(copy), Kind.prototype);
    assert_array_equals([copy.message, copy.stack, copy.cause[0], 'own' in copy], ['m', error.stack, 1, false]);
  }, Kind.name);
}

test(() => {
  const copy = clone(new AggregateError([1], 'm'));
  assert_equals(Object.getPrototypeOf(copy), Error.prototype);
  const error = new TypeError();
  Object.defineProperty(error, 'message', { get: () => assert_unreached() });
  assert_not_own_property(clone(error), 'message');
  const named = new Error('m');
  named.name = { toString: () => assert_unreached() };
  assert_equals(clone(named).name, 'Error');
  const like = clone(Object.create(TypeError.prototype, { message: { value: 'm', enumerable: true } }));
  assert_equals(Object.getPrototypeOf(like), Object.prototype);
  assert_object_equals(like, { message: 'm' });
  const tagged = new RangeError('m');
  tagged[Symbol.toStringTag] = 'Other';
  assert_equals(Object.getPrototypeOf(clone(tagged)), RangeError.prototype);
  const late = new RangeError('m');
  Object.setPrototypeOf(late, null);
  assert_equals(clone(late).message, 'm');
}, 'what is an error is what was born as one');

test(() => {
  const error = new DOMException('m', 'NotFoundError');
  const copy = clone({ error }).error;
  assert_true(copy instanceof DOMException);
  assert_array_equals([copy.name, copy.message, copy.code, tagOf(copy)], ['NotFoundError', 'm', 8, '[object DOMException]']);
  assert_true(error.stack.startsWith(copy.stack));
  assert_false(Object.keys(copy).includes('stack'));
}, 'DOMException');

promise_test(async () => {
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
  const copy = clone({ key }).key;
  assert_not_equals(copy, key);
  const signature = await crypto.subtle.sign('HMAC', key, new Uint8Array(3));
  assert_true(await crypto.subtle.verify('HMAC', copy, signature, new Uint8Array(3)));
  assert_array_equals([copy.type, copy.extractable, copy.usages.join()], ['secret', true, 'sign,verify']);
}, 'CryptoKey');

test(() => {
  const seen = [];
  const object = {
    get b() {
      seen.push('b');
      delete this.c;
      return { deep: 1 };
    },
    c: 1,
    2: 'two',
    [Symbol('s')]: 1,
    get a() {
      seen.push('a');
      this.late = 1;
      return 3;
    },
  };
  Object.defineProperty(object, 'hidden', { value: 1 });
  const copy = clone(object);
  assert_array_equals(seen, ['b', 'a']);
  assert_array_equals(Reflect.ownKeys(copy), ['2', 'b', 'a']);
  assert_true(Object.getOwnPropertyDescriptor(copy, 'b').writable);
  const thrown = new Error();
  assert_throws_exactly(thrown, () => clone({ get a() { throw thrown; } }));
  assert_object_equals(clone(JSON.parse('{"__proto__":{"x":1}}')).__proto__, { x: 1 });
  assert_own_property(clone(JSON.parse('{"__proto__":1}')), '__proto__');
}, 'own enumerable properties with names, in their order; getters run');

test(() => {
  const map = new Map([[1, { a: 1 }], [NaN, -0]]);
  const set = new Set([map, 'a']);
  map.set(set, map);
  map.own = 1;
  const copy = clone(map);
  const keys = [...copy.keys()];
  assert_equals(keys.length, 3);
  assert_true(Number.isNaN(keys[1]));
  assert_equals(copy.get(keys[2]), copy);
  assert_true(keys[2].has(copy));
  assert_false('own' in copy);
  const growing = new Map([[{ get x() { growing.set('late', 1); return 1; } }, 1]]);
  assert_equals(clone(growing).size, 1);
}, 'maps and sets, with what was in them in the beginning');

test(() => {
  for (const [Base, args] of [[Array, [1, 2]], [Map, []], [Set, []], [Date, [1]], [RegExp, ['x']], [Error, ['m']]]) {
    class Derived extends Base {}
    assert_equals(Object.getPrototypeOf(clone(new Derived(...args))), Base.prototype, Base.name);
  }
  const list = (function () { return arguments; })(1, 2);
  assert_equals(tagOf(clone(list)), '[object Object]');
  const long = [];
  long[2 ** 32 - 2] = 1;
  assert_equals(clone(long).length, 2 ** 32 - 1);
  const shared = {};
  const copy = clone([shared, shared]);
  assert_equals(copy[0], copy[1]);
}, 'subclasses are lost, identity is kept');

const unclonable = {
  'a function': () => {},
  'a symbol': Symbol(),
  'a Symbol object': Object(Symbol()),
  'a WeakSet': new WeakSet(),
  'a WeakRef': new WeakRef({}),
  'a FinalizationRegistry': new FinalizationRegistry(() => {}),
  'a generator': (function* () {})(),
  'an asynchronous generator': (async function* () {})(),
  'an iterator': [].values(),
  'an iterator of a map': new Map().entries(),
  'a promise': Promise.reject().catch(() => {}),
  'a form': new FormData(),
  'a class': class {},
  'a formatter': new Intl.NumberFormat(),
  'a module': new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
  'a memory': new WebAssembly.Memory({ initial: 1 }),
  'a proxy': new Proxy([], {}),
};
for (const [name, value] of Object.entries(unclonable)) {
  test(() => {
    for (const whole of [value, [value], new Map([[value, 1]]), new Set([value]), { a: value }, new Error('m', { cause: value })]) {
      assert_throws_dom('DataCloneError', () => clone(whole));
    }
  }, `no clone of ${name}`);
}
