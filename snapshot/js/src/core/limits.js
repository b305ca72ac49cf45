// How much one execution may do: totals of ops, timers and console lines.

import { Error, parseJSON, WeakSet, weakSetAdd, weakSetHas } from '../primordials.js';

let text = '{}';
let limits = null;
let limitErrors = null;

/** The lane's limits for the execution that begins, see docs/boundary.md. */
export function setLimits(json) {
  text = json;
  limits = null;
}

/** `[total, at once]` (console: lines, bytes) of an op, Infinity for what is off; undefined when it has no limit. */
export function limitOf(name) {
  // Parsed when first wanted: most executions have no op.
  limits ??= { __proto__: null, ...parseJSON(text).ops };
  const limit = limits[name];
  if (limit !== undefined) {
    if (limit[0] === 0) limit[0] = 1 / 0;
    if (limit[1] === 0) limit[1] = 1 / 0;
  }
  return limit;
}

/** The error for use number `count` of something that may be used `total` times. */
export function limitError(name, count, total) {
  const error = new Error(`${name} limit exceeded: ${name} (${count}/${total})`);
  limitErrors ??= new WeakSet();
  weakSetAdd(limitErrors, error);
  return error;
}

/** Whether a handler failed because of a limit. */
export function isLimitError(value) {
  return limitErrors !== null && weakSetHas(limitErrors, value);
}
