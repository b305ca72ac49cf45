// console, uncaught errors, and descriptions of what was thrown.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Execution, onFetch, onTask, taskEvent } from './harness.mjs';

/** The lines of a task that runs `body`. */
async function lines(body, options) {
  const it = await onTask(`export default { async task() { ${body} } }`, null, {}, options);
  assert.equal(it.error, undefined);
  return it.logs;
}

const shown = async expression => (await lines(`console.log(${expression})`))[0].slice(5);

const cases = [
  [`'a', 1, -0, 2n, true, null, undefined, Symbol('s')`, 'a 1 -0 2n true null undefined Symbol(s)'],
  [
    `{ a: 'x', 'b-c': [1, 'y'], [Symbol('k')]: 1 }`,
    `{ a: 'x', 'b-c': [ 1, 'y' ], [Symbol(k)]: 1 }`,
  ],
  [`{ a: { b: { c: { d: 1 } } } }`, `{ a: { b: { c: [Object] } } }`],
  [`[1, , , 4, ...Array(100).fill(0)].length, [1, , 3]`, '104 [ 1, <1 empty item>, 3 ]'],
  [`new Map([['a', { b: 1 }]]), new Set(['x'])`, `Map(1) { 'a' => { b: 1 } } Set(1) { 'x' }`],
  [`new (class Foo { x = 1 })(), Object.create(null)`, 'Foo { x: 1 } [Object: null prototype] {}'],
  [
    `class A {}, class B extends Array {}, function f() {}, () => {}`,
    '[class A] [class B extends Array] [Function: f] [Function (anonymous)]',
  ],
  [`async function g() {}, Math.max`, '[AsyncFunction: g] [Function: max]'],
  [
    `new Date(0), /x/g, new Uint8Array([1, 2]), Object('s'), Object(1)`,
    `1970-01-01T00:00:00.000Z /x/g Uint8Array(2) [ 1, 2 ] [String: 's'] [Number: 1]`,
  ],
  [`new Uint8Array([255, 1]).buffer`, 'ArrayBuffer { [Uint8Contents]: <ff 01>, byteLength: 2 }'],
  [
    `{ get a() { throw 1 }, set b(x) {}, get c() { return 1 }, set c(x) {} }`,
    '{ a: [Getter], b: [Setter], c: [Getter/Setter] }',
  ],
  [
    `(() => { const o = { n: 1 }; o.self = o; o.list = [o]; return o })()`,
    '<ref *1> { n: 1, self: [Circular *1], list: [ [Circular *1] ] }',
  ],
  [`new Proxy({}, { get() { throw 1 }, ownKeys() { throw 1 } })`, '[Proxy]'],
  [`["it's", 'line\\nbreak', '\\u0001']`, `[ "it's", 'line\\nbreak', '\\x01' ]`],
  [
    `'%s is %d or %i and %f%% %j %o %O %c%x', 'a', '42', 4.9, '1.5', { j: 1 }, [1], { o: 1 }, 'css', 'rest'`,
    `a is 42 or 4 and 1.5% {"j":1} [ 1 ] { o: 1 } %x rest`,
  ],
  [`'%s', Symbol('q'), '%d'`, 'Symbol(q) %d'],
  [`'100%', 5, '%'`, '100% 5 %'],
  [`new WeakMap(), Math`, 'WeakMap { <items unknown> } Object [Math] {}'],
];

for (const [expression, expected] of cases) {
  test(`console.log(${expression})`, async () => assert.equal(await shown(expression), expected));
}

test('errors are shown with stack, cause and properties', async () => {
  const text = await shown(
    `Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 7 })`,
  );
  assert.match(text, /^TypeError: outer\n {4}at .*main\.js/);
  assert.match(text, /\[cause\]: Error: inner\n/);
  assert.match(text, /code: 7/);
  assert.doesNotMatch(text, /isolane:/);
  const dom = await shown(`new DOMException('m', 'AbortError')`);
  assert.match(dom, /^AbortError: m\n {4}at /);
});

