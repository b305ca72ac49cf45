// Databases in `env`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onTask } from './harness.mjs';

const bindings = { DB: 'database' };

const start = (body, options = {}) =>
  onTask(
    `export default { async task(payload, env, ctx) { ${body} } }`,
    null,
    {},
    { bindings, ...options },
  );
const ops = it => it.of('op').map(([, , , args]) => args);
const caught = body =>
  `try { ${body} } catch (e) { return [e.name, e.message, e.code, e.detail, e instanceof Error] }`;

/** What a task comes to, when its one query gets `answer`. */
async function answered(answer, body = `return await env.DB.query('x')`) {
  const it = await start(caught(body));
  await it.deliver(['resolve', it.of('op').at(-1)[1], answer]);
  assert.equal(it.error, undefined);
  return it.result.data;
}

/** What one value of a type comes to. */
async function read(oid, text, show = 'it') {
  const [value] = await answered(
    { columns: [['v', oid]], rows: [[text]], count: 1 },
    `const [{ v: it }] = await env.DB.query('x'); return [${show}]`,
  );
  return value;
}

test('parameters travel as the text that PostgreSQL reads', async () => {
  const it = await start(
    `await env.DB.query('SELECT "$1"', ['ü"', 1.5, 10n ** 20n, true, null, undefined,
      new Date(0), new Uint8Array([0, 171, 255]), new Uint8Array([1, 2]).buffer, { a: [1] },
      [1, null, 'a"\\\\,', [2], true], NaN, [], 'a\\ud800'])`,
  );
  assert.deepEqual(ops(it), [
    {
      binding: 'DB',
      action: 'query',
      sql: 'SELECT "$1"',
      params: [
        'ü"',
        '1.5',
        '100000000000000000000',
        'true',
        null,
        null,
        '1970-01-01T00:00:00.000Z',
        '\\x00abff',
        '\\x0102',
        '{"a":[1]}',
        '{"1",NULL,"a\\"\\\\,",{"2"},"true"}',
        'NaN',
        '{}',
        'a\ufffd',
      ],
    },
  ]);
});

test('what can not be a parameter is refused before it costs an op', async () => {
  for (const [call, said] of [
    [`env.DB.query(1)`, 'Database query: the SQL must be a string'],
    [`env.DB.query('x', 'y')`, 'Database query: the parameters must be an array'],
    [`env.DB.query('x', [1, Symbol()])`, 'Database query: parameter $2 can not be a symbol'],
    [`env.DB.query('x', [() => 1])`, 'Database query: parameter $1 can not be a function'],
    [`env.DB.transaction()`, 'Database transaction: a function is needed'],
    [`new env.DB.constructor({}, 'OTHER')`, 'Illegal constructor'],
  ]) {
    const it = await start(caught(`await (${call}); return 'accepted'`));
    assert.deepEqual([it.result.data[1], ops(it)], [said, []]);
  }
});

test('rows are an array of objects, which is a result, too', async () => {
  const answer = {
    columns: [
      ['id', 23],
      ['__proto__', 25],
    ],
    rows: [
      ['1', 'a'],
      ['2', null],
    ],
    count: 2,
  };
  assert.deepEqual(
    await answered(
      answer,
      `const it = await env.DB.query('x'); const { rows, rowCount, columns } = it;
       return [it.map(it => [it.id, it['__proto__']]), Array.isArray(it), rows === it, rowCount, columns, Object.keys(it)]`,
    ),
    [
      [
        [1, 'a'],
        [2, null],
      ],
      true,
      true,
      2,
      ['id', '__proto__'],
      ['0', '1'],
    ],
  );
  const none = { columns: null, rows: [], count: 3 };
  assert.deepEqual(await answered(none), { rowsAffected: 3 });
  const shown = `const it = await env.DB.query('x'); return [it.rows, it.rowCount]`;
  assert.deepEqual(await answered(none, shown), [[], 3]);
});

