import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onTask } from './harness.mjs';

const worker = `export default {
  task: (payload, env, ctx) => ['task', ctx.task.type],
  tasks: {
    'email:send': {
      timeout: 1500, maxAttempts: 5, retry: { kind: 'fixed', delay: 10 }, greeting: 'hi',
      async handler(payload, env, ctx) { return [this.greeting, payload, Object.keys(env), ctx.task] },
    },
    plain: payload => payload,
    wrong: { timeout: 1 },
  },
}`;

const settingsOf = it => it.of('settings').map(record => record[1]);

test('a type chooses its entry of tasks, which is told and called as a method', async () => {
  const it = await onTask(worker, 7, {
    taskId: 'a',
    taskType: 'email:send',
    attempt: 1,
    maxAttempts: 3,
  });
  assert.equal(it.state, 'DO');
  assert.deepEqual(settingsOf(it), [
    { timeout: 1500, maxAttempts: 5, retry: { kind: 'fixed', delay: 10 } },
  ]);
  assert.deepEqual(it.result.data, [
    'hi',
    7,
    [],
    { id: 'a', type: 'email:send', attempt: 1, maxAttempts: 5 },
  ]);
});

test('an entry may be a function, and has no settings then', async () => {
  const it = await onTask(worker, 'x', { taskType: 'plain' });
  assert.deepEqual(it.result, { success: true, data: 'x' });
  assert.deepEqual(settingsOf(it), []);
});

test('a type without an entry, as an inherited name, is for the task handler', async () => {
  for (const taskType of ['other', 'toString', '__proto__', 'constructor']) {
    const it = await onTask(worker, null, { taskType });
    assert.deepEqual(it.result.data, ['task', taskType]);
  }
});

test('without either there is no handler', async () => {
  const it = await onTask('export default { tasks: {} }', null, { taskType: 'a' });
  assert.equal(it.state, 'DN');
});

test('an entry without a handler is an error that names it', async () => {
  const it = await onTask(worker, null, { taskType: 'wrong' });
  assert.equal(it.state, 'DX');
  assert.match(it.error.message, /tasks\["wrong"\] is neither/);
});

test('a number of attempts that the task was given counts more than its handler says', async () => {
  const it = await onTask(worker, 1, {
    taskType: 'email:send',
    attempt: 6,
    maxAttempts: 9,
    maxAttemptsGiven: true,
  });
  assert.equal(it.result.data[3].maxAttempts, 9);
});

test('an attempt too many, after one that was lost, does not reach the handler', async () => {
  const it = await onTask(worker, 1, { taskType: 'email:send', attempt: 6, maxAttempts: 3 });
  assert.equal(it.state, 'DX');
  assert.match(it.error.message, /All of the 5 attempts/);
  assert.equal(settingsOf(it)[0].maxAttempts, 5);
});

test('settings are JSON whatever a tenant makes of them', async () => {
  const it = await onTask(
    `Object.prototype.toJSON = () => undefined;
     export default { tasks: { a: { timeout: 1n, handler() {} }, b: { timeout: 5, handler() {} } } }`,
    null,
    { taskType: 'b' },
  );
  assert.deepEqual(settingsOf(it), [{ timeout: 5 }]);
  const big = await onTask(
    'export default { tasks: { a: { retry: "x".repeat(5000), handler() {} } } }',
    null,
    { taskType: 'a' },
  );
  assert.match(big.error.message, /too long/);
});

test('an Error in a result of a failure is described', async () => {
  const it = await onTask(
    'export default { task: () => ({ success: false, error: new RangeError("shutting down") }) }',
  );
  assert.equal(it.state, 'DO');
  assert.equal(it.result.success, false);
  assert.equal(it.result.error.name, 'RangeError');
  assert.equal(it.result.error.message, 'shutting down');
});

test('another error in a result is what the task wrote', async () => {
  const it = await onTask('export default { task: () => ({ success: false, error: "no" }) }');
  assert.deepEqual(it.result, { success: false, error: 'no' });
});
