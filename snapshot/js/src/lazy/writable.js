// WritableStream (https://streams.spec.whatwg.org/#ws).

import { brandInterface } from '../interface.js';
import { RangeError, TypeError } from '../primordials.js';
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
import { rejectedWith } from '../streams/promises.js';
import {
  abort,
  acquireWriter,
  close,
  desiredSize,
  fail,
  isClosing,
  makeWritable,
  releaseWriter,
  start,
  write,
} from '../streams/writable.js';
import { isObject, requireArguments } from '../webidl.js';

export * from '../streams/writable.js';

const { use } = core;

// Who looks for streams of any kind asks it.
use('streams');

const internally = { __proto__: null };

/** The record of a WritableStream; undefined for anything else. */
export let recordOf;
let writerOf;

export class WritableStream {
  #stream;

  static {
    recordOf = value => (isObject(value) && #stream in value ? value.#stream : undefined);
  }

  constructor(underlyingSink = undefined, strategy = undefined) {
    if (underlyingSink === internally) {
      this.#stream = strategy;
      return;
    }
    const what = 'WritableStream';
    const sink = objectOf(underlyingSink, `${what}: the sink`);
    const given = strategyOf(strategy, what);
    const end = algorithmOf(callbackOf(sink, 'abort', what), sink);
    const finish = algorithmOf(callbackOf(sink, 'close', what), sink);
    const begin = callbackOf(sink, 'start', what);
    const type = sink?.type;
    const put = algorithmOf(callbackOf(sink, 'write', what), sink);
    if (type !== undefined) throw new RangeError('WritableStream: there are no types of sinks');
    const size = sizeOf(given);
    const stream = makeWritable({ write: put, close: finish, abort: end }, markOf(given, 1), size);
    this.#stream = stream;
    stream.controller.object = new WritableStreamDefaultController(internally, stream.controller);
    start(stream, startOf(begin, sink, stream.controller.object));
  }

  get locked() {
    return this.#stream.writer !== undefined;
  }

  abort(reason = undefined) {
    const stream = recordOf(this);
    if (stream === undefined) return rejectedWith(illegal('WritableStream.abort'));
    if (stream.writer !== undefined)
      return rejectedWith(new TypeError('A locked stream can not be aborted'));
    return abort(stream, reason);
  }

  close() {
    const stream = recordOf(this);
    if (stream === undefined) return rejectedWith(illegal('WritableStream.close'));
    if (stream.writer !== undefined)
      return rejectedWith(new TypeError('A locked stream can not be closed'));
    if (isClosing(stream)) return rejectedWith(closingAlready());
    return close(stream);
  }

  getWriter() {
    return new WritableStreamDefaultWriter(this);
  }
}

brandInterface(WritableStream, 'WritableStream');

function closingAlready() {
  return new TypeError('The stream is being closed already');
}

function released() {
  return new TypeError('The writer was released');
}

export class WritableStreamDefaultWriter {
  #writer;

  static {
    writerOf = value => (isObject(value) && #writer in value ? value.#writer : undefined);
  }

  constructor(stream) {
    requireArguments(arguments.length, 1, 'WritableStreamDefaultWriter');
    const record = recordOf(stream);
    if (record === undefined)
      throw new TypeError('WritableStreamDefaultWriter: the argument must be a WritableStream');
    this.#writer = acquireWriter(record);
  }

  get closed() {
    const writer = writerOf(this);
    return writer === undefined
      ? rejectedWith(illegal('WritableStreamDefaultWriter.closed'))
      : writer.closed.promise;
  }

  get desiredSize() {
    const { stream } = this.#writer;
    if (stream === undefined) throw released();
    return desiredSize(stream);
  }

  get ready() {
    const writer = writerOf(this);
    return writer === undefined
      ? rejectedWith(illegal('WritableStreamDefaultWriter.ready'))
      : writer.ready.promise;
  }

  abort(reason = undefined) {
    const writer = writerOf(this);
    if (writer === undefined) return rejectedWith(illegal('WritableStreamDefaultWriter.abort'));
    return writer.stream === undefined ? rejectedWith(released()) : abort(writer.stream, reason);
  }

  close() {
    const writer = writerOf(this);
    if (writer === undefined) return rejectedWith(illegal('WritableStreamDefaultWriter.close'));
    const { stream } = writer;
    if (stream === undefined) return rejectedWith(released());
    return isClosing(stream) ? rejectedWith(closingAlready()) : close(stream);
  }

  releaseLock() {
    const writer = this.#writer;
    if (writer.stream !== undefined) releaseWriter(writer);
  }

  write(chunk = undefined) {
    const writer = writerOf(this);
    if (writer === undefined) return rejectedWith(illegal('WritableStreamDefaultWriter.write'));
    return writer.stream === undefined ? rejectedWith(released()) : write(writer, chunk);
  }
}

brandInterface(WritableStreamDefaultWriter, 'WritableStreamDefaultWriter');

export class WritableStreamDefaultController {
  #controller;

  constructor(token = undefined, controller = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#controller = controller;
  }

  /** Made when somebody asks for it: most sinks never do. */
  get signal() {
    const controller = this.#controller;
    if (controller.signal === undefined) {
      const { abortSignal, makeSignal } = use('abort');
      const signal = makeSignal();
      controller.signal = signal;
      controller.abortSignal = reason => abortSignal(signal, reason);
      if (controller.isAborted) abortSignal(signal, controller.abortReason);
    }
    return controller.signal;
  }

  error(error = undefined) {
    fail(this.#controller, error);
  }
}

brandInterface(WritableStreamDefaultController, 'WritableStreamDefaultController');

/** The WritableStream of a record. */
export function objectFor(stream) {
  return new WritableStream(internally, stream);
}
