import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onFetch, onTask } from './harness.mjs';

test('a response with a text goes out whole, with its content type', async () => {
  const it = await onFetch('export default { fetch() { return new Response("hello 😀") } }');
  assert.equal(it.state, 'DO');
  assert.deepEqual(it.records, [
    ['head', 200, '', [['content-type', 'text/plain;charset=UTF-8']], { text: 'hello 😀' }],
  ]);
});

test('a promise for a response is as good', async () => {
  const it = await onFetch(
    'export default { async fetch() { await 1; return Response.json({ a: 1 }, { status: 201 }) } }',
  );
  assert.equal(it.state, 'DO');
  assert.deepEqual(it.head, [
    'head',
    201,
    '',
    [['content-type', 'application/json']],
    { text: '{"a":1}' },
  ]);
});

test('a task gets its payload and gives its result', async () => {
  const it = await onTask('export default { task(p, env) { return { got: p, env } } }', {
    a: '😀',
  });
  assert.equal(it.state, 'DO');
  assert.deepEqual(it.result, { success: true, data: { got: { a: '😀' }, env: {} } });
});

test('a worker without the handler says so', async () => {
  const it = await onFetch('export default { task() {} }');
  assert.equal(it.state, 'DN');
});

test('timers run in the order of their time, one per turn', async () => {
  const it = await onTask(`export default { task() {
    return new Promise(resolve => {
      const order = [];
      setTimeout(() => { order.push('b'); resolve(order) }, 20);
      setTimeout((x) => { order.push(x); Promise.resolve().then(() => order.push('micro')) }, 10, 'a');
      setTimeout(() => order.push('c'), 10);
    })
  } }`);
  assert.equal(it.state, 'P');
  assert.equal(it.next, 10);
  await it.tick(20);
  assert.deepEqual(it.result.data, ['a', 'micro', 'c', 'b']);
  assert.equal(it.state, 'DO');
});

test('fetch is an op', async () => {
  const it = await onFetch(`export default { async fetch() {
    const response = await fetch('https://api.test/x', { method: 'POST', body: 'in', headers: { a: 'b' } });
    return new Response(await response.text() + response.status, { headers: response.headers });
  } }`);
  assert.equal(it.state, 'P');
  assert.deepEqual(it.of('op'), [
    [
      'op',
      1,
      'fetch',
      {
        method: 'POST',
        url: 'https://api.test/x',
        headers: [
          ['a', 'b'],
          ['content-type', 'text/plain;charset=UTF-8'],
        ],
        redirect: 'follow',
        body: 'text',
        text: 'in',
      },
    ],
  ]);
  const answer = {
    status: 200,
    statusText: 'OK',
    headers: [['X-A', 'y']],
    url: 'https://api.test/x',
  };
  await it.deliver([
    'resolve',
    1,
    { ...answer, redirected: false, body: 'bytes' },
    Buffer.from('out'),
  ]);
  assert.equal(it.error, undefined);
  assert.equal(it.state, 'DO');
  assert.deepEqual(it.head.slice(3), [
    [
      ['x-a', 'y'],
      ['content-type', 'text/plain;charset=UTF-8'],
    ],
    { text: 'out200' },
  ]);
});

test('console writes lines', async () => {
  const it = await onFetch(`console.log('top', { a: [1, { b: { c: {} } }] }); export default {
    fetch() { console.error(new Map([['k', 1]]), 'x'); return new Response() } }`);
  assert.deepEqual(it.logs, [
    'INFO top { a: [ 1, { b: [Object] } ] }',
    "ERROR Map(1) { 'k' => 1 } x",
  ]);
});

test('what a handler throws is described', async () => {
  const it = await onFetch('export default { fetch() {\n throw new RangeError("no") } }');
  assert.equal(it.state, 'DX');
  assert.equal(it.error.name, 'RangeError');
  assert.equal(it.error.message, 'no');
  assert.match(it.error.stack, /^RangeError: no\n {4}at .*main\.js:2:8/);
  assert.doesNotMatch(it.error.stack, /isolane:/);
});

test('a handler that can never settle is stuck', async () => {
  const it = await onFetch('export default { fetch() { return new Promise(() => {}) } }');
  assert.equal(it.state, 'I');
});
