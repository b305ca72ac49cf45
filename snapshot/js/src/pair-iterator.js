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

const PAIR = 0;
const KEY = 1;
const VALUE = 2;

/**
 * Gives `constructor.prototype` entries, keys, values, forEach and @@iterator. `pairAt(object, index)`
 * answers the pair at a place as it is now, `{name, value}`, or undefined past the end; it throws for
 * an object of another class.
 */
export function makePairIterable(constructor, name, pairAt) {
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
  const iterate = (object, kind) => {
    pairAt(object, 0);
    return new PairIterator(object, kind);
  };

  const methods = {
    entries() {
      return iterate(this, PAIR);
    },
    forEach(callback, thisArg = undefined) {
      pairAt(this, 0);
      if (typeof callback !== 'function') {
        throw new TypeError(`${name}.forEach: the callback must be a function`);
      }
      for (let i = 0; ; i++) {
        const pair = pairAt(this, i);
        if (pair === undefined) return;
        apply(callback, thisArg, [pair.value, pair.name, this]);
      }
    },
    keys() {
      return iterate(this, KEY);
    },
    values() {
      return iterate(this, VALUE);
    },
  };
  const define = (key, value, enumerable) =>
    defineProperty(constructor.prototype, key, {
      __proto__: null,
      value,
      writable: true,
      enumerable,
      configurable: true,
    });
  define('entries', methods.entries, true);
  define('forEach', methods.forEach, true);
  define('keys', methods.keys, true);
  define('values', methods.values, true);
  define(symbolIterator, methods.entries, false);
}
