// Ops: what JavaScript asks of the world, and its answers (docs/boundary.md).

import {
  defineProperty,
  Error,
  Map,
  mapDelete,
  mapGet,
  mapSet,
  RangeError,
  stringIndexOf,
  stringSlice,
  SyntaxError,
  TypeError,
} from '../primordials.js';

const { emit, hold, limitError, limitOf, release, use } = core;

/** Ops that were not answered yet, by id. */
let unanswered = new Map();
/** By name: how many there were, how many are on their way, and who waits for one of these to end. */
let kinds = new Map();
let count = 0;

function kindOf(name) {
  let kind = mapGet(kinds, name);
  if (kind === undefined) {
    const limit = limitOf(name);
    kind = {
      total: limit === undefined ? 1 / 0 : limit[0],
      atOnce: limit === undefined ? 1 / 0 : limit[1],
      used: 0,
      busy: 0,
      first: null,
      last: null,
    };
    mapSet(kinds, name, kind);
  }
  return kind;
}

/**
 * Begins op `name`. `describe(id)` answers the record's rest, from its arguments on, as JSON text, when the op
 * is sent; that may be later, because only so many run at once. `answer.sent(id)` follows, if there is one. Then
 * `answer.resolve(value, buffer, id)` or `answer.reject(error)` is called once. Throws when there were too many.
 */
export function start(name, describe, answer) {
  const kind = kindOf(name);
  kind.used += 1;
  if (kind.used > kind.total) throw limitError(name, kind.used, kind.total);
  const op = { id: ++count, name, kind, describe, answer, sent: false, next: null };
  mapSet(unanswered, op.id, op);
  hold();
  if (kind.busy < kind.atOnce) {
    send(op);
  } else {
    if (kind.last === null) kind.first = op;
    else kind.last.next = op;
    kind.last = op;
  }
  return op.id;
}

function send(op) {
  op.kind.busy += 1;
  op.sent = true;
  emit(`["op",${op.id},"${op.name}",${op.describe(op.id)}]`);
  op.answer.sent?.(op.id);
}

/** Takes an op that was answered or given up from the list, and lets the next one go. */
function finish(id) {
  const op = mapGet(unanswered, id);
  if (op === undefined) return undefined;
  mapDelete(unanswered, id);
  release();
  const { kind } = op;
  if (!op.sent) return op;
  kind.busy -= 1;
  while (kind.first !== null && kind.busy < kind.atOnce) {
    const next = kind.first;
    kind.first = next.next;
    if (kind.first === null) kind.last = null;
    // One that was given up while it waited has been taken from the list.
    if (mapGet(unanswered, next.id) !== undefined) send(next);
  }
  return op;
}

/** Gives an op up: it gets no answer. */
export function abort(id) {
  const op = finish(id);
  if (op?.sent) emit(`["abort",${id}]`);
}

export function resolve(id, value, buffer) {
  finish(id)?.answer.resolve(value, buffer, id);
}

export function reject(id, described) {
  finish(id)?.answer.reject(errorOf(described));
}

/** The error that the runner described; `code` is what programs ask for, of its cause. */
export function errorOf({ name, message, code }) {
  const error = ofName(name, message);
  if (code !== undefined) {
    const colon = stringIndexOf(message, ': ');
    const cause = new Error(colon === -1 ? message : stringSlice(message, colon + 2));
    define(cause, 'code', code, true);
    setCause(error, cause);
  }
  return error;
}

/** Gives an error its `cause`, as its constructor would. */
export function setCause(error, cause) {
  define(error, 'cause', cause, false);
}

function define(error, name, value, enumerable) {
  const property = { __proto__: null, value, writable: true, enumerable, configurable: true };
  defineProperty(error, name, property);
}

function ofName(name, message) {
  if (name === 'TypeError') return new TypeError(message);
  if (name === 'RangeError') return new RangeError(message);
  if (name === 'SyntaxError') return new SyntaxError(message);
  if (name === 'Error') return new Error(message);
  return new (use('dom-exception').DOMException)(message, name);
}

export function forget() {
  unanswered = new Map();
  kinds = new Map();
  count = 0;
}
