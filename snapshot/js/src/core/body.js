// The body slot of requests and responses: as little as possible until somebody wants to read it.

import { Uint8Array } from '../primordials.js';
import { use } from './chunks.js';

/** `source` is a string. */
export const TEXT = 0;
/** `source` is a Uint8Array that nobody else can change. */
export const BYTES = 1;
/** `source` is the number of an inbound stream that nobody has read from. */
export const INBOUND = 2;
/** There is nothing but `stream`, a ReadableStream. */
export const STREAM = 3;

/**
 * A body. `type` is the content type that it implies, or null; `stream` is the ReadableStream made of
 * it once `.body` was asked for; `used` is true when it was read without one.
 *
 * Records as this one have no prototype: V8 makes dictionaries of them at once, where it would have to derive a
 * hidden class for each further property, anew in each context.
 */
export function makeBody(kind, source, type) {
  return { __proto__: null, kind, source, type, stream: null, used: false };
}

/** The body for what a constructor was given (not null, not undefined). */
export function bodyOf(object) {
  if (typeof object === 'string') return makeBody(TEXT, object, 'text/plain;charset=UTF-8');
  return use('body').extract(object);
}

/**
 * The body that the lane handed in: null, "bytes" with an ArrayBuffer, "stream" with its number, or "held" with both:
 * the runner has it as it was encoded, and that is what is passed on as long as it is not read.
 */
export function inboundBody(kind, bytes, id) {
  if (kind === 'stream') return makeBody(INBOUND, id, null);
  if (kind !== 'bytes' && kind !== 'held') return null;
  const body = makeBody(BYTES, new Uint8Array(bytes), null);
  if (kind === 'held') body.held = id;
  return body;
}

export function isUsed(body) {
  if (body === null) return false;
  return body.stream === null ? body.used : use('body').isDisturbed(body.stream);
}

/** The ReadableStream of a body. */
export function streamOf(body) {
  return body === null ? null : (body.stream ??= use('body').toStream(body));
}

/**
 * A promise for the body as `form`: text, json, bytes, arrayBuffer, blob, formData. Async functions await it: one that
 * returns a promise has V8 look up `then`, which may be a tenant's.
 */
export function consume(holder, form) {
  return use('body').consume(holder, form);
}
