// Writable streams, their writers and controllers, as records (https://streams.spec.whatwg.org/#ws-all-abstract-ops).
//
// A stream is `{object, state, storedError, controller, writer, ...}`; a writer is `{stream, closed, ready}`, whose deferreds
// say in `pending` whether they are settled.

import { TypeError } from '../primordials.js';
import {
  deferred,
  markHandled,
  rejectedDeferred,
  rejectedWith,
  resolvedDeferred,
  resolvedWith,
  started,
  upon,
} from './promises.js';
import { checkSize, clear, makeQueue, peek, push, shift, take } from './queue.js';

export const WRITABLE = 'writable';
export const ERRORING = 'erroring';
export const ERRORED = 'errored';
export const CLOSED = 'closed';

/** What stands for the end in a queue. */
const END = { __proto__: null };

/** `size` is undefined when each chunk counts as one; `algorithms` are `{write, close, abort}`. */
export function makeWritable({ write, close: finish, abort: end }, highWaterMark, size) {
  const stream = {
    __proto__: null,
    object: undefined,
    state: WRITABLE,
    storedError: undefined,
    controller: undefined,
    writer: undefined,
    writeRequests: makeQueue(),
    inFlightWrite: undefined,
    closeRequest: undefined,
    inFlightClose: undefined,
    pendingAbort: undefined,
    backpressure: false,
  };
  stream.controller = {
    __proto__: null,
    object: undefined,
    stream,
    queue: makeQueue(),
    started: false,
    signal: undefined,
    /** Aborts the signal, if somebody has it. */
    abortSignal: undefined,
    isAborted: false,
    abortReason: undefined,
    write,
    close: finish,
    abort: end,
    highWaterMark,
    size,
  };
  return stream;
}

/** `begin()` may throw; afterwards the sink is given chunks. */
export function start(stream, begin) {
  const { controller } = stream;
  updateBackpressure(stream);
  upon(
    started(begin),
    () => {
      controller.started = true;
      advance(controller);
    },
    error => {
      controller.started = true;
      dealWithRejection(stream, error);
    },
  );
}

// -- streams ----------------------------------------------------------------------------------------------------------

export function abort(stream, reason) {
  const { controller } = stream;
  if (stream.state === CLOSED || stream.state === ERRORED) return resolvedWith(undefined);
  if (!controller.isAborted) {
    controller.isAborted = true;
    controller.abortReason = reason;
    controller.abortSignal?.(reason);
  }
  // Listeners of the signal may have done anything.
  const { state } = stream;
  if (state === CLOSED || state === ERRORED) return resolvedWith(undefined);
  if (stream.pendingAbort !== undefined) return stream.pendingAbort.promise;
  const wasErroring = state === ERRORING;
  const request = deferred();
  request.reason = wasErroring ? undefined : reason;
  request.wasErroring = wasErroring;
  stream.pendingAbort = request;
  if (!wasErroring) startErroring(stream, reason);
  return request.promise;
}

export function close(stream) {
  if (stream.state === CLOSED || stream.state === ERRORED) {
    return rejectedWith(new TypeError(`The stream is ${stream.state} and can not be closed`));
  }
  const request = deferred();
  stream.closeRequest = request;
  if (stream.writer !== undefined && stream.backpressure && stream.state === WRITABLE) {
    settle(stream.writer.ready);
  }
  push(stream.controller.queue, END, 0);
  advance(stream.controller);
  return request.promise;
}

export function isClosing(stream) {
  return stream.closeRequest !== undefined || stream.inFlightClose !== undefined;
}

function dealWithRejection(stream, error) {
  if (stream.state === WRITABLE) startErroring(stream, error);
  else finishErroring(stream);
}

function startErroring(stream, reason) {
  const { controller, writer } = stream;
  stream.state = ERRORING;
  stream.storedError = reason;
  if (writer !== undefined) writer.ready = refused(writer.ready, reason);
  const isBusy = stream.inFlightWrite !== undefined || stream.inFlightClose !== undefined;
  if (!isBusy && controller.started) finishErroring(stream);
}

function finishErroring(stream) {
  stream.state = ERRORED;
  clear(stream.controller.queue);
  const next = take(stream.writeRequests);
  for (let request = next(); request !== undefined; request = next()) {
    request.reject(stream.storedError);
  }
  const request = stream.pendingAbort;
  if (request === undefined) {
    rejectClosed(stream);
    return;
  }
  stream.pendingAbort = undefined;
  if (request.wasErroring) {
    request.reject(stream.storedError);
    rejectClosed(stream);
    return;
  }
  const { controller } = stream;
  const ended = controller.abort(request.reason);
  forget(controller);
  upon(
    ended,
    () => {
      request.resolve();
      rejectClosed(stream);
    },
    error => {
      request.reject(error);
      rejectClosed(stream);
    },
  );
}

function rejectClosed(stream) {
  const { closeRequest, storedError, writer } = stream;
  if (closeRequest !== undefined) {
    closeRequest.reject(storedError);
    stream.closeRequest = undefined;
  }
  if (writer !== undefined) {
    writer.closed.pending = false;
    writer.closed.reject(storedError);
    markHandled(writer.closed.promise);
  }
}

function closed(stream) {
  stream.inFlightClose.resolve();
  stream.inFlightClose = undefined;
  if (stream.state === ERRORING) {
    stream.storedError = undefined;
    if (stream.pendingAbort !== undefined) {
      stream.pendingAbort.resolve();
      stream.pendingAbort = undefined;
    }
  }
  stream.state = CLOSED;
  if (stream.writer !== undefined) settle(stream.writer.closed);
}

