// Promises that carry what tenant code must not see before it is done.

import { defineProperty, Promise } from '../primordials.js';

/**
 * Makes a promise that can be awaited: `await` asks it for its constructor, which would else be that of a prototype that tenant code
 * may have changed, and with it who gets the value.
 */
export function own(promise) {
  return defineProperty(promise, 'constructor', { __proto__: null, value: Promise });
}
