// Transferring streams (https://streams.spec.whatwg.org/#transferrable-streams). There is no other realm to transfer them
// to: what comes out of a stream is cloned, and that is all that can be seen of it.

import { resolvedWith } from '../streams/promises.js';

const { use } = core;
const streams = use('streams');
const { endsOf, enqueue, join, makeTransform } = use('transform');
const sinks = use('writable');
const { pipeQuietly } = use('pipe');

/** A transform that clones. */
function makeCrossing() {
  return makeTransform({
    __proto__: null,
    transform: (chunk, it) => enqueue(it, use('clone').structuredClone(chunk, undefined, 1)),
    flush: undefined,
    cancel: () => resolvedWith(undefined),
  });
}

export function isHeld(value) {
  const ends = endsOf(value);
  if (ends !== undefined)
    return ends.readable.reader !== undefined || ends.writable.writer !== undefined;
  const readable = streams.recordOf(value);
  return readable === undefined
    ? sinks.recordOf(value).writer !== undefined
    : readable.reader !== undefined;
}

export function transfer(value) {
  const ends = endsOf(value);
  if (ends !== undefined) return join(readableFor(ends.readable), writableFor(ends.writable));
  const readable = streams.recordOf(value);
  return readable === undefined
    ? sinks.objectFor(writableFor(sinks.recordOf(value)))
    : streams.objectFor(readableFor(readable));
}

function readableFor(record) {
  const { readable, writable } = makeCrossing();
  pipeQuietly(record, writable);
  return readable;
}

function writableFor(record) {
  const { readable, writable } = makeCrossing();
  pipeQuietly(readable, record);
  return writable;
}
