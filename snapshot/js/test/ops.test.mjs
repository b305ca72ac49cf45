// Ops and their limits, streams under credit, aborts.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onFetch, onTask } from './harness.mjs';

const answer = (more = {}) => ({
  status: 200,
  statusText: 'OK',
  headers: [],
  url: 'https://a.test/',
  redirected: false,
  body: null,
  ...more,
});
const ids = it => it.of('op').map(op => op[1]);

test('more ops at once than allowed wait for the first to be answered', async () => {
  const it = await onTask(
    `export default { async task() {
      const all = await Promise.all(Array.from({ length: 4 }, (_, i) => fetch('https://a.test/' + i)));
      return all.map(r => r.status);
    } }`,
    null,
    {},
    { limits: { ops: { fetch: [50, 2] } } },
  );
  assert.deepEqual(ids(it), [1, 2]);
  await it.deliver(['resolve', 2, answer({ status: 202 })]);
  assert.deepEqual(ids(it), [1, 2, 3]);
  await it.deliver(['resolve', 1, answer()], ['resolve', 3, answer()]);
  await it.deliver(['resolve', 4, answer({ status: 204 })]);
  assert.deepEqual(it.result.data, [200, 202, 200, 204]);
});

test('more ops than allowed reject, and what escapes is the outcome', async () => {
  const limits = { ops: { fetch: [1, 6] } };
  const source = `await Promise.all([fetch('https://a.test/'), fetch('https://a.test/')])`;
  const escaped = await onTask(
    `export default { async task() { ${source} } }`,
    null,
    {},
    { limits },
  );
  assert.equal(escaped.state, 'DL');
  assert.equal(escaped.error.message, 'fetch limit exceeded: fetch (2/1)');
  const caught = await onTask(
    `export default { async task() { try { ${source} } catch (e) { return e.message } } }`,
    null,
    {},
    { limits },
  );
  assert.equal(caught.state, 'DO');
  assert.equal(caught.result.data, 'fetch limit exceeded: fetch (2/1)');
});

test('the error says that it was a limit, for what waitUntil keeps going', async () => {
  const failing = async statement => {
    const it = await onTask(
      `export default { async task(payload, env, ctx) {
        ctx.waitUntil(new Promise(resolve => setTimeout(resolve, 10)));
        fetch('https://a.test/');
        ${statement}
      } }`,
      null,
      {},
      { limits: { ops: { fetch: [1, 6] } } },
    );
    assert.equal(it.state, 'P');
    const [record] = it.of('error');
    await it.tick(10);
    return [record.length, record[2], it.state];
  };
  assert.deepEqual(await failing(`await fetch('https://a.test/')`), [3, 'op_limit', 'DL']);
  assert.deepEqual(await failing(`throw new Error('x')`), [2, undefined, 'DX']);
});

test('timers have a limit, too', async () => {
  const it = await onTask(
    'export default { task() { for (;;) setTimeout(() => {}, 0) } }',
    null,
    {},
    { limits: { ops: { timer: [3, 0] } } },
  );
  assert.equal(it.state, 'DL');
  assert.match(it.error.message, /timer limit exceeded: timer \(4\/3\)/);
});

test('refused ops reject with the error that was told', async () => {
  const it = await onTask(
    `export default { async task() { try { await fetch('https://a.test/') } catch (e) { return [e.name, e.message, e instanceof TypeError] } } }`,
  );
  await it.deliver(['reject', 1, { name: 'TypeError', message: 'fetch failed' }]);
  assert.deepEqual(it.result.data, ['TypeError', 'fetch failed', true]);
});

test('a body is read under credit', async () => {
  const it = await onFetch(
    `export default { async fetch(request) { return new Response(String((await request.text()).length)) } }`,
    { method: 'POST', body: 'stream' },
  );
  assert.deepEqual(it.records, [['credit', 0, 262144]]);
  assert.equal(it.state, 'P');
  const chunk = Buffer.alloc(65536, 'x');
  await it.deliver(['chunk', 0, chunk]);
  await it.deliver(['chunk', 0, chunk], ['chunk', 0, Buffer.from('é')], ['end', 0]);
  assert.deepEqual(
    it.of('credit').map(record => record[2]),
    [262144, 65536, 65536],
  );
  assert.equal(it.head[4].text, '131073');
});