test('long objects go over lines', async () => {
  assert.equal(
    await shown(`{ first: 'x'.repeat(40), second: 'y'.repeat(40) }`),
    `{\n  first: '${'x'.repeat(40)}',\n  second: '${'y'.repeat(40)}'\n}`,
  );
  assert.equal(
    (await shown('Array.from({ length: 120 }, (_, i) => i)')).endsWith('... 20 more items\n]'),
    true,
  );
});

test('levels, counters, groups, timers and assertions', async () => {
  const seen = await lines(`
    console.info('i'); console.debug('d'); console.warn('w'); console.error('e');
    console.count(); console.count('x'); console.countReset(); console.count(); console.countReset('none');
    console.group('G'); console.log('in\\nside'); console.groupEnd(); console.log('out');
    console.assert(true, 'no'); console.assert(false, 'yes %d', 1); console.assert(false);
    console.time('t'); console.timeEnd('t'); console.timeEnd('t');
    console.dir({ a: { b: { c: {} } } }, { depth: 0 });`);
  assert.deepEqual(seen, [
    'INFO i',
    'DEBUG d',
    'WARN w',
    'ERROR e',
    'INFO default: 1',
    'INFO x: 1',
    'INFO default: 1',
    "WARN Count for 'none' does not exist",
    'INFO G',
    'INFO   in\n  side',
    'INFO out',
    'ERROR Assertion failed: yes 1',
    'ERROR Assertion failed',
    'INFO t: 0ms',
    "WARN Timer 't' does not exist",
    'INFO { a: [Object] }',
  ]);
  assert.match((await lines(`console.trace('here')`))[0], /^TRACE Trace: here\n {4}at .*main\.js/);
});

test('tables', async () => {
  assert.deepEqual(
    await lines(`console.table([{ a: 1, b: 'x' }, { a: 2 }]); console.table('no')`),
    [
      `INFO ┌─────────┬───┬─────┐
│ (index) │ a │ b   │
├─────────┼───┼─────┤
│ 0       │ 1 │ 'x' │
│ 1       │ 2 │     │
└─────────┴───┴─────┘`,
      'INFO no',
    ],
  );
});

test('after the limit there is one notice', async () => {
  const many = await lines(`for (let i = 0; i < 9; i++) console.log(i)`, {
    limits: { ops: { console: [3, 1000] } },
  });
  assert.deepEqual(many.slice(0, 3), ['INFO 0', 'INFO 1', 'INFO 2']);
  assert.equal(many.length, 4);
  assert.match(many[3], /^WARN console limit exceeded: console \(4\/3 lines\)/);
  const big = await lines(`for (let i = 0; i < 9; i++) console.log('x'.repeat(400))`, {
    limits: { ops: { console: [100, 1000] } },
  });
  assert.equal(big.length, 3);
  assert.match(big[2], /more than 1000 bytes/);
});

test('errors in timers and microtasks are told, and the rest goes on', async () => {
  const it = await onTask(`export default { task() {
    setTimeout(() => { throw new Error('timer') }, 1);
    queueMicrotask(() => { throw 'micro' });
    return new Promise(resolve => setTimeout(resolve, 2, 'done'));
  } }`);
  await it.tick(2);
  assert.equal(it.logs[0], "ERROR Uncaught 'micro'");
  assert.match(it.logs[1], /^ERROR Uncaught Error: timer\n {4}at /);
  assert.equal(it.result.data, 'done');
});

test('listeners for errors come first', async () => {
  const it = await onTask(`
    addEventListener('error', e => { console.log(e.message, e.error.message); e.preventDefault() });
    export default { task() { reportError(new Error('mine')); return 1 } };`);
  assert.deepEqual(it.logs, ['INFO Uncaught Error: mine mine']);
});

