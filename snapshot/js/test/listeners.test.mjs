// Which handler is called, what it is called with, and what becomes of its answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Execution, fetchEvent, onFetch, onTask, taskEvent } from './harness.mjs';

const body = it => it.head?.[4]?.text;

test('a listener answers with respondWith', async () => {
  const it = await onFetch(
    `addEventListener('fetch', event => event.respondWith(new Response(event.request.url)));`,
  );
  assert.equal(it.state, 'DO');
  assert.equal(body(it), 'https://example.com/path?q=1');
});

test('a default object without the handler does not hide the listener', async () => {
  for (const value of ['{}', 'null', '42', "'text'", '{ fetch: 1 }', '() => 1', '{ task() {} }']) {
    const it = await onFetch(
      `addEventListener('fetch', e => e.respondWith(new Response('listener'))); export default ${value};`,
    );
    assert.equal(body(it), 'listener', value);
  }
});

test('a default object with the handler wins over the listener', async () => {
  const it = await onFetch(
    `addEventListener('fetch', e => e.respondWith(new Response('listener')));
     export default { fetch() { return new Response('default') } };`,
  );
  assert.equal(body(it), 'default');
});

test('respondWith beats what the listener returns, and may come later', async () => {
  const first = await onFetch(
    `addEventListener('fetch', e => { e.respondWith(new Response('a')); return new Response('b') })`,
  );
  assert.equal(body(first), 'a');
  const later = await onFetch(
    `addEventListener('fetch', async e => { await 1; await 2; e.respondWith(Promise.resolve(new Response('later'))) })`,
  );
  assert.equal(body(later), 'later');
  const returned = await onFetch(`addEventListener('fetch', async () => new Response('r'))`);
  assert.equal(body(returned), 'r');
});

test('a listener that never answers says so', async () => {
  const it = await onFetch(`addEventListener('fetch', () => {})`);
  assert.equal(it.state, 'DX');
  assert.match(it.error.message, /respondWith/);
  const waiting = await onFetch(
    `addEventListener('fetch', e => { setTimeout(() => e.respondWith(new Response('t')), 5) })`,
  );
  assert.equal(waiting.state, 'P');
  await waiting.tick(5);
  assert.equal(body(waiting), 't');
});

test('a listener that throws fails the event', async () => {
  const it = await onFetch(`addEventListener('fetch', () => { throw new TypeError('x') })`);
  assert.equal(it.state, 'DX');
  assert.equal(it.error.name, 'TypeError');
});

test('tasks reach listeners as events', async () => {
  const it = await onTask(
    `addEventListener('task', e => e.respondWith([e.taskId, e.attempt, e.payload, e.scheduledTime, e.type]))`,
    { p: 1 },
    { taskId: 't1', attempt: 2, scheduledTime: 5 },
  );
  assert.deepEqual(it.result.data, ['t1', 2, { p: 1 }, 5, 'task']);
});

test('scheduled handlers get their event', async () => {
  const event = { type: 'scheduled', cron: '* * * * *', scheduledTime: 9, id: 's' };
  for (const source of [
    `export default { scheduled(event, env, ctx) { console.log(event.cron, event.scheduledTime, env.A) } }`,
    `addEventListener('scheduled', event => { console.log(event.cron, event.scheduledTime, env.A) })`,
  ]) {
    const it = new Execution();
    it.init(event, { env: { A: 'a' } });
    await it.run(source);
    assert.equal(it.state, 'DO');
    assert.deepEqual(it.logs, ['INFO * * * * * 9 a']);
  }
});

test('ctx tells of the task and of the end', async () => {
  const it = await onTask(
    `export default { task(p, env, { isShuttingDown, signal, task }) {
      return new Promise(resolve => signal.addEventListener('abort', () =>
        resolve([task, Object.isFrozen(task), isShuttingDown(), signal.reason.name, signal.reason.message])));
    } }`,
    null,
    { taskId: 'id', attempt: 1, maxAttempts: 3, key: 'k', queue: 'q', scheduledTime: 7 },
  );
  assert.equal(it.state, 'I');
  await it.deliver(['stop', 'drain']);
  const task = { id: 'id', attempt: 1, maxAttempts: 3, key: 'k', queue: 'q', scheduledTime: 7 };
  assert.deepEqual(it.result.data, [task, true, true, 'AbortError', 'drain']);
});