test('a body that nobody reads costs nothing, and is forwarded', async () => {
  for (const source of [
    `return fetch('https://a.test/')`,
    `const r = await fetch('https://a.test/'); return new Response(r.body, r)`,
    `const r = await fetch('https://a.test/'); r.body; return new Response(r.body, { status: 200, headers: r.headers })`,
  ]) {
    const it = await onFetch(`export default { async fetch() { ${source} } }`);
    await it.deliver(['resolve', 1, answer({ headers: [['x-y', 'z']], body: 'stream' })]);
    assert.equal(it.state, 'DO', it.error?.message);
    assert.deepEqual(it.head, ['head', 200, it.head[2], [['x-y', 'z']], { forward: 1 }]);
    assert.deepEqual(it.of('credit'), []);
  }
});

test('a body that is read in part goes on as a stream', async () => {
  const it = await onFetch(
    `export default { async fetch() {
      const r = await fetch('https://a.test/'); const reader = r.body.getReader();
      const first = (await reader.read()).value; reader.releaseLock();
      const rest = new ReadableStream({ async start(c) { for await (const x of r.body) c.enqueue(x); c.close() } });
      return new Response(rest, { headers: { first: String(first.length) } });
    } }`,
  );
  await it.deliver(['resolve', 1, answer({ body: 'stream' })]);
  await it.deliver(['chunk', 1, Buffer.from('abc')]);
  assert.deepEqual(it.head.slice(3), [[['first', '3']], { stream: true }]);
  await it.deliver(['chunk', 1, Buffer.from('de')], ['end', 1]);
  assert.equal(
    it
      .of('chunk')
      .map(record => record[2].toString())
      .join(''),
    'de',
  );
  assert.deepEqual(it.records.at(-1), ['end', 0]);
  assert.equal(it.state, 'DO');
});

test('an outbound stream stops when its credit is used up', async () => {
  const it = await onFetch(
    `export default { fetch() {
      let n = 0;
      return new Response(new ReadableStream({ pull(c) { if (n++ < 5) c.enqueue(new Uint8Array(100000)); else c.close() } }));
    } }`,
  );
  const sent = () => it.of('chunk').reduce((sum, record) => sum + record[2].length, 0);
  assert.equal(sent(), 262144);
  assert.ok(it.of('chunk').every(record => record[2].length <= 65536));
  assert.equal(it.state, 'P');
  await it.deliver(['credit', 0, 262144]);
  assert.equal(sent(), 500000);
  assert.equal(it.state, 'DO');
});

test('big texts and bytes go out as streams', async () => {
  const it = await onFetch(
    `export default { fetch() { return new Response('x'.repeat(300000)) } }`,
  );
  assert.deepEqual(it.head[4], { stream: true });
  assert.equal(it.state, 'P');
  await it.deliver(['credit', 0, 100000]);
  assert.equal(
    it.of('chunk').reduce((sum, record) => sum + record[2].length, 0),
    300000,
  );
  assert.equal(it.state, 'DO');
  const bytes = await onFetch(
    `export default { fetch() { return new Response(new Uint8Array([1, 2])) } }`,
  );
  assert.deepEqual([...bytes.head[4].bytes], [1, 2]);
});

test('a body that throws mid-stream fails the execution', async () => {
  const it = await onFetch(
    `export default { fetch() {
      let n = 0;
      return new Response(new ReadableStream({ pull(c) { if (n++) throw new Error('broken'); c.enqueue(new Uint8Array(1)) } }));
    } }`,
  );
  assert.deepEqual(it.of('fail'), [['fail', 0, 'broken']]);
  assert.equal(it.state, 'DX');
  assert.equal(it.error.message, 'broken');
  const wrong = await onFetch(
    `export default { fetch() { return new Response(new ReadableStream({ start(c) { c.enqueue(5) } })) } }`,
  );
  assert.match(wrong.error.message, /must be a Uint8Array, not the number 5/);
});

