// Byte streams without their classes: what bodies and blobs are made of.

import { close, enqueue, makeBytes, respond, start } from '../streams/byte-controller.js';
import { promiseOf } from '../streams/promises.js';
import { typedArrayBuffer, typedArrayByteLength, typedArrayByteOffset } from '../primordials.js';

export * from '../streams/byte-controller.js';

/** `pull(controller)` and `cancel(reason)` may return promises; nothing is read ahead. */
export function setUp(stream, pull, cancel) {
  const controller = makeBytes(
    stream,
    () => promiseOf(pull, undefined, [controller]),
    reason => promiseOf(cancel, undefined, [reason]),
    0,
    undefined,
  );
  start(controller, () => undefined);
}

/** Gives bytes, of which the buffer is taken away. */
export function give(controller, bytes) {
  enqueue(controller, {
    __proto__: null,
    buffer: typedArrayBuffer(bytes),
    offset: typedArrayByteOffset(bytes),
    size: typedArrayByteLength(bytes),
  });
}

/** Ends the stream, also for readers whose views wait to be filled. */
export function finish(controller) {
  close(controller);
  if (controller.pending.length > 0) respond(controller, 0);
}
