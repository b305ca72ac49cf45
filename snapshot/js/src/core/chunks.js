// Chunks: parts of the web platform that are made when they are first wanted. Their code is in the
// snapshot, but belongs to the isolate; only what was made of it costs a context anything.

import { defineProperty } from '../primordials.js';

/** What each chunk that was loaded exports, by its name. */
export const made = { __proto__: null };

/** The exports of chunk `name`, the same for the whole life of the context. */
export function use(name) {
  return made[name] ?? (made[name] = lazy(name));
}

function define(name, value, enumerable) {
  defineProperty(globalThis, name, {
    __proto__: null,
    value,
    writable: true,
    enumerable,
    configurable: true,
  });
  return value;
}

/**
 * Gives the global object a property that becomes a plain one, of the value that chunk `chunk` exports
 * under the same name, when it is first read. One function is getter and setter: each closure in the
 * snapshot is paid for by every context.
 */
export function defineLazy(chunk, name, enumerable) {
  const accessor = function (value) {
    return define(name, arguments.length === 0 ? use(chunk)[name] : value, enumerable);
  };
  defineProperty(globalThis, name, {
    __proto__: null,
    get: accessor,
    set: accessor,
    enumerable,
    configurable: true,
  });
}

/** A global of which the value is made already. */
export { define as defineGlobal };
