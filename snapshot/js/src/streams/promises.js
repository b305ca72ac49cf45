// Promises as the Streams standard uses them, whatever tenant code made of theirs.

import { apply, Promise, promiseResolve, promiseThen } from '../primordials.js';

export function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { __proto__: null, promise, resolve, reject };
}

export function resolvedWith(value) {
  return promiseResolve(Promise, value);
}

export function rejectedWith(reason) {
  return new Promise((_, reject) => reject(reason));
}

/** A promise for what a source's or sink's `start` answers; throws what it throws. */
export function started(begin) {
  const result = begin();
  return new Promise(resolve => resolve(result));
}

export function resolvedDeferred() {
  const it = deferred();
  it.resolve();
  return it;
}

/** A deferred whose promise is rejected already, and nobody's fault. */
export function rejectedDeferred(reason) {
  const it = deferred();
  it.reject(reason);
  markHandled(it.promise);
  return it;
}

const nothing = () => {};

export function markHandled(promise) {
  promiseThen(promise, undefined, nothing);
}

/** `fulfilled` and `rejected` never throw. */
export function upon(promise, fulfilled, rejected) {
  promiseThen(promise, fulfilled, rejected);
}

export { promiseThen as react };

/** Calls what a tenant gave, and answers a promise for its result. */
export function promiseOf(callback, self, args) {
  try {
    return resolvedWith(apply(callback, self, args));
  } catch (error) {
    return rejectedWith(error);
  }
}
