// Controllers of byte streams (https://streams.spec.whatwg.org/#rbs-controller-abstract-ops).
//
// The queue holds `{buffer, offset, size}`; `pending` holds descriptors of buffers to be filled, from the readers or, with
// `autoAllocateChunkSize`, made here: `{buffer, bufferSize, offset, size, filled, minimum, elementSize, View, owner}`.

import { ArrayBuffer, RangeError, TypeError, typedArraySet, Uint8Array } from '../primordials.js';
import { started, upon } from './promises.js';
import { clear, makeQueue, peek, push, shift } from './queue.js';
import {
  addRequest,
  CLOSED,
  closeStream,
  ERRORED,
  errorStream,
  fulfil,
  hasReader,
  READABLE,
  waiting,
} from './readable.js';
import { isDetached, sliceOf, transfer } from './views.js';

/** Whose buffer a descriptor is for. */
const NOBODY = 0;
const DEFAULT = 1;
const BYOB = 2;

export function makeBytes(stream, pull, cancel, highWaterMark, autoSize) {
  const controller = {
    __proto__: null,
    object: undefined,
    stream,
    queue: makeQueue(),
    pending: makeQueue(),
    request: null,
    started: false,
    closeRequested: false,
    pulling: false,
    pullAgain: false,
    pull,
    cancel,
    highWaterMark,
    autoSize,
    cancelSteps(reason) {
      dropPending(controller);
      clear(controller.queue);
      const result = controller.cancel(reason);
      forget(controller);
      return result;
    },
    pullSteps: request => pullInto(controller, request),
    releaseSteps() {
      const { pending } = controller;
      if (pending.length === 0) return;
      const first = shift(pending);
      first.owner = NOBODY;
      clear(pending);
      push(pending, first);
    },
  };
  stream.controller = controller;
  return controller;
}

export function start(controller, begin) {
  upon(
    started(begin),
    () => {
      controller.started = true;
      pullIfNeeded(controller);
    },
    error => fail(controller, error),
  );
}

function forget(controller) {
  controller.pull = undefined;
  controller.cancel = undefined;
}

export function desiredSize({ stream, highWaterMark, queue }) {
  if (stream.state === ERRORED) return null;
  return stream.state === READABLE ? highWaterMark - queue.total : 0;
}

function shouldPull(controller) {
  const { stream } = controller;
  if (stream.state !== READABLE || controller.closeRequested || !controller.started) return false;
  if (stream.reader !== undefined && stream.reader.requests.length > 0) return true;
  return desiredSize(controller) > 0;
}

function pullIfNeeded(controller) {
  if (!shouldPull(controller)) return;
  if (controller.pulling) {
    controller.pullAgain = true;
    return;
  }
  controller.pulling = true;
  upon(
    controller.pull(controller.object),
    () => {
      controller.pulling = false;
      if (!controller.pullAgain) return;
      controller.pullAgain = false;
      pullIfNeeded(controller);
    },
    error => fail(controller, error),
  );
}

/** The request to fill the first buffer is of no further use. */
function invalidate(controller) {
  const { request } = controller;
  if (request === null) return;
  request.controller = undefined;
  request.view = null;
  controller.request = null;
}

function dropPending(controller) {
  invalidate(controller);
  clear(controller.pending);
}

export function fail(controller, error) {
  const { stream } = controller;
  if (stream.state !== READABLE) return;
  dropPending(controller);
  clear(controller.queue);
  forget(controller);
  errorStream(stream, error);
}

export function close(controller) {
  const { pending, queue, stream } = controller;
  if (controller.closeRequested || stream.state !== READABLE) return;
  if (queue.total > 0) {
    controller.closeRequested = true;
    return;
  }
  if (pending.length > 0) {
    const first = peek(pending);
    if (first.filled % first.elementSize !== 0) {
      const error = new TypeError('The stream ended within an element of the view that is filled');
      fail(controller, error);
      throw error;
    }
  }
  forget(controller);
  closeStream(stream);
}

function drained(controller) {
  if (controller.queue.total === 0 && controller.closeRequested) {
    forget(controller);
    closeStream(controller.stream);
  } else {
    pullIfNeeded(controller);
  }
}

function pushBytes(controller, buffer, offset, size) {
  push(controller.queue, { __proto__: null, buffer, offset, size }, size);
}

