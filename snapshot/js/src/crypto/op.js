// For all algorithms: the op `crypto`, of which the chunk is loaded with the first.

import { within } from './bytes.js';
import { makeList } from '../list.js';
import { Uint8Array } from '../primordials.js';

const { use } = core;

/** Byte arrays as a list, which needs nothing of Array.prototype. */
export function list(...items) {
  const all = makeList();
  for (let i = 0; i < items.length; i++) all[i] = items[i];
  return all;
}

/** See lazy/crypto-op.js. */
export function ask(action, members, parts, read) {
  return use('crypto-op').ask(action, members, parts, read);
}

/** Bytes on their way to somewhere else: what a promise is resolved with is asked for `then`, and this has none. */
export function boxed(buffer) {
  return { __proto__: null, buffer };
}

export const asBox = (_, buffer) => boxed(buffer);

/** The parts of an answer that has several, as a list. */
export function partsOf(sizes, buffer) {
  const parts = makeList();
  const whole = new Uint8Array(buffer);
  let start = 0;
  for (let i = 0; i < sizes.length; i++) {
    parts[i] = within(whole, start, start + sizes[i]);
    start += sizes[i];
  }
  return parts;
}
