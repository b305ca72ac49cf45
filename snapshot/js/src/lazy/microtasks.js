// queueMicrotask (https://html.spec.whatwg.org/#microtask-queuing).

import { defineProperty, Promise, promiseThen, TypeError } from '../primordials.js';

const { use } = core;

const settled = new Promise(resolve => resolve());
// `then` asks a promise's constructor for the class of its result: it must not find one that was patched.
defineProperty(settled, 'constructor', { __proto__: null, value: undefined });

export function queueMicrotask(callback) {
  if (typeof callback !== 'function') {
    throw new TypeError(
      `queueMicrotask: the argument must be a function, not ${use('inspect').kindOf(callback)}`,
    );
  }
  promiseThen(settled, () => {
    try {
      callback();
    } catch (error) {
      use('uncaught').report(error);
    }
  });
}