function pushCopy(controller, buffer, offset, size) {
  let copy;
  try {
    copy = sliceOf(buffer, offset, offset + size);
  } catch (error) {
    fail(controller, error);
    throw error;
  }
  pushBytes(controller, copy, 0, size);
}

/** What a released reader's buffer has got already goes to the next reader. */
function keepAbandoned(controller, descriptor) {
  if (descriptor.filled > 0) {
    pushCopy(controller, descriptor.buffer, descriptor.offset, descriptor.filled);
  }
  shift(controller.pending);
}

/** `chunk`: the parts of a view. */
export function enqueue(controller, { buffer, offset, size }) {
  const { pending, stream } = controller;
  if (controller.closeRequested || stream.state !== READABLE) return;
  if (isDetached(buffer)) throw new TypeError('The buffer of the chunk is detached');
  const own = transfer(buffer);
  if (pending.length > 0) {
    const first = peek(pending);
    if (isDetached(first.buffer)) throw new TypeError('The buffer to be filled is detached');
    invalidate(controller);
    first.buffer = transfer(first.buffer);
    if (first.owner === NOBODY) keepAbandoned(controller, first);
  }
  if (hasReader(stream, false)) {
    answerFromQueue(controller);
    if (waiting(stream, false) === 0) {
      pushBytes(controller, own, offset, size);
    } else {
      if (pending.length > 0) shift(pending);
      fulfil(stream, new Uint8Array(own, offset, size), false);
    }
  } else {
    pushBytes(controller, own, offset, size);
    if (hasReader(stream, true)) commitFilled(controller);
  }
  pullIfNeeded(controller);
}

/** Answers requests of a default reader. */
function answerFromQueue(controller) {
  const { queue, stream } = controller;
  while (waiting(stream, false) > 0 && queue.total > 0) {
    giveFromQueue(controller, shift(stream.reader.requests));
  }
}

function giveFromQueue(controller, request) {
  const { buffer, offset, size } = shift(controller.queue);
  drained(controller);
  request.chunk(new Uint8Array(buffer, offset, size));
}

/** Moves bytes of the queue to a descriptor; true when that is enough for its reader. */
function fillFromQueue({ queue }, descriptor) {
  const room = descriptor.size - descriptor.filled;
  const most = queue.total < room ? queue.total : room;
  const reached = descriptor.filled + most;
  const aligned = reached - (reached % descriptor.elementSize);
  const isReady = aligned >= descriptor.minimum;
  let left = isReady ? aligned - descriptor.filled : most;
  while (left > 0) {
    const head = peek(queue);
    const size = left < head.size ? left : head.size;
    const target = new Uint8Array(descriptor.buffer, descriptor.offset + descriptor.filled, size);
    typedArraySet(target, new Uint8Array(head.buffer, head.offset, size));
    if (size === head.size) {
      shift(queue);
    } else {
      head.offset += size;
      head.size -= size;
      queue.first.size -= size;
      queue.total -= size;
    }
    descriptor.filled += size;
    left -= size;
  }
  return isReady;
}

/** Fills buffers from the queue, then hands all full ones to their reader. */
function commitFilled(controller) {
  const { pending, queue, stream } = controller;
  const filled = makeQueue();
  while (pending.length > 0 && queue.total > 0) {
    const first = peek(pending);
    if (fillFromQueue(controller, first)) push(filled, shift(pending));
  }
  while (filled.length > 0) commit(stream, shift(filled));
}

function viewOf({ buffer, elementSize, filled, offset, View }) {
  return new View(transfer(buffer), offset, filled / elementSize);
}

function commit(stream, descriptor) {
  fulfil(stream, viewOf(descriptor), stream.state === CLOSED);
}

/** A default reader wants a chunk. */
function pullInto(controller, request) {
  const { autoSize, pending, queue, stream } = controller;
  if (queue.total > 0) {
    giveFromQueue(controller, request);
    return;
  }
  if (autoSize !== undefined) {
    let buffer;
    try {
      buffer = new ArrayBuffer(autoSize);
    } catch (error) {
      request.error(error);
      return;
    }
    push(pending, describe(buffer, autoSize, 0, autoSize, 1, 1, Uint8Array, DEFAULT));
  }
  addRequest(stream, request);
  pullIfNeeded(controller);
}

function describe(buffer, bufferSize, offset, size, minimum, elementSize, View, owner) {
  return {
    __proto__: null,
    buffer,
    bufferSize,
    offset,
    size,
    filled: 0,
    minimum,
    elementSize,
    View,
    owner,
  };
}

