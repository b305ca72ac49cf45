// What is in `env` beside text: key-value namespaces, static files, other workers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inWorker, onTask } from './harness.mjs';

const bindings = { KV: 'kv', FILES: 'assets', OTHER: 'service' };

/** Starts a task with the body of an async function, with `env` of `bindings`. */
const start = (body, options = {}) =>
  onTask(
    `export default { async task(payload, env, ctx) { ${body} } }`,
    null,
    {},
    { bindings, ...options },
  );
const ops = it => it.of('op').map(([, , name, args]) => [name, args]);

/** What a task that asks once comes to, when it gets `answer`. */
async function answered(body, answer) {
  const it = await start(`return await (${body})`);
  const [, id] = it.of('op').at(-1);
  await it.deliver(['resolve', id, answer]);
  assert.equal(it.error, undefined);
  return it.result.data;
}

async function refusal(body) {
  const it = await start(
    `try { await (${body}); return 'accepted' } catch (e) { return e.name + ': ' + e.message }`,
  );
  assert.deepEqual(ops(it), []);
  return it.result.data;
}

test('env has bindings among its variables, frozen like them', async () => {
  const it = await start(
    `const failures = [];
     for (const change of [() => { env.KV = 1 }, () => { env.KV.get = 1 }, () => { delete env.FILES },
       () => { Object.getPrototypeOf(env.KV).get = 1 }, () => { new env.KV.constructor('OTHER') },
       () => { new env.OTHER.constructor('service', 'SECRET') }]) {
       try { change(); failures.push(change + '') } catch (e) { if (e.name !== 'TypeError') failures.push(e) }
     }
     return [Object.keys(env).sort(), failures, Object.isFrozen(env.KV), env.A, String(env.KV), String(env.OTHER)];`,
    { env: { A: 'a' } },
  );
  assert.deepEqual(it.result?.data, [
    ['A', 'FILES', 'KV', 'OTHER'],
    [],
    true,
    'a',
    '[object KvNamespace]',
    '[object Fetcher]',
  ]);
});

test('a worker without bindings gets none from Object.prototype', async () => {
  const it = await onTask(
    `Object.prototype.bindings = { KV: 'kv' };
     export default { task: (payload, env) => Object.keys(env) }`,
  );
  assert.deepEqual(it.result.data, []);
});

test('each method of a namespace is an op with the name of its binding', async () => {
  const it = await start(`await Promise.all([env.KV.get('a'), env.KV.put('b', { x: [1, 'ü'] }),
    env.KV.set('c', null, { expiresIn: 1.5 }), env.KV.put('d', 'x', { expirationTtl: 60 }), env.KV.delete('e'),
    env.KV.list(), env.KV.list({ prefix: 'f"%', limit: 2, cursor: 'z' })])`);
  assert.deepEqual(ops(it), [
    ['kv', { binding: 'KV', action: 'get', key: 'a' }],
    ['kv', { binding: 'KV', action: 'put', key: 'b', json: '{"x":[1,"ü"]}', expiresIn: null }],
    ['kv', { binding: 'KV', action: 'put', key: 'c', json: 'null', expiresIn: 1.5 }],
    ['kv', { binding: 'KV', action: 'put', key: 'd', json: '"x"', expiresIn: 60 }],
    ['kv', { binding: 'KV', action: 'delete', key: 'e' }],
    ['kv', { binding: 'KV', action: 'list', limit: 1000 }],
    ['kv', { binding: 'KV', action: 'list', limit: 2, prefix: 'f"%', cursor: 'z' }],
  ]);
});

test('a value comes back as it is, as text or parsed', async () => {
  assert.deepEqual(await answered(`env.KV.get('a')`, { x: 1 }), { x: 1 });
  assert.equal(await answered(`env.KV.get('a')`, null), null);
  assert.equal(await answered(`env.KV.get('a', 'text')`, { x: 1 }), '{"x":1}');
  assert.equal(await answered(`env.KV.get('a', { type: 'text' })`, 'x'), 'x');
  assert.equal(await answered(`env.KV.get('a', { type: 'text' })`, null), null);
  assert.deepEqual(await answered(`env.KV.get('a', 'json')`, '{"x":1}'), { x: 1 });
  assert.equal(await answered(`env.KV.delete('a')`, true), true);
});

test('a list of keys is an array, and leads to the next', async () => {
  const answer = { keys: ['a', 'b'], cursor: 'xyz' };
  assert.deepEqual(await answered(`env.KV.list()`, answer), ['a', 'b']);
  assert.equal(await answered(`env.KV.list().then(it => it.cursor)`, answer), 'xyz');
});

