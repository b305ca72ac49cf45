// https://console.spec.whatwg.org/. What is written how: snapshot/js/test/console.test.mjs.

test(() => {
  // Before it was touched it is an accessor, which is quicker than V8's own lazy properties.
  assert_equals(typeof console, 'object');
  const { writable, enumerable, configurable, value } = Object.getOwnPropertyDescriptor(globalThis, 'console');
  assert_array_equals([writable, enumerable, configurable, value], [true, false, true, console]);
  assert_false('Console' in globalThis);
  const prototype = Object.getPrototypeOf(console);
  assert_array_equals(Reflect.ownKeys(prototype), []);
  assert_equals(Object.getPrototypeOf(prototype), Object.prototype);
  assert_equals(String(console), '[object console]');
  assert_throws_js(TypeError, () => new console());
}, 'console is a namespace');

const logging = ['assert', 'clear', 'count', 'countReset', 'debug', 'dir', 'dirxml', 'error', 'group', 'groupCollapsed', 'groupEnd', 'info', 'log', 'table', 'time', 'timeEnd', 'timeLog', 'trace', 'warn'];
for (const name of logging) {
  test(() => {
    const { writable, enumerable, configurable, value } = Object.getOwnPropertyDescriptor(console, name);
    assert_array_equals([writable, enumerable, configurable, value.name, value.length], [true, true, true, name, 0]);
    assert_throws_js(TypeError, () => new value());
    assert_equals(value(), undefined);
    assert_equals(value.call(null, 'without a receiver'), undefined);
  }, `console.${name}`);
}

for (const name of ['count', 'countReset', 'time', 'timeLog', 'timeEnd']) {
  test(() => {
    let count = 0;
    console[name]({ toString: () => `${++count}` });
    assert_equals(count, 1);
    const error = new Error();
    assert_throws_exactly(error, () => console[name]({ toString() { throw error; } }));
    assert_throws_js(TypeError, () => console[name](Symbol()));
    for (const label of [undefined, null, 5, '\ud800', []]) console[name](label);
  }, `labels of console.${name} are text`);
}

const hostile = {
  'a getter that throws': { get a() { throw 1; } },
  'a proxy': new Proxy({}, { get() { throw 1; }, ownKeys() { throw 1; }, getOwnPropertyDescriptor() { throw 1; }, getPrototypeOf() { throw 1; } }),
  'a revoked proxy': (() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; })(),
  'no prototype': Object.assign(Object.create(null), { a: 1 }),
  'an own toString': { toString() { throw 1; }, [Symbol.toPrimitive]() { throw 1; } },
  'an own tag': { get [Symbol.toStringTag]() { throw 1; } },
  'a constructor that is none': { constructor: null },
  'an error without a stack': Object.assign(new Error('m'), { stack: undefined, name: null }),
  'an error whose message is odd': Object.defineProperty(new Error(), 'message', { get() { throw 1; } }),
  'a symbol': Symbol('s'),
  'itself': (() => { const it = {}; it.it = it; return it; })(),
  'very deep': (() => { let it = {}; for (let i = 0; i < 5000; i++) it = [it]; return it; })(),
  'very long': Array(100_000).fill('x'),
  'a long text': 'x'.repeat(20_000),
};
for (const [what, value] of Object.entries(hostile)) {
  test(() => {
    for (const name of ['log', 'dir', 'dirxml', 'table', 'error', 'trace', 'group', 'groupEnd']) assert_equals(console[name](value), undefined);
    for (const format of ['%s', '%d', '%i', '%f', '%o', '%O', '%j', '%c', '%%', '%x']) console.log(`${format} and more`, value, value);
    console.assert(false, value);
    console.assert(false, '%s', value);
    console.table([value, { a: value }], ['a']);
    console.table(new Map([[1, value]]));
  }, `any value can be written: ${what}`);
}

test(() => {
  const { map, join } = Array.prototype;
  const { keys } = Object;
  Array.prototype.map = Array.prototype.join = Object.keys = () => assert_unreached();
  try {
    console.log([1, { a: [2] }], new Map([[1, 2]]), new Set([1]), new Error('m'));
    console.table([{ a: 1 }]);
  } finally {
    Object.assign(Array.prototype, { map, join });
    Object.keys = keys;
  }
  for (const key of ['map', 'join']) Object.defineProperty(Array.prototype, key, { enumerable: false });
}, 'what a program has patched is not called');
