// Controllers of streams of any values (https://streams.spec.whatwg.org/#rs-default-controller-abstract-ops).

import { started, upon } from './promises.js';
import { checkSize, clear, makeQueue, push, shift } from './queue.js';
import {
  addRequest,
  closeStream,
  ERRORED,
  errorStream,
  fulfil,
  READABLE,
  waiting,
} from './readable.js';

/** `size` is undefined when each chunk counts as one. */
export function makeDefault(stream, pull, cancel, highWaterMark, size) {
  const controller = {
    __proto__: null,
    object: undefined,
    stream,
    queue: makeQueue(),
    started: false,
    closeRequested: false,
    pulling: false,
    pullAgain: false,
    pull,
    cancel,
    highWaterMark,
    size,
    cancelSteps(reason) {
      clear(controller.queue);
      const result = controller.cancel(reason);
      forget(controller);
      return result;
    },
    pullSteps(request) {
      const { queue } = controller;
      if (queue.length === 0) {
        addRequest(stream, request);
        pullIfNeeded(controller);
        return;
      }
      const chunk = shift(queue);
      if (controller.closeRequested && queue.length === 0) {
        forget(controller);
        closeStream(stream);
      } else {
        pullIfNeeded(controller);
      }
      request.chunk(chunk);
    },
    releaseSteps() {},
  };
  stream.controller = controller;
  return controller;
}

/** `begin()` may throw; afterwards the source is asked for chunks. */
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
  controller.size = undefined;
}

export function canEnqueue(controller) {
  return !controller.closeRequested && controller.stream.state === READABLE;
}

export function desiredSize({ stream, highWaterMark, queue }) {
  if (stream.state === ERRORED) return null;
  return stream.state === READABLE ? highWaterMark - queue.total : 0;
}

export function shouldPull(controller) {
  if (!canEnqueue(controller) || !controller.started) return false;
  return waiting(controller.stream, false) > 0 || desiredSize(controller) > 0;
}

export function pullIfNeeded(controller) {
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

export function close(controller) {
  if (!canEnqueue(controller)) return;
  controller.closeRequested = true;
  if (controller.queue.length > 0) return;
  forget(controller);
  closeStream(controller.stream);
}

export function enqueue(controller, chunk) {
  if (!canEnqueue(controller)) return;
  if (waiting(controller.stream, false) > 0) {
    fulfil(controller.stream, chunk, false);
  } else if (controller.size === undefined) {
    push(controller.queue, chunk, 1);
  } else {
    try {
      const size = controller.size(chunk);
      checkSize(size);
      push(controller.queue, chunk, size);
    } catch (error) {
      fail(controller, error);
      throw error;
    }
  }
  pullIfNeeded(controller);
}

export function fail(controller, error) {
  if (controller.stream.state !== READABLE) return;
  clear(controller.queue);
  forget(controller);
  errorStream(controller.stream, error);
}
