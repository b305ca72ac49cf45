// Chunks: parts of the web platform that are made when they are first wanted. Their code is in the
// snapshot, but belongs to the isolate; only what was made of it costs a context anything.

import { defineProperty, evaluate, stringIndexOf, stringSlice } from '../primordials.js';

/** What each chunk that was loaded exports, by its name. */
export const made = { __proto__: null };

/** The exports of chunk `name`, the same for the whole life of the context. */
export function use(name) {
  return made[name] ?? (made[name] = (lazy(name) ?? rare(name))(core));
}

/** A chunk that is not in the snapshot: it would take memory of all isolates, and few ever need it. */
function rare(name) {
  return evaluate(natives.source(name));
}

/** What a lazy global stands for, given as `chunk name`. */
export function revealed(text) {
  const space = stringIndexOf(text, ' ');
  return use(stringSlice(text, 0, space))[stringSlice(text, space + 1)];
}

/** Makes the accessor that `this` names what it stands for: the value assigned, or that of its chunk. */
function reveal(assigned) {
  const value = arguments.length === 1 ? assigned : revealed(this);
  const name = stringSlice(this, stringIndexOf(this, ' ') + 1);
  // It stays as enumerable as it is.
  defineProperty(globalThis, name, { __proto__: null, value, writable: true });
  return value;
}

/**
 * Gives the global object a property that becomes a plain one, of the value that chunk `chunk` exports
 * under the same name, when it is first read. One bound function is getter and setter, and what it has to know is
 * bound as its `this`: whatever is in the snapshot is paid for by every context, a closure more than a bound
 * function, and bound arguments are an array of their own.
 */
export function defineLazy(chunk, name, enumerable) {
  const accessor = reveal.bind(`${chunk} ${name}`);
  defineProperty(globalThis, name, {
    __proto__: null,
    get: accessor,
    set: accessor,
    enumerable,
    configurable: true,
  });
}

/** Does what an event handler attribute does, by the one that the events' chunk puts in its place. */
function handle(assigned) {
  use('events');
  if (arguments.length === 0) return core.global[this];
  core.global[this] = assigned;
}

/** An event handler attribute of the global object, until the events' chunk is there. */
export function defineHandler(name) {
  const accessor = handle.bind(name);
  defineProperty(globalThis, name, {
    __proto__: null,
    get: accessor,
    set: accessor,
    enumerable: true,
    configurable: true,
  });
}

/** A global of which the value is made already. */
export function defineGlobal(name, value, enumerable) {
  defineProperty(globalThis, name, {
    __proto__: null,
    value,
    writable: true,
    enumerable,
    configurable: true,
  });
}