function closeFailed(stream, error) {
  stream.inFlightClose.reject(error);
  stream.inFlightClose = undefined;
  if (stream.pendingAbort !== undefined) {
    stream.pendingAbort.reject(error);
    stream.pendingAbort = undefined;
  }
  dealWithRejection(stream, error);
}

// -- backpressure -----------------------------------------------------------------------------------------------------

/** How much the queue has room for; null when there is no use in asking. */
export function desiredSize({ controller, state }) {
  if (state === ERRORED || state === ERRORING) return null;
  return state === CLOSED ? 0 : controller.highWaterMark - controller.queue.total;
}

function updateBackpressure(stream) {
  const { controller, writer } = stream;
  const backpressure = controller.highWaterMark - controller.queue.total <= 0;
  if (writer !== undefined && backpressure !== stream.backpressure) {
    if (backpressure) writer.ready = pending();
    else settle(writer.ready);
  }
  stream.backpressure = backpressure;
}

// -- controllers ------------------------------------------------------------------------------------------------------

function forget(controller) {
  controller.write = undefined;
  controller.close = undefined;
  controller.abort = undefined;
  controller.size = undefined;
}

function advance(controller) {
  const { queue, started, stream } = controller;
  if (!started || stream.inFlightWrite !== undefined) return;
  if (stream.state === ERRORING) {
    finishErroring(stream);
    return;
  }
  if (queue.length === 0) return;
  const value = peek(queue);
  if (value === END) finish(controller, stream);
  else writeNext(controller, stream, value);
}

function finish(controller, stream) {
  stream.inFlightClose = stream.closeRequest;
  stream.closeRequest = undefined;
  shift(controller.queue);
  const done = controller.close();
  forget(controller);
  upon(
    done,
    () => closed(stream),
    error => closeFailed(stream, error),
  );
}

function writeNext(controller, stream, chunk) {
  stream.inFlightWrite = shift(stream.writeRequests);
  upon(
    controller.write(chunk, controller.object),
    () => {
      stream.inFlightWrite.resolve();
      stream.inFlightWrite = undefined;
      shift(controller.queue);
      if (!isClosing(stream) && stream.state === WRITABLE) updateBackpressure(stream);
      advance(controller);
    },
    error => {
      if (stream.state === WRITABLE) forget(controller);
      stream.inFlightWrite.reject(error);
      stream.inFlightWrite = undefined;
      dealWithRejection(stream, error);
    },
  );
}

/** Fails the stream, if it has not failed yet. */
export function fail(controller, error) {
  if (controller.stream.state !== WRITABLE) return;
  forget(controller);
  startErroring(controller.stream, error);
}

// -- writers ----------------------------------------------------------------------------------------------------------

function pending() {
  const it = deferred();
  it.pending = true;
  return it;
}

function settle(it) {
  it.pending = false;
  it.resolve();
}

/** A rejected deferred in the place of `it`: the same, when it was pending. */
function refused(it, reason) {
  if (!it.pending) return rejectedDeferred(reason);
  it.pending = false;
  it.reject(reason);
  markHandled(it.promise);
  return it;
}

/** A writer for a stream, which it locks. */
export function acquireWriter(stream) {
  if (stream.writer !== undefined) throw new TypeError('The stream is locked to another writer');
  const { state, storedError } = stream;
  const writer = { __proto__: null, stream, closed: undefined, ready: undefined };
  stream.writer = writer;
  if (state === WRITABLE && !isClosing(stream) && stream.backpressure) writer.ready = pending();
  else if (state === WRITABLE || state === CLOSED) writer.ready = resolvedDeferred();
  else writer.ready = rejectedDeferred(storedError);
  if (state === CLOSED) writer.closed = resolvedDeferred();
  else if (state === ERRORED) writer.closed = rejectedDeferred(storedError);
  else writer.closed = pending();
  return writer;
}

export function releaseWriter(writer) {
  const { stream } = writer;
  const error = new TypeError('The writer was released');
  writer.ready = refused(writer.ready, error);
  writer.closed = refused(writer.closed, error);
  stream.writer = undefined;
  writer.stream = undefined;
}

/** A promise for the chunk being written. */
export function write(writer, chunk) {
  const { stream } = writer;
  const { controller } = stream;
  const size = sizeOfChunk(controller, chunk);
  if (stream !== writer.stream) return rejectedWith(new TypeError('The writer was released'));
  const { state, storedError } = stream;
  if (state === ERRORED) return rejectedWith(storedError);
  if (isClosing(stream) || state === CLOSED) {
    return rejectedWith(
      new TypeError('The stream is closed or being closed: nothing can be written any more'),
    );
  }
  if (state === ERRORING) return rejectedWith(storedError);
  const request = deferred();
  push(stream.writeRequests, request);
  try {
    checkSize(size);
    push(controller.queue, chunk, size);
  } catch (error) {
    fail(controller, error);
    return request.promise;
  }
  if (!isClosing(stream) && stream.state === WRITABLE) updateBackpressure(stream);
  advance(controller);
  return request.promise;
}

function sizeOfChunk(controller, chunk) {
  if (controller.size === undefined) return 1;
  try {
    return controller.size(chunk);
  } catch (error) {
    fail(controller, error);
    return 1;
  }
}

/** Closes the stream of a writer; one that is closed or failed is left so. */
export function closeOrFail(writer) {
  const { stream } = writer;
  if (isClosing(stream) || stream.state === CLOSED) return resolvedWith(undefined);
  if (stream.state === ERRORED) return rejectedWith(stream.storedError);
  return close(stream);
}
