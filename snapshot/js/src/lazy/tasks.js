// Durable tasks in `env`: op `tasks` (docs/boundary.md). A binding leads to one worker; its `tasks` are what is enqueued here,
// and the only ones that can be looked at. The runner judges everything but what is no text or number at all.

import {
  Date,
  floor,
  freeze,
  isArray,
  RangeError,
  stringify,
  stringToWellFormed,
  TypeError,
} from '../primordials.js';
import { dictionary } from '../webidl.js';

const { quote, use } = core;
const { ask, brandBinding } = use('bindings');

/** Of a payload's JSON in UTF-8. */
const MAX_PAYLOAD_BYTES = 1048576;
const MAX_MANY = 100;
const MAX_TEXT = 4096;

const internally = { __proto__: null };

class TaskQueue {
  #name;

  constructor(token, name) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#name = name;
  }

  /** Enqueues a task for the handler of `type`, or for the worker's `task` without one; answers `{id, created}`. */
  async enqueue(type, payload = undefined, options = undefined) {
    const task = newTask(type, payload, optionsOf(options, 'enqueue'));
    return (await ask('tasks', this.#name, `"action":"enqueue","tasks":[${task}]`))[0];
  }

  /** Enqueues up to 100 tasks `{type, payload, ...options}`, all or none. */
  async enqueueMany(tasks) {
    if (!isArray(tasks) || tasks.length > MAX_MANY) {
      throw new RangeError(`tasks: enqueueMany takes an array of up to ${MAX_MANY} tasks`);
    }
    if (tasks.length === 0) return [];
    let texts = '';
    for (let i = 0; i < tasks.length; i++) {
      const task = optionsOf(tasks[i], 'enqueueMany');
      texts += `${i === 0 ? '' : ','}${newTask(task.type, task.payload, task)}`;
    }
    return await ask('tasks', this.#name, `"action":"enqueue","tasks":[${texts}]`);
  }

  /** The task as it is now, or null. */
  async get(id) {
    return await ask('tasks', this.#name, `"action":"get","id":${textOf(id, 'an id')}`);
  }

  /** Ends a task that has not ended, also one that runs; answers it. */
  async cancel(id, reason = undefined) {
    const members = `"action":"cancel","id":${textOf(id, 'an id')},"reason":${textOrNull(reason, 'a reason')}`;
    return await ask('tasks', this.#name, members);
  }

  /** Lets a task that failed or was cancelled run again; with `resetAttempts` as often as a new one. */
  async retry(id, options = undefined) {
    const reset = optionsOf(options, 'retry').resetAttempts ? 'true' : 'false';
    const members = `"action":"retry","id":${textOf(id, 'an id')},"resetAttempts":${reset}`;
    return await ask('tasks', this.#name, members);
  }
}

brandBinding(TaskQueue, 'TaskQueue');

function newTask(type, payload, options) {
  const json = payload === undefined ? 'null' : stringify(payload);
  if (json === undefined) {
    throw new TypeError(`tasks: ${typeof payload} can not be expressed as JSON`);
  }
  if (json.length > MAX_PAYLOAD_BYTES) {
    throw new RangeError(
      `Payload too large: ${json.length} characters of JSON, at most ${MAX_PAYLOAD_BYTES} bytes are allowed`,
    );
  }
  const { concurrencyKey, delay, idempotencyKey, key, maxAttempts, priority, queue, retry } =
    options;
  const { scheduledAt, timeout } = options;
  return (
    `{"type":${textOrNull(type, 'a type')},"json":${quote(json)},"queue":${textOrNull(queue, 'a queue')},` +
    `"key":${textOrNull(key ?? idempotencyKey, 'a key')},` +
    `"concurrencyKey":${textOrNull(concurrencyKey, 'a concurrency key')},` +
    `"priority":${integerOrNull(priority, 'priority')},"maxAttempts":${integerOrNull(maxAttempts, 'maxAttempts')},` +
    `"timeout":${integerOrNull(timeout, 'timeout')},"delay":${numberOrNull(delay, 'delay')},` +
    `"scheduledAt":${timeOrNull(scheduledAt)},"retry":${retryOrNull(retry)}}`
  );
}

function retryOrNull(given) {
  const retry = dictionary(given, 'tasks: retry');
  if (retry === undefined) return 'null';
  const { delay, factor, jitter, kind, maxDelay } = retry;
  return (
    `{"kind":${textOrNull(kind, 'retry.kind')},"delay":${integerOrNull(delay, 'retry.delay')},` +
    `"maxDelay":${integerOrNull(maxDelay, 'retry.maxDelay')},"factor":${numberOrNull(factor, 'retry.factor')},` +
    `"jitter":${numberOrNull(jitter, 'retry.jitter')}}`
  );
}

function optionsOf(options, method) {
  return dictionary(options, `tasks ${method}: options`) ?? { __proto__: null };
}

/** A string that names something, as JSON text. */
function textOf(value, what) {
  if (typeof value !== 'string') throw new TypeError(`tasks: ${what} must be a string`);
  if (value.length > MAX_TEXT) throw new RangeError(`tasks: ${what} is too long`);
  return quote(stringToWellFormed(value));
}

function textOrNull(value, what) {
  return value === undefined || value === null ? 'null' : textOf(value, what);
}

function numberOrNull(value, what) {
  if (value === undefined || value === null) return 'null';
  const number = +value;
  // Neither NaN nor Infinity: JSON has none.
  if (!(number > -1e15 && number < 1e15)) throw new RangeError(`tasks: ${what} must be a number`);
  return `${number}`;
}

function integerOrNull(value, what) {
  const text = numberOrNull(value, what);
  if (text !== 'null' && floor(+text) !== +text) {
    throw new RangeError(`tasks: ${what} must be an integer`);
  }
  return text;
}

/** A Date, its text, or milliseconds since 1970. */
function timeOrNull(value) {
  if (value === undefined || value === null) return 'null';
  return numberOrNull(typeof value === 'string' ? new Date(value) : value, 'scheduledAt');
}

export function make(name) {
  return freeze(new TaskQueue(internally, name));
}
