// Readable streams and their readers, as records (https://streams.spec.whatwg.org/#rs-abstract-ops).
//
// A stream is `{object, state, controller, reader, storedError, disturbed}`; its controller brings `cancelSteps`,
// `pullSteps` and `releaseSteps`. A reader is `{object, isByob, stream, closed, requests}`; a request is
// `{chunk(value), close(value), error(reason)}`.

import { TypeError } from '../primordials.js';
import {
  deferred,
  markHandled,
  react,
  rejectedDeferred,
  rejectedWith,
  resolvedDeferred,
  resolvedWith,
} from './promises.js';
import { makeQueue, push, shift, take } from './queue.js';

export const READABLE = 'readable';
export const CLOSED = 'closed';
export const ERRORED = 'errored';

export function makeReadable() {
  return {
    __proto__: null,
    object: undefined,
    state: READABLE,
    controller: undefined,
    reader: undefined,
    storedError: undefined,
    disturbed: false,
  };
}

export function isLocked(stream) {
  return stream.reader !== undefined;
}

/** A reader for a stream, which it locks. */
export function acquire(stream, isByob) {
  if (isLocked(stream)) throw new TypeError('The stream is locked to another reader');
  const reader = {
    __proto__: null,
    object: undefined,
    isByob,
    stream,
    closed: undefined,
    requests: makeQueue(),
  };
  stream.reader = reader;
  if (stream.state === READABLE) reader.closed = deferred();
  else if (stream.state === CLOSED) reader.closed = resolvedDeferred();
  else reader.closed = rejectedDeferred(stream.storedError);
  return reader;
}

export function addRequest(stream, request) {
  push(stream.reader.requests, request);
}

/** How many requests wait in a reader of the kind. */
export function waiting(stream, isByob) {
  const { reader } = stream;
  return reader !== undefined && reader.isByob === isByob ? reader.requests.length : 0;
}

export function hasReader(stream, isByob) {
  return stream.reader !== undefined && stream.reader.isByob === isByob;
}

/** Answers the request that waits longest. */
export function fulfil(stream, chunk, isDone) {
  const request = shift(stream.reader.requests);
  if (isDone) request.close(chunk);
  else request.chunk(chunk);
}

export function closeStream(stream) {
  stream.state = CLOSED;
  const { reader } = stream;
  if (reader === undefined) return;
  reader.closed.resolve();
  if (reader.isByob) return;
  const next = take(reader.requests);
  for (let request = next(); request !== undefined; request = next()) request.close();
}

export function errorStream(stream, error) {
  stream.state = ERRORED;
  stream.storedError = error;
  const { reader } = stream;
  if (reader === undefined) return;
  reader.closed.reject(error);
  markHandled(reader.closed.promise);
  errorRequests(reader, error);
}

function errorRequests(reader, error) {
  const next = take(reader.requests);
  for (let request = next(); request !== undefined; request = next()) request.error(error);
}

/** A promise for the end of the source's `cancel`. */
export function cancelStream(stream, reason) {
  stream.disturbed = true;
  if (stream.state === CLOSED) return resolvedWith(undefined);
  if (stream.state === ERRORED) return rejectedWith(stream.storedError);
  closeStream(stream);
  const { reader } = stream;
  if (reader?.isByob) {
    const next = take(reader.requests);
    for (let request = next(); request !== undefined; request = next()) request.close(undefined);
  }
  return react(stream.controller.cancelSteps(reason), () => {});
}

/** Asks for a chunk of any reader but one of bytes into a buffer. */
export function read(reader, request) {
  const { stream } = reader;
  stream.disturbed = true;
  if (stream.state === CLOSED) request.close();
  else if (stream.state === ERRORED) request.error(stream.storedError);
  else stream.controller.pullSteps(request);
}

export function release(reader) {
  const { stream } = reader;
  const error = new TypeError('The reader was released');
  if (stream.state === READABLE) {
    reader.closed.reject(error);
    markHandled(reader.closed.promise);
  } else {
    reader.closed = rejectedDeferred(error);
  }
  stream.controller.releaseSteps();
  stream.reader = undefined;
  reader.stream = undefined;
  errorRequests(reader, new TypeError('The reader was released'));
}

export function released() {
  return new TypeError('The reader was released');
}