/** A reader of bytes wants a view filled, with `minimum` elements at least. */
export function fillView(controller, parts, bufferSize, minimum, request) {
  const { pending, queue, stream } = controller;
  const { elementSize, offset, size, View } = parts;
  let buffer;
  try {
    buffer = transfer(parts.buffer);
  } catch (error) {
    request.error(error);
    return;
  }
  const least = minimum * elementSize;
  const descriptor = describe(buffer, bufferSize, offset, size, least, elementSize, View, BYOB);
  if (pending.length === 0) {
    if (stream.state === CLOSED) {
      request.close(new View(buffer, offset, 0));
      return;
    }
    if (queue.total > 0) {
      if (fillFromQueue(controller, descriptor)) {
        const view = viewOf(descriptor);
        drained(controller);
        request.chunk(view);
        return;
      }
      if (controller.closeRequested) {
        const error = new TypeError('There are too few bytes left to fill an element of the view');
        fail(controller, error);
        request.error(error);
        return;
      }
    }
  }
  push(pending, descriptor);
  addRequest(stream, request);
  if (pending.length === 1) pullIfNeeded(controller);
}

/** `count` bytes were written to the first buffer. */
export function respond(controller, count) {
  const first = peek(controller.pending);
  checkCount(controller, first, count);
  first.buffer = transfer(first.buffer);
  responded(controller, first, count);
}

function checkCount(controller, first, count) {
  if (controller.stream.state === CLOSED) {
    if (count !== 0) throw new TypeError('The stream is closed: nothing can be written any more');
    return;
  }
  if (count === 0) throw new TypeError('Nothing was written, and the stream is not closed');
  if (first.filled + count > first.size) {
    throw new RangeError('More was written than there is room for');
  }
}

/** The first buffer was filled in a view of its own, of these parts. */
export function respondWith(controller, { buffer, offset, size }, bufferSize) {
  const first = peek(controller.pending);
  if (controller.stream.state === CLOSED) {
    if (size !== 0) throw new TypeError('The stream is closed: nothing can be written any more');
  } else if (size === 0) {
    throw new TypeError('Nothing was written, and the stream is not closed');
  }
  if (first.offset + first.filled !== offset) {
    throw new RangeError('The view begins elsewhere than the one that was to be filled');
  }
  if (first.bufferSize !== bufferSize) {
    throw new RangeError('The buffer has another size than the one that was to be filled');
  }
  if (first.filled + size > first.size) {
    throw new RangeError('More was written than there is room for');
  }
  first.buffer = transfer(buffer);
  responded(controller, first, size);
}

function responded(controller, first, count) {
  invalidate(controller);
  if (controller.stream.state === CLOSED) respondedClosed(controller, first);
  else respondedReadable(controller, first, count);
  pullIfNeeded(controller);
}

function respondedClosed({ pending, stream }, first) {
  if (first.owner === NOBODY) shift(pending);
  if (!hasReader(stream, true)) return;
  const filled = makeQueue();
  while (filled.length < waiting(stream, true)) push(filled, shift(pending));
  while (filled.length > 0) commit(stream, shift(filled));
}

function respondedReadable(controller, first, count) {
  first.filled += count;
  if (first.owner === NOBODY) {
    keepAbandoned(controller, first);
    commitFilled(controller);
    return;
  }
  if (first.filled < first.minimum) return;
  shift(controller.pending);
  const rest = first.filled % first.elementSize;
  if (rest > 0) {
    const end = first.offset + first.filled;
    pushCopy(controller, first.buffer, end - rest, rest);
  }
  first.filled -= rest;
  const { pending, queue, stream } = controller;
  const filled = makeQueue();
  push(filled, first);
  while (pending.length > 0 && queue.total > 0) {
    if (fillFromQueue(controller, peek(pending))) push(filled, shift(pending));
  }
  while (filled.length > 0) commit(stream, shift(filled));
}

/** The record of the request to fill the first buffer, or null: `{object, controller, view}`. */
export function currentRequest(controller) {
  if (controller.request === null && controller.pending.length > 0) {
    const { buffer, filled, offset, size } = peek(controller.pending);
    const view = new Uint8Array(buffer, offset + filled, size - filled);
    controller.request = { __proto__: null, object: undefined, controller, view };
  }
  return controller.request;
}