test('when the client leaves, the source is cancelled and waitUntil goes on', async () => {
  const it = await onFetch(
    `export default { fetch(request, env, ctx) {
      ctx.signal.addEventListener('abort', () => console.log('abort', ctx.signal.reason.name, ctx.isShuttingDown()));
      ctx.waitUntil(new Promise(r => setTimeout(r, 50)).then(() => console.log('waited')));
      return new Response(new ReadableStream({
        pull(c) { c.enqueue(new Uint8Array(65536)) }, cancel(reason) { console.log('cancel', reason.message) } }));
    } }`,
  );
  assert.equal(it.state, 'P');
  await it.deliver(['cancel', 0, 'client left'], ['stop', 'client left']);
  assert.deepEqual(it.logs, ['INFO cancel client left', 'INFO abort AbortError false']);
  assert.equal(it.state, 'P');
  await it.tick(50);
  assert.deepEqual(it.logs.slice(2), ['INFO waited']);
  assert.equal(it.state, 'DO');
});

test('a fetch is aborted before its answer', async () => {
  const it = await onTask(
    `export default { async task() {
      const c = new AbortController(); setTimeout(() => c.abort(new Error('mine')), 5);
      const gone = await fetch('https://a.test/', { signal: AbortSignal.abort('early') }).catch(e => e);
      try { await fetch('https://a.test/', { signal: c.signal }) } catch (e) { return [gone, e.message] }
    } }`,
  );
  assert.deepEqual(ids(it), [1]);
  await it.tick(5);
  assert.deepEqual(it.of('abort'), [['abort', 1]]);
  assert.deepEqual(it.result.data, ['early', 'mine']);
});

test('a fetch is aborted while its body streams', async () => {
  const it = await onTask(
    `export default { async task() {
      const c = new AbortController();
      const r = await fetch('https://a.test/', { signal: c.signal });
      setTimeout(() => c.abort(), 5);
      try { await r.text() } catch (e) { return e.name }
    } }`,
  );
  await it.deliver(['resolve', 1, answer({ body: 'stream' })]);
  await it.deliver(['chunk', 1, Buffer.from('x')]);
  await it.tick(5);
  assert.deepEqual(it.of('cancel'), [['cancel', 1]]);
  assert.equal(it.result.data, 'AbortError');
});

test('a stream that fails rejects its reader', async () => {
  const it = await onTask(
    `export default { async task() {
      const r = await fetch('https://a.test/');
      try { for await (const x of r.body); } catch (e) { return [e.name, e.message] }
    } }`,
  );
  await it.deliver(['resolve', 1, answer({ body: 'stream' })]);
  await it.deliver(
    ['chunk', 1, Buffer.from('x')],
    ['fail', 1, { name: 'TypeError', message: 'cut' }],
  );
  assert.deepEqual(it.result.data, ['TypeError', 'cut']);
});

test('cancelling a body tells the runner', async () => {
  const it = await onTask(
    `export default { async task() { const r = await fetch('https://a.test/'); await r.body.cancel(); return 1 } }`,
  );
  await it.deliver(['resolve', 1, answer({ body: 'stream' })]);
  assert.deepEqual(it.of('cancel'), [['cancel', 1]]);
  assert.equal(it.result.data, 1);
});

test('a request body streams out under the id of its op', async () => {
  const it = await onTask(
    `export default { async task() {
      const body = new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('one')); c.enqueue(new Uint8Array([33])); c.close() } });
      return (await fetch('https://a.test/', { method: 'PUT', body, duplex: 'half' })).status;
    } }`,
  );
  assert.equal(it.of('op')[0][3].body, 'stream');
  assert.deepEqual(
    it.of('chunk').map(record => [record[1], record[2].toString()]),
    [
      [1, 'one'],
      [1, '!'],
    ],
  );
  assert.deepEqual(it.records.at(-1), ['end', 1]);
  await it.deliver(['resolve', 1, answer()]);
  assert.equal(it.result.data, 200);
  const bytes = await onTask(
    `export default { task: () => fetch('https://a.test/', { method: 'POST', body: new Uint8Array([7]) }) }`,
  );
  assert.equal(bytes.of('op')[0][3].body, 'bytes');
  assert.deepEqual([...bytes.of('op')[0][4]], [7]);
});

test('relative URLs and foreign schemes are refused', async () => {
  const it = await onTask(
    `export default { async task() {
      return [await fetch('/x').catch(e => e.message), await fetch('ftp://a.test/').catch(e => e.name)];
    } }`,
  );
  assert.match(it.result.data[0], /absolute URL/);
  assert.equal(it.result.data[1], 'TypeError');
});
