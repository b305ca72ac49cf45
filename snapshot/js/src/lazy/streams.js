// ReadableStream, and what the core itself does with streams (https://streams.spec.whatwg.org/#rs).
//
// The classes hold records (../streams/readable.js). What few streams need is in chunks of its own: bytes, writing,
// piping, teeing, iterating.

import { brandInterface } from '../interface.js';
import { defineProperty, Promise, symbolAsyncIterator, TypeError } from '../primordials.js';
import {
  algorithmOf,
  callbackOf,
  illegal,
  markOf,
  objectOf,
  sizeOf,
  startOf,
  strategyOf,
} from '../streams/arguments.js';
import {
  canEnqueue,
  close,
  desiredSize,
  enqueue,
  fail,
  makeDefault,
  shouldPull,
  start,
} from '../streams/default-controller.js';
import { markHandled, rejectedWith } from '../streams/promises.js';
import {
  acquire,
  cancelStream as cancelRecord,
  errorStream,
  isLocked as isRecordLocked,
  makeReadable,
  READABLE,
  read,
  release,
  released,
} from '../streams/readable.js';
import { dictionary, domString, enforcedInteger, isObject, requireArguments } from '../webidl.js';

const { use } = core;

const internally = { __proto__: null };

/** The record of a ReadableStream; undefined for anything else. */
export let recordOf;
let readerOf;

export class ReadableStream {
  #stream;

