// Tasks beyond one handler: a worker's `tasks`, a map from types to `{timeout, maxAttempts, retry, handler}`, and results that
// tell of a failure.

import { isError } from '../looking.js';
import { Error, hasOwn, stringify, TypeError } from '../primordials.js';

const { emit, quote, use } = core;

/** What a handler may say about itself, as JSON. */
const LONGEST = 4096;

/** The entry for the event's type, its `handler` a function; undefined when there is none. Its settings go out at once. */
export function entryOf(worker, event) {
  const { taskType: type } = event;
  const { tasks } = worker;
  if (typeof tasks !== 'object' || tasks === null || !hasOwn(tasks, type)) return undefined;
  const entry = tasks[type];
  if (typeof entry === 'function') return { __proto__: null, handler: entry };
  if (typeof entry !== 'object' || entry === null || typeof entry.handler !== 'function') {
    throw new TypeError(
      `tasks[${quote(type)}] is neither a function nor an object with a function \`handler\``,
    );
  }
  tell(entry, type);
  const { maxAttempts } = entry;
  if (typeof maxAttempts === 'number' && event.maxAttemptsGiven !== true) {
    event.maxAttempts = maxAttempts;
    // An attempt that nobody heard of again counts, too.
    if (event.attempt > maxAttempts) {
      throw new Error(`All of the ${maxAttempts} attempts that its handler allows were made`);
    }
  }
  return entry;
}

function tell({ timeout, maxAttempts, retry }, type) {
  if (timeout === undefined && maxAttempts === undefined && retry === undefined) return;
  const text = stringify({ __proto__: null, timeout, maxAttempts, retry });
  if (text.length > LONGEST)
    throw new TypeError(`The settings of tasks[${quote(type)}] are too long`);
  emit(`["settings",${text}]`);
}

/** A result without success as JSON text: an Error in it would be nothing but `{}`. */
export function failureOf(value) {
  const { error } = value;
  if (!isError(error)) return stringify(value);
  return `{"success":false,"error":${use('describe').describe(error)}}`;
}