test('what can not be a key, a value or an option is refused before it is sent', async () => {
  for (const [body, expected] of [
    [`env.KV.get(5)`, 'TypeError: KV: a key must be a string'],
    [`env.KV.get('k'.repeat(513))`, 'RangeError: KV: a key has at most 512 bytes of UTF-8'],
    [`env.KV.get('k', 'stream')`, "TypeError: KV get: type can be 'json' or 'text'"],
    [`env.KV.put('k')`, 'TypeError: KV: undefined can not be expressed as JSON'],
    [`env.KV.put('k', () => 1)`, 'TypeError: KV: function can not be expressed as JSON'],
    [
      `env.KV.put('k', 'x'.repeat(102399))`,
      'RangeError: Value too large: 102401 characters of JSON, at most 102400 bytes are allowed',
    ],
    [
      `env.KV.put('k', 1, { expiresIn: 0 })`,
      'RangeError: KV: expiresIn must be more than 0 and at most 3153600000 seconds',
    ],
    [`env.KV.put('k', 1, 5)`, 'TypeError: KV put: options must be an object'],
    [`env.KV.list({ limit: 0 })`, 'RangeError: KV list: limit must be an integer from 1 to 1000'],
    [`env.KV.list({ limit: 1.5 })`, 'RangeError: KV list: limit must be an integer from 1 to 1000'],
    [`env.KV.list({ prefix: 5 })`, 'TypeError: KV: a prefix must be a string'],
  ]) {
    assert.equal(await refusal(body), expected, body);
  }
});

test('an answer that is an error rejects', async () => {
  const it = await start(`try { await env.KV.get('a') } catch (e) { return [e.name, e.message] }`);
  await it.deliver(['reject', 1, { name: 'Error', message: 'away' }]);
  assert.deepEqual(it.result.data, ['Error', 'away']);
});

test('namespaces have a limit of their own', async () => {
  const limits = { ops: { kv: [2, 1] } };
  const it = await start(
    `const all = await Promise.allSettled([1, 2, 3].map(i => env.KV.get('k' + i)));
     return all.map(it => it.value ?? it.reason.message)`,
    { limits },
  );
  assert.equal(ops(it).length, 1);
  await it.deliver(['resolve', 1, 'a']);
  assert.equal(ops(it).length, 2);
  await it.deliver(['resolve', 2, 'b']);
  assert.deepEqual(it.result.data, ['a', 'b', 'kv limit exceeded: kv (3/2)']);
});

test('methods work whatever has become of the built-ins', async () => {
  const it = await start(
    `JSON.stringify = JSON.parse = Promise.prototype.then = Array.prototype.push = () => { throw new Error('broken') };
     globalThis.Promise = globalThis.Object = globalThis.String = undefined;
     return [await env.KV.put('a', { b: 1 }), await env.KV.get('a')]`,
  );
  await it.deliver(['resolve', 1, null]);
  assert.deepEqual(ops(it)[0][1].json, '{"b":1}');
  await it.deliver(['resolve', 2, { b: 1 }]);
  assert.deepEqual(it.result.data, [null, { b: 1 }]);
});

test('a method wants its own object', async () => {
  assert.match(
    await inWorker(`try { await env.KV.get.call({}, 'a') } catch (e) { return e.name }`, {
      bindings,
    }),
    /^TypeError$/,
  );
});

const response = (more = {}) => ({
  status: 200,
  statusText: 'OK',
  headers: [],
  url: 'https://a.test/',
  redirected: false,
  body: null,
  ...more,
});

test('other workers and files are fetched as the world is, under their own names', async () => {
  const it = await start(
    `const other = env.OTHER.fetch('https://a.test/x', { method: 'POST', body: 'text', headers: { a: 'b' } });
     const file = env.FILES.fetch('/index.html');
     const again = env.FILES.fetch(new Request('https://a.test/y'));
     return [await (await other).text(), (await file).status, (await again).headers.get('etag')]`,
  );
  const plain = { method: 'GET', headers: [], redirect: 'follow', body: null };
  assert.deepEqual(ops(it), [
    [
      'service',
      {
        ...plain,
        binding: 'OTHER',
        method: 'POST',
        url: 'https://a.test/x',
        headers: [
          ['a', 'b'],
          ['content-type', 'text/plain;charset=UTF-8'],
        ],
        body: 'text',
        text: 'text',
      },
    ],
    ['assets', { ...plain, binding: 'FILES', url: 'https://binding.internal/index.html' }],
    ['assets', { ...plain, binding: 'FILES', url: 'https://a.test/y' }],
  ]);
  await it.deliver(
    ['resolve', 1, response({ body: 'bytes' }), new Uint8Array([104, 105])],
    ['resolve', 2, response({ status: 404 })],
    ['resolve', 3, response({ headers: [['etag', '"1"']] })],
  );
  assert.deepEqual(it.result.data, ['hi', 404, '"1"']);
});

test('only HTTP is fetched from a binding', async () => {
  for (const url of ['data:,x', 'ftp://a.test/', 'nonsense']) {
    assert.match(await refusal(`env.OTHER.fetch('${url}')`), /^TypeError: /, url);
  }
});

test('an aborted fetch of a binding is an aborted op', async () => {
  const it = await start(
    `const c = new AbortController();
     const response = env.OTHER.fetch('/x', { signal: c.signal });
     c.abort();
     try { await response } catch (e) { return e.name }`,
  );
  assert.deepEqual(it.of('abort'), [['abort', 1]]);
  assert.equal(it.result.data, 'AbortError');
});
