// What a turn produced, collected until the lane takes it. Records are put together as text:
// JSON.stringify of an object would ask `toJSON` of prototypes that tenant code may have changed.

import { defineProperty, stringify } from '../primordials.js';

let records = '';
/** Null, or the answer of `take`: a place for the text, then the attachments. */
let answer = null;
let attachments = 0;

/** Adds a record, given as JSON text. */
export function emit(json) {
  records = records === '' ? json : `${records},${json}`;
}

/** Adds bytes, which nobody may change from now on, and returns the index by which a record names them. */
export function attach(bytes) {
  answer ??= [''];
  // An assignment would call a setter that tenant code may have put on Array.prototype.
  defineProperty(answer, ++attachments, { __proto__: null, value: bytes, configurable: true });
  return attachments - 1;
}

/** The lane's answer for a turn, with its state line; the outbox is empty afterwards. */
export function take(stateLine) {
  const text = `${stateLine}\n[${records}]`;
  records = '';
  if (attachments === 0) return text;
  const taken = answer;
  taken[0] = text;
  answer = null;
  attachments = 0;
  return taken;
}

/** A string as JSON text. Never asks `toJSON`: that is for objects. */
export function quote(text) {
  return stringify(text);
}
