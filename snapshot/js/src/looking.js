// Looking into values of tenant code without running any of it: no getters, no traps, no `toString`.

import {
  apply,
  errorProto,
  errorStackGetter,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  objectProto,
  setPrototypeOf,
  stringIndexOf,
  stringSlice,
} from './primordials.js';

const { natives } = core;

let lastAsked;
let lastAnswer = false;

/** Whether an object is a proxy. The host is asked once for the questions in a row about the same object. */
export function isProxy(object) {
  if (object === objectProto) return false;
  if (object !== lastAsked) {
    lastAnswer = !!natives.isProxy(object);
    lastAsked = object;
  }
  return lastAnswer;
}

/** A property's own descriptor, or undefined: also for what may not be looked into. */
export function ownProperty(object, key) {
  return isProxy(object) ? undefined : descriptorOf(object, key);
}

/** The descriptor lacks half of its fields: without a prototype it can not get them from tenant code. */
function descriptorOf(object, key) {
  const property = getOwnPropertyDescriptor(object, key);
  return property === undefined ? undefined : setPrototypeOf(property, null);
}

/** The value of the data property `key` of an object or its prototypes, or undefined. */
export function dataOf(object, key) {
  for (let it = object; it !== null; it = getPrototypeOf(it)) {
    if (isProxy(it)) return undefined;
    const property = descriptorOf(it, key);
    if (property !== undefined) return property.value;
  }
  return undefined;
}

export function inheritsFrom(object, prototype) {
  for (let it = object; it !== null; it = getPrototypeOf(it)) {
    if (it === prototype) return true;
    if (isProxy(it)) return false;
  }
  return false;
}

export function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

export function isError(value) {
  return isObject(value) && inheritsFrom(value, errorProto);
}

/** The name of an error, or an empty string. */
export function nameOfError(error) {
  const name = core.made['dom-exception']?.partsOf(error)?.name ?? dataOf(error, 'name');
  return typeof name === 'string' ? name : '';
}

/** The message of an error, or an empty string. */
export function messageOfError(error) {
  const message = core.made['dom-exception']?.partsOf(error)?.message ?? dataOf(error, 'message');
  return typeof message === 'string' ? message : '';
}

/** Frames of the core's own scripts mean nothing to a tenant. */
function withoutOurFrames(stack) {
  let kept = '';
  let start = 0;
  while (start < stack.length) {
    let end = stringIndexOf(stack, '\n', start);
    if (end === -1) end = stack.length;
    const line = stringSlice(stack, start, end);
    if (stringIndexOf(line, 'isolane:', 0) === -1) kept = kept === '' ? line : `${kept}\n${line}`;
    start = end + 1;
  }
  return kept;
}

/** An error's stack as text, or an empty one. Runs tenant code only where it set Error.prepareStackTrace. */
export function stackOf(error) {
  const property = ownProperty(error, 'stack');
  if (property === undefined) return '';
  let stack = property.value;
  if (property.get !== undefined && property.get === errorStackGetter) {
    try {
      stack = apply(errorStackGetter, error, []);
    } catch {
      return '';
    }
  }
  return typeof stack === 'string' ? withoutOurFrames(stack) : '';
}
