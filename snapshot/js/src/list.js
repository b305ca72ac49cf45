// Arrays for the core's own use.

import { defineProperty, setPrototypeOf } from './primordials.js';

/**
 * An array without a prototype: `list[list.length] = item` adds to it and can not call a setter that tenant
 * code put on Array.prototype. Never hand it out.
 */
export function makeList() {
  return setPrototypeOf([], null);
}

/** Adds to an array that was made for tenant code, whatever its prototype has become. */
export function append(array, value) {
  defineProperty(array, array.length, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
