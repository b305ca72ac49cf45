// Inbound streams: bodies that come from the runner in chunks, under credit (docs/boundary.md).

import {
  ArrayBuffer,
  Map,
  mapGet,
  mapSet,
  Uint8Array,
  typedArrayByteLength,
  typedArraySet,
} from '../primordials.js';

const { emit, hold, release, use } = core;

/** How much may be on its way: 256 KiB. */
const WINDOW = 262144;
/** Credit is granted in pieces of at least this much, to spare records. */
const GRANT = 65536;

let streams = new Map();

function streamOf(id) {
  let stream = mapGet(streams, id);
  if (stream === undefined) {
    stream = {
      id,
      // Chunks that nobody took yet, linked.
      first: null,
      last: null,
      begun: false,
      ended: false,
      cancelled: false,
      error: undefined,
      failed: false,
      taken: 0,
      reader: null,
    };
    mapSet(streams, id, stream);
  }
  return stream;
}

/**
 * Asks for the next chunk: `reader.chunk(bytes)`, `reader.end()` or `reader.fail(error)` is called once, at once if
 * possible. One at a time.
 */
export function read(id, reader) {
  const stream = streamOf(id);
  if (!stream.begun) {
    stream.begun = true;
    if (!stream.ended && !stream.failed) emit(`["credit",${id},${WINDOW}]`);
  }
  if (stream.first !== null) {
    const { bytes, next } = stream.first;
    stream.first = next;
    if (next === null) stream.last = null;
    hand(stream, bytes, reader);
  } else if (stream.failed) {
    reader.fail(stream.error);
  } else if (stream.ended) {
    reader.end();
  } else {
    stream.reader = reader;
    hold();
  }
}

function hand(stream, bytes, reader) {
  stream.taken += typedArrayByteLength(bytes);
  if (stream.taken >= GRANT && !stream.ended && !stream.failed) {
    emit(`["credit",${stream.id},${stream.taken}]`);
    stream.taken = 0;
  }
  reader.chunk(bytes);
}

function waitingReader(stream) {
  const { reader } = stream;
  if (reader !== null) {
    stream.reader = null;
    release();
  }
  return reader;
}

export function receive(id, buffer) {
  const stream = streamOf(id);
  if (stream.cancelled || stream.failed) return;
  const bytes = new Uint8Array(buffer);
  const reader = waitingReader(stream);
  if (reader !== null) {
    hand(stream, bytes, reader);
    return;
  }
  const node = { bytes, next: null };
  if (stream.last === null) stream.first = node;
  else stream.last.next = node;
  stream.last = node;
}

export function end(id) {
  const stream = streamOf(id);
  stream.ended = true;
  waitingReader(stream)?.end();
}

/** The sender failed, as it described. */
export function fail(id, described) {
  failWith(id, use('ops').errorOf(described));
}

/** Ends the stream for its reader with an error; what came before and was not read is dropped. */
export function failWith(id, error) {
  const stream = streamOf(id);
  if (stream.failed || stream.cancelled) return;
  stream.failed = true;
  stream.error = error;
  stream.first = null;
  stream.last = null;
  waitingReader(stream)?.fail(error);
}

/** Nobody wants the rest. */
export function cancel(id) {
  const stream = streamOf(id);
  if (stream.cancelled) return;
  stream.cancelled = true;
  stream.first = null;
  stream.last = null;
  if (!stream.ended && !stream.failed) emit(`["cancel",${id}]`);
  stream.ended = true;
  waitingReader(stream)?.end();
}

/** Nobody wants the rest, and who reads it gets `error`. */
export function abandon(id, error) {
  const stream = streamOf(id);
  if (stream.cancelled) return;
  if (!stream.ended && !stream.failed) emit(`["cancel",${id}]`);
  failWith(id, error);
}

/** Reads all of it: `done(bytes)` or `failed(error)`. */
export function collect(id, done, failed) {
  let first = null;
  let last = null;
  let size = 0;
  const reader = {
    chunk(bytes) {
      const node = { bytes, next: null };
      if (last === null) first = node;
      else last.next = node;
      last = node;
      size += typedArrayByteLength(bytes);
      read(id, reader);
    },
    end() {
      if (first !== null && first.next === null) {
        done(first.bytes);
        return;
      }
      const whole = new Uint8Array(new ArrayBuffer(size));
      let offset = 0;
      for (let node = first; node !== null; node = node.next) {
        typedArraySet(whole, node.bytes, offset);
        offset += typedArrayByteLength(node.bytes);
      }
      done(whole);
    },
    fail: failed,
  };
  read(id, reader);
}

export function forget() {
  streams = new Map();
}
