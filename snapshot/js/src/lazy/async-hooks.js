// AsyncLocalStorage and AsyncResource, what frameworks import from node:async_hooks (https://nodejs.org/api/async_context.html).
//
// V8 carries one value from where a promise's reaction is made to where it runs; here it is a frame: a map from storages to their
// stores, which is never changed. Timers and messages carry it by themselves.

import { nameInterface } from '../interface.js';
import {
  apply,
  defineProperty,
  Map,
  mapDelete,
  mapForEach,
  mapGet,
  mapHas,
  mapSet,
  TypeError,
} from '../primordials.js';
import { domString } from '../webidl.js';

const { natives, use } = core;
const { getFrame, setFrame } = natives;

function copyOf(frame) {
  const copy = new Map();
  if (frame !== undefined) mapForEach(frame, (store, storage) => void mapSet(copy, storage, store));
  return copy;
}

function framed(storage, store) {
  const frame = copyOf(getFrame());
  mapSet(frame, storage, store);
  return frame;
}

function without(storage) {
  const frame = copyOf(getFrame());
  mapDelete(frame, storage);
  return frame;
}

function runIn(frame, callback, receiver, args) {
  const before = getFrame();
  setFrame(frame);
  try {
    return apply(callback, receiver, args);
  } finally {
    setFrame(before);
  }
}

function checkFunction(value, what) {
  if (typeof value !== 'function') {
    throw new TypeError(`${what} must be a function, not ${use('inspect').kindOf(value)}`);
  }
}

/** A function that calls `callback` in `frame`; without a receiver of its own it hands its caller's on. */
function bound(frame, callback, receiver) {
  const call = function (...args) {
    return runIn(frame, callback, receiver === undefined ? this : receiver, args);
  };
  const length = { __proto__: null, value: callback.length, configurable: true };
  return defineProperty(call, 'length', length);
}

class AsyncLocalStorage {
  #name;
  #defaultValue;

  constructor(options = undefined) {
    this.#defaultValue = options?.defaultValue;
    const name = options?.name;
    this.#name = name === undefined ? '' : domString(name);
  }

  static bind(fn) {
    checkFunction(fn, 'AsyncLocalStorage.bind: the argument');
    return bound(getFrame(), fn);
  }

  static snapshot() {
    const frame = getFrame();
    return (callback, ...args) => {
      checkFunction(callback, 'The first argument');
      return runIn(frame, callback, undefined, args);
    };
  }

  get name() {
    return this.#name;
  }

  getStore() {
    const fallback = this.#defaultValue;
    const frame = getFrame();
    return frame !== undefined && mapHas(frame, this) ? mapGet(frame, this) : fallback;
  }

  run(store, callback, ...args) {
    this.#name;
    checkFunction(callback, 'AsyncLocalStorage.run: the second argument');
    return runIn(framed(this, store), callback, undefined, args);
  }

  exit(callback, ...args) {
    this.#name;
    checkFunction(callback, 'AsyncLocalStorage.exit: the first argument');
    return runIn(without(this), callback, undefined, args);
  }

  /** For the rest of this turn, and what comes of it. */
  enterWith(store) {
    this.#name;
    setFrame(framed(this, store));
  }

  disable() {
    this.#name;
    setFrame(without(this));
  }
}

nameInterface(AsyncLocalStorage, 'AsyncLocalStorage');

let count = 0;

class AsyncResource {
  #frame = getFrame();
  #id = ++count;

  constructor(type, _options = undefined) {
    if (typeof type !== 'string') {
      throw new TypeError('AsyncResource: the first argument must be a string, the type');
    }
  }

  static bind(fn, type = undefined, thisArg = undefined) {
    checkFunction(fn, 'AsyncResource.bind: the first argument');
    return new AsyncResource(type ?? 'bound-anonymous-fn').bind(fn, thisArg);
  }

  bind(fn, thisArg = undefined) {
    const frame = this.#frame;
    checkFunction(fn, 'AsyncResource.bind: the first argument');
    return bound(frame, fn, thisArg);
  }

  runInAsyncScope(fn, thisArg = undefined, ...args) {
    const frame = this.#frame;
    checkFunction(fn, 'AsyncResource.runInAsyncScope: the first argument');
    return runIn(frame, fn, thisArg, args);
  }

  /** There are no hooks that would be told. */
  emitDestroy() {
    this.#id;
    return this;
  }

  asyncId() {
    return this.#id;
  }

  triggerAsyncId() {
    this.#id;
    return 0;
  }
}

nameInterface(AsyncResource, 'AsyncResource');

/** What `import` gives, see pools/v8/built_in.py. */
export const module = { AsyncLocalStorage, AsyncResource };