  static {
    recordOf = value => (isObject(value) && #stream in value ? value.#stream : undefined);
  }

  constructor(underlyingSource = undefined, strategy = undefined) {
    if (underlyingSource === internally) {
      this.#stream = strategy;
      return;
    }
    const what = 'ReadableStream';
    const source = objectOf(underlyingSource, `${what}: the source`);
    const given = strategyOf(strategy, what);
    const stream = makeReadable();
    this.#stream = stream;
    setUp(stream, source, given, what);
  }

  static from(iterable) {
    requireArguments(arguments.length, 1, 'ReadableStream.from');
    return use('stream-iteration').fromIterable(iterable);
  }

  get locked() {
    return isRecordLocked(this.#stream);
  }

  cancel(reason = undefined) {
    const stream = recordOf(this);
    if (stream === undefined) return rejectedWith(illegal('ReadableStream.cancel'));
    if (isRecordLocked(stream))
      return rejectedWith(new TypeError('A locked stream can not be cancelled'));
    return cancelRecord(stream, reason);
  }

  getReader(options = undefined) {
    const stream = this.#stream;
    const given = dictionary(options, 'ReadableStream.getReader: the argument')?.mode;
    if (given === undefined)
      return new ReadableStreamDefaultReader(internally, acquire(stream, false));
    const mode = domString(given);
    if (mode !== 'byob')
      throw new TypeError(`ReadableStream.getReader: there is no mode ${core.quote(mode)}`);
    return use('byte-streams').makeReader(stream);
  }

  pipeThrough(transform, options = undefined) {
    const stream = this.#stream;
    requireArguments(arguments.length, 1, 'ReadableStream.pipeThrough');
    const what = 'ReadableStream.pipeThrough';
    const pair = dictionary(transform, `${what}: the first argument`);
    const { readable, writable } = pair ?? {};
    if (recordOf(readable) === undefined)
      throw new TypeError(`${what}: readable must be a ReadableStream`);
    const target = use('writable').recordOf(writable);
    if (target === undefined) throw new TypeError(`${what}: writable must be a WritableStream`);
    const pipe = use('pipe');
    const given = pipe.optionsOf(options, what);
    if (isRecordLocked(stream)) throw new TypeError('A locked stream can not be piped');
    if (target.writer !== undefined)
      throw new TypeError('A stream can not be piped to a locked one');
    markHandled(pipe.pipe(stream, target, given));
    return readable;
  }

  pipeTo(destination, options = undefined) {
    const what = 'ReadableStream.pipeTo';
    try {
      const stream = recordOf(this);
      if (stream === undefined) throw illegal(what);
      requireArguments(arguments.length, 1, what);
      const target = use('writable').recordOf(destination);
      if (target === undefined)
        throw new TypeError(`${what}: the argument must be a WritableStream`);
      const pipe = use('pipe');
      const given = pipe.optionsOf(options, what);
      if (isRecordLocked(stream)) throw new TypeError('A locked stream can not be piped');
      if (target.writer !== undefined)
        throw new TypeError('A stream can not be piped to a locked one');
      return pipe.pipe(stream, target, given);
    } catch (error) {
      return rejectedWith(error);
    }
  }

  tee() {
    return use('tee').tee(this.#stream, false);
  }

  values(options = undefined) {
    const stream = this.#stream;
    const given = dictionary(options, 'ReadableStream.values: the argument');
    return use('stream-iteration').iterate(stream, !!given?.preventCancel);
  }
}

brandInterface(ReadableStream, 'ReadableStream');
defineProperty(ReadableStream.prototype, symbolAsyncIterator, {
  __proto__: null,
  value: ReadableStream.prototype.values,
  writable: true,
  configurable: true,
});

function setUp(stream, source, strategy, what) {
  const autoSize = source?.autoAllocateChunkSize;
  const auto =
    autoSize === undefined
      ? undefined
      : enforcedInteger(autoSize, `${what}: autoAllocateChunkSize`);
  const cancel = algorithmOf(callbackOf(source, 'cancel', what), source);
  const pull = algorithmOf(callbackOf(source, 'pull', what), source);
  const begin = callbackOf(source, 'start', what);
  const type = source?.type;
  if (type !== undefined && domString(type) !== 'bytes') {
    throw new TypeError(`${what}: there is no type of source but "bytes"`);
  }
  if (type !== undefined) {
    use('byte-streams').setUp(stream, { source, strategy, auto, begin, pull, cancel });
    return;
  }
  const mark = markOf(strategy, 1);
  const controller = makeDefault(stream, pull, cancel, mark, sizeOf(strategy));
  controller.object = new ReadableStreamDefaultController(internally, controller);
  start(controller, startOf(begin, source, controller.object));
}

/** The object of a reader's record, whichever kind it is. */
export class ReadableStreamDefaultReader {
  #reader;

  static {
    readerOf = value => (isObject(value) && #reader in value ? value.#reader : undefined);
  }

  constructor(stream, reader = undefined) {
    if (stream === internally) {
      this.#reader = reader;
      return;
    }
    requireArguments(arguments.length, 1, 'ReadableStreamDefaultReader');
    const record = recordOf(stream);
    if (record === undefined)
      throw new TypeError('ReadableStreamDefaultReader: the argument must be a ReadableStream');
    this.#reader = acquire(record, false);
  }

  get closed() {
    const reader = readerOf(this);
    return reader === undefined
      ? rejectedWith(illegal('ReadableStreamDefaultReader.closed'))
      : reader.closed.promise;
  }

  cancel(reason = undefined) {
    const reader = readerOf(this);
    if (reader === undefined) return rejectedWith(illegal('ReadableStreamDefaultReader.cancel'));
    return reader.stream === undefined
      ? rejectedWith(released())
      : cancelRecord(reader.stream, reason);
  }

  read() {
    const reader = readerOf(this);
    if (reader === undefined) return rejectedWith(illegal('ReadableStreamDefaultReader.read'));
    if (reader.stream === undefined) return rejectedWith(released());
    return new Promise((resolve, reject) =>
      read(reader, {
        chunk: value => resolve({ value, done: false }),
        close: () => resolve({ value: undefined, done: true }),
        error: reject,
      }),
    );
  }

  releaseLock() {
    const reader = this.#reader;
    if (reader.stream !== undefined) release(reader);
  }
}

brandInterface(ReadableStreamDefaultReader, 'ReadableStreamDefaultReader');

export class ReadableStreamDefaultController {
  #controller;

  constructor(token = undefined, controller = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#controller = controller;
  }

  get desiredSize() {
    return desiredSize(this.#controller);
  }

  close() {
    const controller = this.#controller;
    if (!canEnqueue(controller))
      throw new TypeError('The stream is not in a state that permits close');
    close(controller);
  }

  enqueue(chunk = undefined) {
    const controller = this.#controller;
    if (!canEnqueue(controller))
      throw new TypeError('The stream is not in a state that permits enqueue');
    enqueue(controller, chunk);
  }

  error(error = undefined) {
    fail(this.#controller, error);
  }
}

brandInterface(ReadableStreamDefaultController, 'ReadableStreamDefaultController');

/** The ReadableStream of a record. */
export function objectFor(stream) {
  return new ReadableStream(internally, stream);
}

/** A record of a stream whose chunks count as one each. */
export function makeRecord(begin, pull, cancel, highWaterMark = 1, size = undefined) {
  const stream = makeReadable();
  start(makeDefault(stream, pull, cancel, highWaterMark, size), begin);
  return stream;
}

export { canEnqueue, close, desiredSize, enqueue, fail, shouldPull };

export function isReadableStream(value) {
  return recordOf(value) !== undefined;
}

/** Whether a value is a stream of any kind. */
export function isStream(value) {
  return (
    isReadableStream(value) ||
    core.made.writable?.recordOf(value) !== undefined ||
    (core.made.transform?.isTransformStream(value) ?? false)
  );
}

/** Whether a stream of any kind is locked, and so can not be transferred. */
export function isHeld(value) {
  return use('stream-transfer').isHeld(value);
}

/** A stream of the same kind in the place of one, which is locked from now on. */
export function transfer(value) {
  return use('stream-transfer').transfer(value);
}

/** Whether a stream was ever read from or cancelled. */
export function isDisturbed(stream) {
  return recordOf(stream).disturbed;
}

export function isLocked(stream) {
  return isRecordLocked(recordOf(stream));
}

/** A reader, as a record. */
export function acquireReader(stream) {
  return acquire(recordOf(stream), false);
}

/** A promise for `{done, value}`. */
export function readFrom(reader) {
  return new Promise((resolve, reject) =>
    read(reader, {
      chunk: value => resolve({ __proto__: null, value, done: false }),
      close: () => resolve({ __proto__: null, value: undefined, done: true }),
      error: reject,
    }),
  );
}

/** Both swallow what the source's `cancel` throws: it is told, and nobody asks it. */
export function cancelReader(reader, reason) {
  if (reader.stream !== undefined) markHandled(cancelRecord(reader.stream, reason));
}

export function cancelStream(stream, reason) {
  markHandled(cancelRecord(recordOf(stream), reason));
}

/** Has a stream of ours end with an error for its reader; one that has ended already is as it was. */
export function failStream(stream, error) {
  const record = recordOf(stream);
  if (record.state === READABLE) errorStream(record, error);
}

/** Two streams with the contents of one; the second has copies of its chunks. */
export function tee(stream) {
  return use('tee').tee(recordOf(stream), true);
}

/** A stream with the contents of another, which is locked and disturbed from now on. */
export function proxy(stream) {
  const { readable, writable } = use('transform').makeIdentity();
  pipeInto(stream, writable);
  return objectFor(readable);
}

/** Pipes a stream to the record of a writable one. */
export function pipeInto(stream, writable) {
  use('pipe').pipeQuietly(recordOf(stream), writable);
}

/** Locks a stream and leaves it as if it had been read. */
export function useUp(stream) {
  acquireReader(stream);
  recordOf(stream).disturbed = true;
}

/** A byte stream; see ./byte-source.js for what `pull(controller)` does. Nothing is read ahead. */
export function makeByteStream(pull, cancel = () => {}) {
  const stream = makeReadable();
  use('byte-source').setUp(stream, pull, cancel);
  return objectFor(stream);
}
