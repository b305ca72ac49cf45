// The state of one execution: what it was started for, whether its handler has settled, what it still
// waits for, and so what the lane is told after each turn.

import { freeze, hasOwn, isArray, ownKeys, parseJSON } from '../primordials.js';
import { made, use } from './chunks.js';
import { isLimitError, setLimits } from './limits.js';
import { log, resetLog } from './log.js';
import { emit, take } from './outbox.js';

/** What INIT told: `{type, ...}`, see docs/boundary.md. */
export let event = null;
/** Whole request body as an ArrayBuffer, when the event came with one. */
export let eventBody;
export let birth = 0;

let envText = '';
let env = null;
/** The outcome's letter once the handler has settled: `O X N L`. */
let outcome = '';
/** True from the head of a streamed response to its last chunk. */
let sending = false;
/** Promises given to waitUntil that have not settled. */
let waiting = 0;
/** Reasons to expect another turn: ops on their way, streams that wait for chunks or credit. */
let holds = 0;
let stopReason;
/** What to fail with when nothing can happen any more, if not with the lane's own words. */
let stuckError = null;

export function begin(eventJson, environment, limitsJson, body, now) {
  event = parseJSON(eventJson);
  eventBody = body;
  birth = now;
  envText = environment;
  env = null;
  outcome = '';
  sending = false;
  waiting = 0;
  holds = 0;
  stopReason = undefined;
  stuckError = null;
  setLimits(limitsJson);
  resetLog();
}

/** Freezes plain JSON values all the way down. */
function freezeDeep(value) {
  if (typeof value !== 'object' || value === null) return value;
  const keys = ownKeys(value);
  for (let i = 0; i < keys.length; i++) {
    if (!(isArray(value) && keys[i] === 'length')) freezeDeep(value[keys[i]]);
  }
  return freeze(value);
}

/** The tenant's variables and bindings, frozen. */
export function environment() {
  if (env === null) {
    const given = parseJSON(envText);
    const vars = given.vars ?? {};
    // Tenant code has run by now: what is not given must not come from Object.prototype.
    if (hasOwn(given, 'bindings')) use('bindings').bind(vars, given.bindings);
    env = freezeDeep(vars);
  }
  return env;
}

/** Says that something outside will lead to another turn, until `release`. */
export function hold() {
  holds += 1;
}

export function release() {
  holds -= 1;
}

export function isSettled() {
  return outcome !== '';
}

/** The handler has done its work. */
export function succeed() {
  outcome = 'O';
}

export function setSending(value) {
  sending = value;
}

/** There is nobody to call. */
export function endWithoutHandler() {
  outcome = 'N';
}

/** The handler threw or rejected, or what it gave can not be used. What waitUntil holds goes on. */
export function fail(error) {
  outcome = isLimitError(error) ? 'L' : 'X';
  let described;
  try {
    described = use('describe').describe(error);
  } catch {
    // There may be no stack left.
    described = '{"name":"Error","message":"(an error that could not be described)","stack":""}';
  }
  emit(`["error",${described}${outcome === 'L' ? ',"op_limit"' : ''}]`);
}

/** Gives a reason to fail for when the execution is found to be stuck. */
export function whenStuck(error) {
  stuckError = error;
}

/** Keeps the execution going until `promise` settles. */
export async function waitUntil(promise) {
  const mine = event;
  waiting += 1;
  try {
    await promise;
  } catch (error) {
    log('ERROR', `Uncaught (in waitUntil) ${use('inspect').inspectThrown(error)}`);
  }
  // A context that is used again may have another execution by now.
  if (mine === event) waiting -= 1;
}

/** Why `ctx.signal` is aborted, or undefined. */
export function stopped() {
  return stopReason;
}

export function stop(reason) {
  stopReason ??= reason;
  made.abort?.stopContext(reason);
}

/** The lane's answer for the turn that ended. */
export function report() {
  const settled = outcome !== '' && !sending;
  const next = made.timers === undefined ? -1 : made.timers.untilNext();
  if (settled && waiting === 0) return take(`D${outcome}`);
  if (next >= 0) return take(`P${next}`);
  if (holds > 0) return take('P');
  if (outcome === '' && stuckError !== null) {
    fail(stuckError);
    return report();
  }
  if (!settled) return take('I');
  // What is left are promises given to waitUntil that nothing can settle any more: the client has its
  // answer, so this is the tenant's to know, not an outcome.
  log('WARN', `${waiting} promise(s) given to waitUntil can never settle`);
  return take(`D${outcome}`);
}