test('unhandled rejections are told at the end of the turn', async () => {
  const it = await onTask(
    'export default { task() { Promise.reject(new Error("r")); return new Promise(r => setTimeout(r, 1)) } }',
  );
  assert.match(it.logs[0], /^ERROR Uncaught \(in promise\) Error: r/);
  const heard = await onTask(`
    addEventListener('unhandledrejection', e => { console.log(e.reason, e.promise === globalThis.p); e.preventDefault(); setTimeout(() => p.catch(() => {}), 1) });
    addEventListener('rejectionhandled', e => console.log('handled', e.promise === globalThis.p));
    export default { task() { globalThis.p = Promise.reject('x'); return new Promise(r => setTimeout(r, 5)) } };`);
  assert.deepEqual(heard.logs, ['INFO x true']);
  await heard.tick(1);
  assert.deepEqual(heard.logs.slice(1), ['INFO handled true']);
});

test('timers are refused strings, and are cleared', async () => {
  const it = await onTask(`export default { task() {
    const out = [];
    try { setTimeout('x()', 1) } catch (e) { out.push(e.name) }
    const id = setTimeout(() => out.push('never'), 1); clearTimeout(id); clearTimeout(undefined); clearTimeout(99);
    let n = 0; const every = setInterval(() => { out.push(++n); if (n === 3) { clearInterval(every); resolve(out) } }, 10);
    let resolve; return new Promise(r => { resolve = r });
  } }`);
  for (let i = 0; i < 3; i++) await it.tick(10);
  assert.deepEqual(it.result.data, ['TypeError', 1, 2, 3]);
});

test('clocks start with the context', async () => {
  const it = await onTask(`export default { async task() {
    const a = performance.now(); await scheduler.wait(20); const b = performance.now();
    const c = new AbortController(); setTimeout(() => c.abort(), 1);
    const gone = await scheduler.wait(1000, { signal: c.signal }).catch(e => e.name);
    return [a >= 0, Math.round(b - a), Math.abs(performance.timeOrigin - Date.now()) < 60000, performance.toJSON().timeOrigin > 0, gone];
  } }`);
  await it.tick(20);
  await it.tick(1);
  assert.deepEqual(it.result.data, [true, 20, true, true, 'AbortError']);
});

test('whatever is thrown can be described', () => {
  const it = new Execution();
  it.init(taskEvent(null));
  const described = expression => JSON.parse(it.dispatch(4, it.evaluate(`(${expression})`)));
  assert.deepEqual(described(`'text'`), { name: '', message: 'text', stack: '' });
  assert.equal(described('null').message, 'null');
  assert.equal(described('undefined').message, 'undefined');
  assert.equal(described('{ a: 1 }').message, '{ a: 1 }');
  assert.equal(described(`Symbol('s')`).message, 'Symbol(s)');
  assert.equal(described('new Proxy(new Error("x"), { get() { throw 1 } })').message, '[Proxy]');
  assert.equal(
    described('(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy })()')
      .message,
    '[Proxy]',
  );
  assert.equal(
    described(
      `Object.create(new Proxy(Error.prototype, { get() { throw 1 }, getPrototypeOf() { throw 1 } }))`,
    ).name,
    '',
  );
  const getters = described(
    `Object.defineProperties(new Error('m'), { message: { get() { throw 1 } }, stack: { get() { throw 1 } }, name: { value: 5 } })`,
  );
  assert.deepEqual(getters, { name: 'Error', message: '', stack: '' });
  const big = described(`new Error('x'.repeat(1e6))`);
  assert.ok(big.message.length <= 65536 && big.stack.length <= 65536);
  const custom = described(`new (class MyError extends TypeError { name = 'MyError' })('c')`);
  assert.equal(custom.name, 'MyError');
  assert.equal(described(`new DOMException('d', 'AbortError')`).name, 'AbortError');
});

test('an escaped limit is the outcome of a fetch, too', async () => {
  const it = await onFetch(
    `export default { async fetch() { for (;;) await fetch('data:,x'), await Promise.all([fetch('https://a.test'), fetch('https://a.test')]) } }`,
    {},
    { limits: { ops: { fetch: [1, 1] } } },
  );
  assert.equal(it.state, 'DL');
});
