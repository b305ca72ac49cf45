// Arguments of the constructors: strategies and the callbacks of sources, sinks and transformers.
// Members are read in the order of their names, as WebIDL has it.

import { apply, isNaN, Number, RangeError, TypeError } from '../primordials.js';
import { dictionary, isObject } from '../webidl.js';
import { promiseOf, resolvedWith } from './promises.js';

/** A QueuingStrategy: `{highWaterMark, size}`, each undefined when it is missing. */
export function strategyOf(given, what) {
  const strategy = dictionary(given, `${what}: the strategy`);
  const mark = strategy?.highWaterMark;
  return {
    __proto__: null,
    highWaterMark: mark === undefined ? undefined : Number(mark),
    size: callbackOf(strategy, 'size', what),
  };
}

export function markOf(strategy, fallback) {
  const mark = strategy.highWaterMark;
  if (mark === undefined) return fallback;
  if (isNaN(mark) || mark < 0) throw new RangeError(`A high water mark can not be ${mark}`);
  return mark;
}

/** What tells the size of a chunk; undefined when each counts as one. */
export function sizeOf({ size }) {
  return size === undefined ? undefined : chunk => Number(apply(size, undefined, [chunk]));
}

/** An optional object argument. */
export function objectOf(given, what) {
  if (given === undefined) return undefined;
  if (!isObject(given)) throw new TypeError(`${what} must be an object`);
  return given;
}

/** A member that is a function, if it is there. */
export function callbackOf(object, name, what) {
  const callback = object?.[name];
  if (callback !== undefined && typeof callback !== 'function') {
    throw new TypeError(`${what}: ${name} must be a function`);
  }
  return callback;
}

/** What runs a tenant's callback and answers a promise; `arity` of its arguments are passed on. */
export function algorithmOf(callback, self) {
  if (callback === undefined) return () => resolvedWith(undefined);
  return (...args) => promiseOf(callback, self, args);
}

export function startOf(callback, self, controller) {
  return callback === undefined ? nothing : () => apply(callback, self, [controller]);
}

function nothing() {}

export function illegal(what) {
  return new TypeError(
    `${what}: called on an object of another kind, or it can not be constructed`,
  );
}
