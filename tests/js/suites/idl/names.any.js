// The names of the minimum common web API (https://min-common-api.proposal.wintertc.org/), and what kind of property each is.

const functions = {
  atob: 1, btoa: 1, clearInterval: 0, clearTimeout: 0, fetch: 1, queueMicrotask: 1, reportError: 1, setInterval: 1, setTimeout: 1, structuredClone: 1,
};
for (const [name, length] of Object.entries(functions)) {
  test(() => {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assert_equals(value.name, name);
    assert_equals(value.length, length);
    assert_array_equals([writable, enumerable, configurable], [true, true, true]);
    assert_throws_js(TypeError, () => new value());
  }, name);
}

const objects = { console: false, crypto: true, globalThis: false, navigator: true, performance: true, self: true };
for (const [name, enumerable] of Object.entries(objects)) {
  test(() => {
    assert_equals(typeof globalThis[name], 'object');
    assert_equals(Object.getOwnPropertyDescriptor(globalThis, name).enumerable, enumerable);
  }, name);
}

for (const name of ['onerror', 'onrejectionhandled', 'onunhandledrejection']) {
  test(() => assert_equals(globalThis[name], null), name);
}

const ofWebAssembly = {
  CompileError: 1, Exception: null, Global: 1, Instance: 1, LinkError: 1, Memory: 1, Module: 1, RuntimeError: 1, Table: 1, Tag: 1,
  compile: 1, compileStreaming: 1, instantiate: 1, instantiateStreaming: 1, validate: 1,
};
for (const [name, length] of Object.entries(ofWebAssembly)) {
  test(() => {
    assert_equals(typeof WebAssembly[name], 'function');
    assert_equals(WebAssembly[name].name, name);
    if (length !== null) assert_equals(WebAssembly[name].length, length);
  }, `WebAssembly.${name}`);
}
test(() => assert_true(WebAssembly.JSTag instanceof WebAssembly.Tag), 'WebAssembly.JSTag');

test(() => {
  assert_equals(self, globalThis);
  assert_class_string(console, 'console');
  assert_equals(Object.keys(Object.getPrototypeOf(console)).length, 0);
  assert_equals(Object.getPrototypeOf(Object.getPrototypeOf(console)), Object.prototype);
  assert_regexp_match(navigator.userAgent, /^Isolane\/\d/);
}, 'their values');

const lengths = {
  assert: 0, clear: 0, count: 0, countReset: 0, debug: 0, dir: 0, dirxml: 0, error: 0, group: 0, groupCollapsed: 0, groupEnd: 0, info: 0, log: 0,
  table: 0, time: 0, timeEnd: 0, timeLog: 0, trace: 0, warn: 0,
};
for (const [name, length] of Object.entries(lengths)) {
  test(() => {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(console, name);
    assert_equals(value.length, length);
    assert_equals(value.name, name);
    assert_array_equals([writable, enumerable, configurable], [true, true, true]);
  }, `console.${name}`);
}
