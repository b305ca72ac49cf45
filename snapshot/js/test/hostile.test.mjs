// Tenant code that changes the built-ins: the core goes on, and nothing of it gets out.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onFetch, onTask } from './harness.mjs';

/** What each piece does before the handler runs. `leaks` collects what it got hold of. */
const corpus = {
  'Array.prototype is broken': `
    for (const name of Object.getOwnPropertyNames(Array.prototype)) {
      if (typeof Array.prototype[name] === 'function' && name !== 'constructor') Array.prototype[name] = function () { leaks.push(name); throw new Error('broken ' + name) };
    }`,
  'Array.prototype has setters for indexes': `
    for (let i = 0; i < 20; i++) Object.defineProperty(Array.prototype, i, { configurable: true, set(v) { leaks.push(v) }, get() { return undefined } });`,
  'Object.prototype has setters and getters': `
    for (const key of ['value', 'writable', 'enumerable', 'configurable', 'get', 'set', 'kind', 'source', 'stream', 'used', 'next', 'first', 'last', 'id', 'name', 'message', 'type', 'status', 'headers', 'method', 'body', 'list', 'pairs', 'signal', 'url', 'text', 'cancelled', 'due']) {
      Object.defineProperty(Object.prototype, key, { __proto__: null, configurable: true, set(v) { leaks.push(key) }, get() { leaks.push(key); return undefined } });
    }`,
  'toJSON is everywhere': `
    Object.prototype.toJSON = Array.prototype.toJSON = String.prototype.toJSON = function () { leaks.push(this); return 'toJSON' };`,
  'promises are broken': `
    Promise.prototype.then = Promise.prototype.catch = Promise.prototype.finally = function (...a) { leaks.push(a); throw new Error('then') };
    Promise.resolve = Promise.reject = Promise.all = () => { throw new Error('Promise') };
    Object.defineProperty(Promise, Symbol.species, { get() { leaks.push('species'); return undefined } });`,
  'Function.prototype is broken': `
    Function.prototype.call = Function.prototype.apply = Function.prototype.bind = function (...a) { leaks.push(a); throw new Error('call') };`,
  'iterators are broken': `
    Array.prototype[Symbol.iterator] = Map.prototype[Symbol.iterator] = String.prototype[Symbol.iterator] = function () { leaks.push(this); throw new Error('iterator') };
    Object.getPrototypeOf([].values?.() ?? {}).next = () => { throw new Error('next') };`,
  'globals are gone': `
    for (const name of ['Array', 'Object', 'Promise', 'JSON', 'Reflect', 'Map', 'WeakMap', 'Set', 'Error', 'TypeError', 'Uint8Array', 'ArrayBuffer', 'String', 'Number', 'Symbol', 'Math', 'RegExp', 'Proxy', 'Date']) {
      globalThis[name] = function () { leaks.push(name); throw new Error(name) };
    }`,
  'JSON and Reflect are broken': `
    JSON.stringify = JSON.parse = () => { throw new Error('JSON') };
    for (const name of Object.getOwnPropertyNames(Reflect)) Reflect[name] = () => { throw new Error('Reflect') };
    for (const name of Object.getOwnPropertyNames(Object)) if (typeof Object[name] === 'function' && name !== 'prototype') Object[name] = () => { throw new Error('Object') };`,
  'strings, maps and typed arrays are broken': `
    for (const C of [String, Map, Set, WeakMap, RegExp, Date, Symbol, Uint8Array, ArrayBuffer, Object.getPrototypeOf(Uint8Array)]) {
      for (const name of Object.getOwnPropertyNames(C.prototype)) {
        if (name === 'constructor' || name === 'length') continue;
        try { Object.defineProperty(C.prototype, name, { get() { leaks.push(name); throw new Error(name) }, configurable: true }) } catch {}
      }
    }`,
};

const upstream = {
  statusText: '',
  headers: [],
  url: 'https://a.test/x',
  redirected: false,
  body: null,
};

const isOurs = `const ours = value => {
  try { return typeof value === 'object' && value !== null && ('dispatch' in value || 'natives' in value || 'outcome' in value) } catch { return true }
};`;

