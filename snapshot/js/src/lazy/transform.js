// TransformStream (https://streams.spec.whatwg.org/#ts).
//
// A record is `{readable, writable, backpressure, change, controller}`, with the records of both ends.

import { brandInterface } from '../interface.js';
import { apply, RangeError, TypeError } from '../primordials.js';
import {
  algorithmOf,
  callbackOf,
  markOf,
  objectOf,
  sizeOf,
  strategyOf,
} from '../streams/arguments.js';
import { deferred, react, rejectedWith, resolvedWith, upon } from '../streams/promises.js';
import { isObject } from '../webidl.js';

const { use } = core;
const sources = use('streams');
const sinks = use('writable');

const internally = { __proto__: null };

/** High water marks of transforms that were given none. */
const PLAIN = {
  __proto__: null,
  readMark: 0,
  readSize: undefined,
  writeMark: 1,
  writeSize: undefined,
};

const nothing = () => {};
let transformOf;

export class TransformStream {
  #transform;

  static {
    transformOf = value => (isObject(value) && #transform in value ? value.#transform : undefined);
  }

  constructor(transformer = undefined, writableStrategy = undefined, readableStrategy = undefined) {
    if (transformer === internally) {
      this.#transform = writableStrategy;
      return;
    }
    const what = 'TransformStream';
    const given = objectOf(transformer, `${what}: the transformer`);
    const writing = strategyOf(writableStrategy, what);
    const reading = strategyOf(readableStrategy, what);
    const cancel = algorithmOf(callbackOf(given, 'cancel', what), given);
    const flush = algorithmOf(callbackOf(given, 'flush', what), given);
    const readableType = given?.readableType;
    const begin = callbackOf(given, 'start', what);
    const change = callbackOf(given, 'transform', what);
    if (readableType !== undefined || given?.writableType !== undefined) {
      throw new RangeError('TransformStream: there are no types of transformers');
    }
    const readMark = markOf(reading, 0);
    const readSize = sizeOf(reading);
    const writeMark = markOf(writing, 1);
    const started = deferred();
    const algorithms = { transform: change && algorithmOf(change, given), flush, cancel };
    const marks = { __proto__: null, readMark, readSize, writeMark, writeSize: sizeOf(writing) };
    const transform = make(algorithms, () => started.promise, marks);
    this.#transform = transform;
    transform.controller.object = new TransformStreamDefaultController(
      internally,
      transform.controller,
    );
    started.resolve(
      begin === undefined ? undefined : apply(begin, given, [transform.controller.object]),
    );
  }

  get readable() {
    return readableOf(this.#transform);
  }

  get writable() {
    return writableOf(this.#transform);
  }
}

brandInterface(TransformStream, 'TransformStream');

export class TransformStreamDefaultController {
  #controller;

  constructor(token = undefined, controller = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#controller = controller;
  }

  get desiredSize() {
    return sources.desiredSize(this.#controller.transform.readable.controller);
  }

  enqueue(chunk = undefined) {
    enqueue(this.#controller.transform, chunk);
  }

  error(reason = undefined) {
    fail(this.#controller.transform, reason);
  }

  terminate() {
    const { transform } = this.#controller;
    sources.close(transform.readable.controller);
    failWritable(transform, new TypeError('The transform stream was terminated'));
  }
}

brandInterface(TransformStreamDefaultController, 'TransformStreamDefaultController');

export function isTransformStream(value) {
  return transformOf(value) !== undefined;
}

/** The records of a TransformStream's ends. */
export function endsOf(value) {
  return transformOf(value);
}

/** A TransformStream of two records. */
export function join(readable, writable) {
  return new TransformStream(internally, { __proto__: null, readable, writable });
}

export function readableOf(transform) {
  return (transform.readable.object ??= sources.objectFor(transform.readable));
}

export function writableOf(transform) {
  return (transform.writable.object ??= sinks.objectFor(transform.writable));
}

/** One for the core's own use: `transform(chunk, it)`, `flush(it)` and `cancel(reason)` may return promises. */
export function makeTransform({ transform, flush, cancel }) {
  let it;
  const guarded = run =>
    run === undefined ? () => resolvedWith(undefined) : value => attempt(run, value, it);
  const algorithms = {
    transform: guarded(transform),
    flush: flush === undefined ? guarded() : () => attempt(flush, it),
    cancel: guarded(cancel),
  };
  it = make(algorithms, nothing, PLAIN);
  return it;
}

export function makeIdentity() {
  return make({ transform: undefined, flush: settled, cancel: settled }, nothing, PLAIN);
}

function settled() {
  return resolvedWith(undefined);
}

function attempt(run, ...args) {
  try {
    return resolvedWith(apply(run, undefined, args));
  } catch (error) {
    return rejectedWith(error);
  }
}

function make({ transform: change, flush, cancel }, begin, marks) {
  const transform = {
    __proto__: null,
    readable: undefined,
    writable: undefined,
    backpressure: undefined,
    change: undefined,
    controller: undefined,
  };
  const controller = {
    __proto__: null,
    object: undefined,
    transform,
    change: change ?? (chunk => attempt(enqueue, transform, chunk)),
    flush,
    cancel,
    finished: undefined,
  };
  transform.controller = controller;
  transform.writable = sinks.makeWritable(
    {
      write: chunk => write(transform, chunk),
      abort: reason => abort(transform, reason),
      close: () => close(transform),
    },
    marks.writeMark,
    marks.writeSize,
  );
  sinks.start(transform.writable, begin);
  transform.readable = sources.makeRecord(
    begin,
    () => pull(transform),
    reason => cancelled(transform, reason),
    marks.readMark,
    marks.readSize,
  );
  setBackpressure(transform, true);
  return transform;
}

function setBackpressure(transform, backpressure) {
  transform.change?.resolve();
  transform.change = deferred();
  transform.backpressure = backpressure;
}

/** A promise for the moment when a reader has taken all there is and wants more; undefined when one does already. */
export function wanted(transform) {
  return transform.backpressure ? transform.change.promise : undefined;
}

/** How many chunks wait for a reader. */
export function unread(transform) {
  return transform.readable.controller.queue.length;
}

export function enqueue(transform, chunk) {
  const { controller } = transform.readable;
  if (!sources.canEnqueue(controller))
    throw new TypeError('The readable side is not in a state that permits enqueue');
  try {
    sources.enqueue(controller, chunk);
  } catch (error) {
    failWritable(transform, error);
    throw transform.readable.storedError;
  }
  const backpressure = !sources.shouldPull(controller);
  if (backpressure !== transform.backpressure) setBackpressure(transform, true);
}

function fail(transform, error) {
  sources.fail(transform.readable.controller, error);
  failWritable(transform, error);
}

function failWritable(transform, error) {
  forget(transform.controller);
  sinks.fail(transform.writable.controller, error);
  unblock(transform);
}

function unblock(transform) {
  if (transform.backpressure) setBackpressure(transform, false);
}

function forget(controller) {
  controller.change = undefined;
  controller.flush = undefined;
  controller.cancel = undefined;
}

// -- the sink's algorithms --------------------------------------------------------------------------------------------

function write(transform, chunk) {
  if (!transform.backpressure) return perform(transform, chunk);
  return react(transform.change.promise, () => {
    const { state, storedError } = transform.writable;
    if (state === sinks.ERRORING) throw storedError;
    return perform(transform, chunk);
  });
}

function perform(transform, chunk) {
  const { controller } = transform;
  return react(controller.change(chunk, controller.object), undefined, error => {
    fail(transform, error);
    throw error;
  });
}

/** Runs what ends a transform, once: `work()` is its promise, and `done()` and `failed(error)` settle the other end. */
function finish(transform, work, done, failed) {
  const { controller } = transform;
  if (controller.finished !== undefined) return controller.finished.promise;
  const finished = deferred();
  controller.finished = finished;
  const working = work(controller);
  forget(controller);
  upon(
    working,
    () => done(finished),
    error => {
      failed(error);
      finished.reject(error);
    },
  );
  return finished.promise;
}

function abort(transform, reason) {
  const { readable } = transform;
  return finish(
    transform,
    controller => controller.cancel(reason),
    finished => {
      if (readable.state === 'errored') {
        finished.reject(readable.storedError);
        return;
      }
      sources.fail(readable.controller, reason);
      finished.resolve();
    },
    error => sources.fail(readable.controller, error),
  );
}

function close(transform) {
  const { readable } = transform;
  return finish(
    transform,
    controller => controller.flush(controller.object),
    finished => {
      if (readable.state === 'errored') {
        finished.reject(readable.storedError);
        return;
      }
      sources.close(readable.controller);
      finished.resolve();
    },
    error => sources.fail(readable.controller, error),
  );
}

// -- the source's algorithms ------------------------------------------------------------------------------------------

function pull(transform) {
  setBackpressure(transform, false);
  return transform.change.promise;
}

function cancelled(transform, reason) {
  const { writable } = transform;
  return finish(
    transform,
    controller => controller.cancel(reason),
    finished => {
      if (writable.state === sinks.ERRORED) {
        finished.reject(writable.storedError);
        return;
      }
      sinks.fail(writable.controller, reason);
      unblock(transform);
      finished.resolve();
    },
    error => {
      sinks.fail(writable.controller, error);
      unblock(transform);
    },
  );
}
