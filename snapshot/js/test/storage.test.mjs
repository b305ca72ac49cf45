// Objects of a bucket in `env`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onFetch, onTask } from './harness.mjs';

const bindings = { S: 'storage' };

const start = (body, options = {}) =>
  onTask(
    `export default { async task(payload, env, ctx) { ${body} } }`,
    null,
    {},
    { bindings, ...options },
  );
const ops = it => it.of('op').map(([, , name, args]) => [name, args]);
const headers = [
  ['content-length', '5'],
  ['content-type', 'text/plain'],
  ['etag', '"e1"'],
  ['last-modified', 'Wed, 21 Oct 2026 07:28:00 GMT'],
  ['x-amz-meta-who', 'me'],
];
const found = { status: 200, headers, body: 'bytes' };
const known = {
  key: 'a',
  size: 5,
  etag: 'e1',
  contentType: 'text/plain',
  uploaded: '2026-10-21T07:28:00.000Z',
  metadata: { who: 'me' },
};

/** What a task comes to, when its one op gets `answer`, with `text` as attachment. */
async function answered(body, answer, text) {
  const it = await start(
    `try { return await (${body}) } catch (e) { return e.name + ': ' + e.message }`,
  );
  const [, id] = it.of('op').at(-1);
  if (text === undefined) await it.deliver(['resolve', id, answer]);
  else await it.deliver(['resolve', id, answer, new TextEncoder().encode(text)]);
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

test('each method is an op with the name of its binding', async () => {
  const it = await start(
    `await Promise.all([env.S.get('a'), env.S.get('b', { range: { offset: 2, length: 3 } }),
      env.S.get('b', { range: { suffix: 4 } }), env.S.head('c'), env.S.delete('d'), env.S.list(),
      env.S.list({ prefix: 'p/', limit: 2, cursor: 'z', delimiter: '/' }), env.S.fetch('x y.html', { headers: { range: 'bytes=0-1' } })])`,
    { limits: { ops: {} } },
  );
  assert.deepEqual(
    ops(it).map(([name, args]) => [name, args.binding]),
    Array(8).fill(['storage', 'S']),
  );
  assert.deepEqual(
    ops(it).map(([, { binding, ...args }]) => args),
    [
      { action: 'get', key: 'a' },
      { action: 'get', key: 'b', headers: [['range', 'bytes=2-4']] },
      { action: 'get', key: 'b', headers: [['range', 'bytes=-4']] },
      { action: 'get', method: 'HEAD', key: 'c' },
      { action: 'delete', key: 'd' },
      { action: 'list', limit: 1000 },
      { action: 'list', limit: 2, prefix: 'p/', cursor: 'z', delimiter: '/' },
      {
        method: 'GET',
        url: 'https://binding.internal/x%20y.html',
        headers: [['range', 'bytes=0-1']],
        redirect: 'follow',
        body: null,
      },
    ],
  );
});

test('get answers text, and with options an object with a body', async () => {
  assert.equal(await answered(`env.S.get('a')`, found, 'Hello'), 'Hello');
  assert.equal(await answered(`env.S.get('a')`, { ...found, status: 404, body: null }), null);
  assert.equal(await answered(`env.S.get('a', {})`, { ...found, status: 404, body: null }), null);
  assert.deepEqual(
    await answered(`env.S.get('a', {}).then(it => ({ ...it }))`, found, 'Hello'),
    known,
  );
  for (const [form, text, value] of [
    ['text()', 'Hello', 'Hello'],
    ['json()', '{"a":1}', { a: 1 }],
    ['bytes().then(it => [...it])', 'Hi', [72, 105]],
    ['arrayBuffer().then(it => it.byteLength)', 'Hi', 2],
    ['blob().then(async it => [it.type, await it.text()])', 'Hi', ['text/plain', 'Hi']],
  ]) {
    const it = `env.S.get('a', {}).then(it => it.${form})`;
    assert.deepEqual(await answered(it, found, text), value, form);
  }
});

test('a large object is a stream that is read under credit', async () => {
  const it = await start(
    `const object = await env.S.get('a', { range: 'bytes=5-' }); let text = '';
     for await (const chunk of object.body) text += new TextDecoder().decode(chunk);
     return [text, object.size, object.bodyUsed]`,
  );
  const range = [...headers, ['content-range', 'bytes 5-9/10']];
  await it.deliver(['resolve', 1, { status: 206, headers: range, body: 'stream' }]);
  assert.deepEqual(it.of('credit'), [['credit', 1, 262144]]);
  await it.deliver(['chunk', 1, Buffer.from('abc')]);
  await it.deliver(['chunk', 1, Buffer.from('de')], ['end', 1]);
  assert.deepEqual(it.result.data, ['abcde', 10, true]);
});

test('head describes an object, and rejects when there is none', async () => {
  assert.deepEqual(await answered(`env.S.head('a')`, { ...found, body: null }), known);
  assert.equal(
    await answered(`env.S.head('a')`, { status: 404, headers: [], body: null }),
    'Error: Object not found',
  );
});

test('a list has names alone, and what is known of each', async () => {
  const objects = [{ key: 'a', size: 1, etag: 'e', uploaded: '2026-10-21T07:28:00.000Z' }];
  assert.deepEqual(await answered('env.S.list()', { objects, prefixes: ['p/'], cursor: 'next' }), {
    keys: ['a'],
    truncated: true,
    cursor: 'next',
    objects,
    prefixes: ['p/'],
  });
  const last = await answered('env.S.list()', { objects: [], prefixes: [], cursor: '' });
  assert.deepEqual(last, { keys: [], truncated: false, cursor: null, objects: [], prefixes: [] });
});

test('small content goes with the op, large content and streams follow it', async () => {
  const it = await start(
    `await Promise.all([env.S.put('a', 'text ü', { metadata: { Who: 'me' } }),
      env.S.put('b', new Uint8Array([1, 2]), { contentType: 'x/y' }),
      env.S.put('c', new Blob(['blob'], { type: 'text/css' })),
      env.S.put('d', new Uint8Array(300000)),
      env.S.put('e', new ReadableStream({ start(it) { it.enqueue(new Uint8Array(3)); it.close() } }))])`,
    { limits: { ops: {} } },
  );
  assert.deepEqual(
    ops(it).map(([, { binding, action, ...args }]) => args),
    [
      {
        key: 'a',
        contentType: 'text/plain;charset=UTF-8',
        metadata: [['Who', 'me']],
        body: 'text',
        text: 'text ü',
      },
      { key: 'b', contentType: 'x/y', body: 'bytes' },
      { key: 'c', contentType: 'text/css', body: 'bytes' },
      { key: 'd', body: 'stream', size: 300000 },
      { key: 'e', body: 'stream' },
    ],
  );
  assert.equal(it.of('chunk').filter(([, id]) => id === 4).length, 4);
  assert.equal(it.of('chunk').filter(([, id]) => id === 5).length, 1);
  assert.deepEqual(it.of('end'), [['end', 5]]);
});

test('a stream that fails ends its upload and rejects with its reason', async () => {
  const it = await start(
    `try { await env.S.put('a', new ReadableStream({ start(it) { it.error(new RangeError('mine')) } })) }
     catch (e) { return String(e) }`,
  );
  assert.deepEqual(it.result.data, 'RangeError: mine');
  assert.deepEqual(it.of('fail'), [['fail', 1, 'mine']]);
  assert.deepEqual(it.of('abort'), [['abort', 1]]);
});

test('what can not be stored or asked for is refused before it costs an op', async () => {
  for (const body of [
    `env.S.get(1)`,
    `env.S.put('a')`,
    `env.S.put('a', null)`,
    `env.S.put('a', { x: 1 })`,
    `env.S.put('a', 5)`,
    `env.S.put('a', 'b', 'c')`,
    `env.S.list({ limit: 0 })`,
    `env.S.list({ limit: 1.5 })`,
    `env.S.get('a', { range: { offset: -1 } })`,
    `env.S.get('a', { range: { length: 0 } })`,
  ]) {
    assert.match(await refusal(body), /^TypeError: Storage/, body);
  }
  assert.equal(
    await refusal(`new env.S.constructor({}, 'OTHER')`),
    'TypeError: Illegal constructor',
  );
});

test('an unread object is a response without passing through JavaScript', async () => {
  const it = await onFetch(
    `export default { fetch: (request, env) => env.S.fetch('https://any.example/a.txt') }`,
    {},
    { bindings },
  );
  await it.deliver([
    'resolve',
    1,
    { status: 200, statusText: 'OK', headers, url: 'x', redirected: false, body: 'stream' },
  ]);
  assert.deepEqual(it.of('head').at(-1).at(-1), { forward: 1 });
});