for (const [name, text] of Object.entries(corpus)) {
  test(`a fetch is answered when ${name}`, async () => {
    const it = await onFetch(
      `const leaks = []; ${isOurs} const R = Response; const push = Array.prototype.push;
       leaks.push = function (v) { this[this.length] === undefined; Reflect_defineProperty(this, this.length, { __proto__: null, value: v, configurable: true, writable: true, enumerable: true }) };
       const Reflect_defineProperty = Reflect.defineProperty;
       export default { async fetch(request) {
         ${text}
         const response = new R('hello ' + request.method, { status: 201 });
         return response;
       } };`,
    );
    assert.equal(it.state, 'DO', JSON.stringify(it.error));
    assert.deepEqual(it.head, [
      'head',
      201,
      '',
      [['content-type', 'text/plain;charset=UTF-8']],
      { text: 'hello GET' },
    ]);
  });

  test(`errors and lines arrive when ${name}`, async () => {
    const it = await onTask(
      `const leaks = { push() {} }; const E = Error; const log = console.log; log('before');
       export default { task() { ${text}\n log('a line', 1); throw new E('mine') } };`,
    );
    assert.equal(it.state, 'DX');
    assert.equal(it.error.message, 'mine');
    assert.deepEqual(it.logs, ['INFO before', 'INFO a line 1']);
  });

  test(`ops and timers work when ${name}`, async () => {
    const it = await onTask(
      `const leaks = { push() {} }; const f = fetch, s = setTimeout, P = Promise; const S = String;
       export default { async task() {
         ${text}
         const r = await f('https://a.test/x', { method: 'POST', body: 'b' });
         await new P(resolve => s(resolve, 1));
         return 'status ' + r.status;
       } };`,
    );
    assert.equal(it.of('op').length, 1, JSON.stringify(it.error));
    await it.deliver([
      'resolve',
      1,
      {
        status: 200,
        statusText: '',
        headers: [],
        url: 'https://a.test/x',
        redirected: false,
        body: null,
      },
    ]);
    await it.tick(1);
    assert.equal(it.state, 'DO', JSON.stringify(it.error));
    assert.deepEqual(it.of('result'), [['result', '{"success":true,"data":"status 200"}']]);
  });

  test(`bindings work, and show nothing of their inside, when ${name}`, async () => {
    const it = await onTask(
      `const leaks = { push() {} }; const R = Request;
       export default { async task(payload, env) {
         const request = new R('https://a.test/x');
         ${text}
         await env.KV.put('k', 'v', { expiresIn: 5 });
         const value = await env.KV.get('k');
         const keys = await env.KV.list();
         const response = await env.OTHER.fetch(request);
         return value + ' ' + keys[0] + ' ' + keys.cursor + ' ' + response.status;
       } };`,
      null,
      {},
      { bindings: { KV: 'kv', OTHER: 'service' } },
    );
    await it.deliver(['resolve', 1, null]);
    await it.deliver(['resolve', 2, 'v']);
    await it.deliver(['resolve', 3, { keys: ['k'], cursor: null }]);
    await it.deliver(['resolve', 4, { ...upstream, status: 202 }]);
    assert.equal(it.state, 'DO', JSON.stringify(it.error));
    assert.deepEqual(
      it.of('op').map(([, , op, { binding, action }]) => [op, binding, action]),
      [
        ['kv', 'KV', 'put'],
        ['kv', 'KV', 'get'],
        ['kv', 'KV', 'list'],
        ['service', 'OTHER', undefined],
      ],
    );
    assert.deepEqual(it.of('result'), [['result', '{"success":true,"data":"v k null 202"}']]);
  });
}

test('nothing of the core can be reached from the global object', async () => {
  const it = await onTask(
    `export default { task(payload, env) {
    const seen = new Set(); const found = [];
    const walk = (value, path) => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
      seen.add(value);
      for (const key of Reflect.ownKeys(value)) {
        const d = Reflect.getOwnPropertyDescriptor(value, key);
        if (typeof key === 'string' && /^(natives|dispatch|emit|randomFill|utf8Encode|lazy)$/.test(key)) found.push(path + '.' + key);
        for (const next of [d.value, d.get, d.set]) walk(next, path + '.' + String(key));
      }
      walk(Reflect.getPrototypeOf(value), path + '.__proto__');
    };
    walk(globalThis, 'globalThis'); walk(new Request('https://a.test'), 'request'); walk(new Response(new ReadableStream()), 'response'); walk(env, 'env');
    return found;
  } }`,
    null,
    {},
    { bindings: { KV: 'kv', FILES: 'assets', OTHER: 'service' } },
  );
  assert.deepEqual(it.result?.data, [], JSON.stringify(it.error));
});

test('a subclass can not pass for the core', async () => {
  const it = await onTask(`export default { task() {
    const out = [];
    for (const f of [() => Response.prototype.status, () => Request.prototype.url, () => Headers.prototype.get.call({}, 'a'),
      () => Object.getOwnPropertyDescriptor(Response.prototype, 'status').get.call(Object.create(Response.prototype)),
      () => new Response({ __proto__: null, toString: 1 }), () => AbortSignal.prototype.aborted, () => new (Object.getPrototypeOf(performance).constructor)()]) {
      try { f(); out.push('nothing') } catch (e) { out.push(e.name) }
    }
    return out;
  } }`);
  assert.deepEqual(it.result.data, Array(7).fill('TypeError'));
});