test('env is frozen all the way down', async () => {
  const it = await onTask(
    `export default { task(p, env) { return [Object.isFrozen(env), Object.isFrozen(env.J.a), env === globalThis.env, env.S] } }`,
    null,
    {},
    { env: { S: 's', J: { a: [1] } } },
  );
  assert.deepEqual(it.result.data, [true, true, true, 's']);
});

test('results with success are the result; others become data', async () => {
  const cases = [
    ['{ success: false, error: "e" }', { success: false, error: 'e' }],
    ['{ success: 1 }', { success: true, data: { success: 1 } }],
    ['undefined', { success: true }],
    ['null', { success: true, data: null }],
    ['"text"', { success: true, data: 'text' }],
    ['() => 1', { success: true }],
  ];
  for (const [value, expected] of cases) {
    const it = await onTask(`export default { async task() { return ${value} } }`);
    assert.deepEqual(it.result, expected, value);
    assert.equal(it.state, 'DO');
  }
});

test('an indented result comes with its data as text', async () => {
  const it = await onTask('export default { task: () => ({ a: 1 }) }', null, { indent: 2 });
  assert.deepEqual(it.of('result'), [
    ['result', '{"success":true,"data":{"a":1}}', '{\n  "a": 1\n}'],
  ]);
  const none = await onTask('export default { task() {} }', null, { indent: 2 });
  assert.deepEqual(none.of('result'), [['result', '{"success":true}', null]]);
});

test('a result without JSON is an exception', async () => {
  for (const value of ['1n', '(() => { const a = []; a.push(a); return a })()']) {
    const it = await onTask(`export default { task() { return ${value} } }`);
    assert.equal(it.state, 'DX');
    assert.match(it.error.message, /can not be expressed as JSON/);
  }
});

test('what is no response is refused, with what it was', async () => {
  const cases = [
    ['undefined', /returned undefined instead of a Response/],
    ['"x"', /returned the string 'x' instead/],
    ['{}', /a plain object/],
    ['new Date()', /an object of class Date/],
    ['Response.error()', /Response\.error\(\)/],
    ['(() => { const r = new Response("x"); r.text(); return r })()', /read already/],
    ['(() => { const r = new Response("x"); r.body.getReader(); return r })()', /locked/],
    ['new Proxy(new Response(), {})', /a Proxy/],
    ['Object.create(Response.prototype)', /class Response/],
  ];
  for (const [value, message] of cases) {
    const it = await onFetch(`export default { fetch() { return ${value} } }`);
    assert.equal(it.state, 'DX', value);
    assert.match(it.error.message, message);
    assert.equal(it.head, undefined);
  }
});

test('waitUntil keeps the execution, after a throw as well', async () => {
  const it = await onFetch(
    `export default { fetch(r, e, ctx) {
      ctx.waitUntil(new Promise(resolve => setTimeout(() => { console.log('late'); resolve() }, 10)));
      ctx.waitUntil(Promise.reject(new Error('w')));
      throw new Error('x');
    } }`,
  );
  assert.equal(it.state, 'P');
  assert.equal(it.error.message, 'x');
  await it.tick(10);
  assert.equal(it.state, 'DX');
  assert.equal(it.logs.length, 2);
  assert.match(it.logs[0], /^ERROR Uncaught \(in waitUntil\) Error: w/);
  assert.equal(it.logs[1], 'INFO late');
});

test('a waitUntil that can never settle does not hold the answer', async () => {
  const it = await onFetch(
    `export default { fetch(r, e, ctx) { ctx.waitUntil(new Promise(() => {})); return new Response('x') } }`,
  );
  assert.equal(it.state, 'DO');
  assert.match(it.logs[0], /^WARN 1 promise\(s\) given to waitUntil can never settle/);
});

test('a context may be used for another event', async () => {
  const it = new Execution();
  it.init(fetchEvent());
  await it.run(`let n = 0; addEventListener('fetch', e => e.respondWith(new Response('' + ++n)))`);
  assert.equal(body(it), '1');
  it.dispatch(7);
  it.records = [];
  it.init(fetchEvent());
  it.dispatch(1, {});
  await it.turn();
  assert.equal(body(it), '2');
  assert.equal(it.state, 'DO');
});

test('a dynamic import settles with its namespace', async () => {
  const it = new Execution();
  it.init(taskEvent(null));
  const promise = it.dispatch(8, it.evaluate('Promise.resolve()'), { x: 1 });
  assert.deepEqual(await promise, { x: 1 });
  const failed = it.dispatch(8, it.evaluate('Promise.reject(5)'), {});
  await assert.rejects(failed, error => error === 5);
});
