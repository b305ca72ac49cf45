// Iteration of the WebIDL interfaces that are lists of pairs: Headers, FormData, URLSearchParams
// (https://webidl.spec.whatwg.org/#js-iterable).

import {
  apply,
  defineProperty,
  iteratorProto,
  setPrototypeOf,
  symbolIterator,
  symbolToStringTag,
  TypeError,
} from './primordials.js';

export const PAIR = 0;
export const KEY = 1;
export const VALUE = 2;

function makeIteratorClass(name, pairAt) {
  class PairIterator {
    #object;
    #kind;
    #index = 0;

    constructor(object, kind) {
      this.#object = object;
      this.#kind = kind;
    }

    next() {
      const pair = pairAt(this.#object, this.#index);
      if (pair === undefined) return { value: undefined, done: true };
      this.#index += 1;
      const kind = this.#kind;
      if (kind === PAIR) return { value: [pair.name, pair.value], done: false };
      return { value: kind === KEY ? pair.name : pair.value, done: false };
    }
  }

  // The iterators' prototype has no constructor, and inherits from %IteratorPrototype%.
  const { prototype } = PairIterator;
  delete prototype.constructor;
  setPrototypeOf(prototype, iteratorProto);
  defineProperty(prototype, 'next', { __proto__: null, enumerable: true });
  defineProperty(prototype, symbolToStringTag, {
    __proto__: null,
    value: `${name} Iterator`,
    configurable: true,
  });
  return PairIterator;
}

/**
 * What the methods entries, keys, values and forEach of an interface call. `pairAt(object, index)` answers the
 * pair at a place as it is now, `{name, value}`, or undefined past the end; it throws for an object of
 * another class.
 */
export function makePairIteration(name, pairAt) {
  let PairIterator = null;
  return {
    __proto__: null,
    iterate(object, kind) {
      pairAt(object, 0);
      // Made when first wanted: most lists are never iterated.
      PairIterator ??= makeIteratorClass(name, pairAt);
      return new PairIterator(object, kind);
    },
    forEach(object, callback, thisArg) {
      pairAt(object, 0);
      if (typeof callback !== 'function') {
        throw new TypeError(`${name}.forEach: the callback must be a function`);
      }
      for (let i = 0; ; i++) {
        const pair = pairAt(object, i);
        if (pair === undefined) return;
        apply(callback, thisArg, [pair.value, pair.name, object]);
      }
    },
  };
}

/** `@@iterator` of such an interface is its `entries`. */
export function defineIterator(constructor) {
  const { prototype } = constructor;
  defineProperty(prototype, symbolIterator, {
    __proto__: null,
    value: prototype.entries,
    writable: true,
    configurable: true,
  });
}