test('values have the type of their column', async () => {
  for (const [oid, text, value] of [
    [16, 't', true],
    [16, 'f', false],
    [23, '-7', -7],
    [20, '9007199254740991', 9007199254740991],
    [20, '9007199254740992', '9007199254740992'],
    [20, '-9223372036854775808', '-9223372036854775808'],
    [701, '1.5e300', 1.5e300],
    [1700, '12.50', 12.5],
    [1700, '0.000000001', 1e-9],
    [1700, '12345678901234.56', '12345678901234.56'],
    [25, '1', '1'],
    [25, null, null],
    [114, '{"a": [1, null]}', { a: [1, null] }],
    [3802, '"x"', 'x'],
    [1184, '2026-01-31 12:00:00.5+00', '2026-01-31T12:00:00.5+00:00'],
    [1184, '2026-01-31 12:00:00+05:30', '2026-01-31T12:00:00+05:30'],
    [1114, '12026-01-31 12:00:00', '12026-01-31T12:00:00'],
    [1184, 'infinity', 'infinity'],
    [1114, '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00 BC'],
    [1082, '2026-01-31', '2026-01-31'],
    [1007, '{1,NULL,-3}', [1, null, -3]],
    [1007, '[0:1]={1,2}', [1, 2]],
    [
      1007,
      '{{1,2},{3,4}}',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [1009, '{}', []],
    [1009, '{a,"b \\"\\\\,{}",NULL,"NULL",""}', ['a', 'b "\\,{}', null, 'NULL', '']],
    [3807, '{"{\\"a\\": 1}",null}', [{ a: 1 }, null]],
    [1185, '{"2026-01-31 12:00:00+00"}', ['2026-01-31T12:00:00+00:00']],
    [99999, '(1,a)', '(1,a)'],
  ]) {
    assert.deepEqual(await read(oid, text), value, `${oid} ${text}`);
  }
  assert.deepEqual(await read(17, '\\x00abff', '[it.constructor.name, ...it]'), [
    'Uint8Array',
    0,
    171,
    255,
  ]);
  assert.equal(await read(701, 'NaN', 'Number.isNaN(it)'), true);
  assert.equal(await read(701, '-Infinity', 'it === -Infinity'), true);
  // A server may lie about types and text.
  for (const text of ['{', '{"', '{1,{', 'x', '{"\\']) await read(1009, text);
});

test('an error has the SQLSTATE as code, and what else was told', async () => {
  const error = { message: 'duplicate key', code: '23505', detail: 'Key (id)=(1) already exists.' };
  assert.deepEqual(await answered({ error }), [
    'DatabaseError',
    error.message,
    error.code,
    error.detail,
    true,
  ]);
});

test('a transaction is committed with what its function returns', async () => {
  const it = await start(
    `return await env.DB.transaction(async tx => { await tx.query('INSERT', [1]); return Object.isFrozen(tx) })`,
  );
  await it.deliver(['resolve', 1, { transaction: 7 }]);
  await it.deliver(['resolve', 2, { columns: null, rows: [], count: 1 }]);
  assert.equal(it.result, undefined);
  await it.deliver(['resolve', 3, {}]);
  assert.deepEqual(ops(it), [
    { binding: 'DB', action: 'begin' },
    { binding: 'DB', action: 'query', sql: 'INSERT', params: ['1'], transaction: 7 },
    { binding: 'DB', action: 'commit', transaction: 7 },
  ]);
  assert.equal(it.result.data, true);
});

test('a transaction is rolled back when its function throws, and throws the same', async () => {
  const it = await start(
    caught(`await env.DB.transaction(() => { throw new RangeError('mine') })`),
  );
  await it.deliver(['resolve', 1, { transaction: 7 }]);
  assert.deepEqual(ops(it).at(-1), { binding: 'DB', action: 'rollback', transaction: 7 });
  await it.deliver(['reject', 2, { name: 'Error', message: 'gone' }]);
  assert.deepEqual(it.result.data.slice(0, 2), ['RangeError', 'mine']);
});

test('a commit that fails is an error', async () => {
  const it = await start(caught(`await env.DB.transaction(() => 1)`));
  await it.deliver(['resolve', 1, { transaction: 7 }]);
  await it.deliver(['resolve', 2, { error: { message: 'rolled back', code: '25P02' } }]);
  assert.deepEqual(it.result.data.slice(0, 3), ['DatabaseError', 'rolled back', '25P02']);
});
