// The classes of byte streams (https://streams.spec.whatwg.org/#rbs-controller-class).

import { brandInterface } from '../interface.js';
import { Promise, RangeError, TypeError } from '../primordials.js';
import { illegal, markOf, startOf } from '../streams/arguments.js';
import { rejectedWith } from '../streams/promises.js';
import {
  acquire,
  cancelStream,
  ERRORED,
  READABLE,
  release,
  released,
} from '../streams/readable.js';
import { isDetached, partsOf, sizeOfBuffer } from '../streams/views.js';
import { dictionary, enforcedInteger, isObject, requireArguments } from '../webidl.js';

const { use } = core;
const bytes = use('byte-source');
const { recordOf } = use('streams');

const internally = { __proto__: null };
let readerOf;

/** Makes a stream one of bytes, as its constructor was asked to. */
export function setUp(stream, { source, strategy, auto, begin, pull, cancel }) {
  if (strategy.size !== undefined)
    throw new RangeError('ReadableStream: a byte stream can not have a size function');
  const mark = markOf(strategy, 0);
  if (auto === 0) throw new TypeError('ReadableStream: autoAllocateChunkSize can not be 0');
  const controller = bytes.makeBytes(stream, pull, cancel, mark, auto);
  controller.object = new ReadableByteStreamController(internally, controller);
  bytes.start(controller, startOf(begin, source, controller.object));
}

export class ReadableByteStreamController {
  #controller;

  constructor(token = undefined, controller = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#controller = controller;
  }

  get byobRequest() {
    const request = bytes.currentRequest(this.#controller);
    if (request === null) return null;
    request.object ??= new ReadableStreamBYOBRequest(internally, request);
    return request.object;
  }

  get desiredSize() {
    return bytes.desiredSize(this.#controller);
  }

  close() {
    const controller = this.#controller;
    checkOpen(controller, 'close');
    bytes.close(controller);
  }

  enqueue(chunk) {
    const controller = this.#controller;
    requireArguments(arguments.length, 1, 'ReadableByteStreamController.enqueue');
    const parts = partsOf(chunk, 'ReadableByteStreamController.enqueue');
    if (parts.size === 0) throw new TypeError('A chunk of a byte stream can not be empty');
    checkOpen(controller, 'enqueue');
    bytes.enqueue(controller, parts);
  }

  error(error = undefined) {
    bytes.fail(this.#controller, error);
  }
}

brandInterface(ReadableByteStreamController, 'ReadableByteStreamController');

function checkOpen({ closeRequested, stream }, what) {
  if (closeRequested || stream.state !== READABLE) {
    throw new TypeError(`The stream is not in a state that permits ${what}`);
  }
}

export class ReadableStreamBYOBReader {
  #reader;

  static {
    readerOf = value => (isObject(value) && #reader in value ? value.#reader : undefined);
  }

  constructor(stream, reader = undefined) {
    if (stream === internally) {
      this.#reader = reader;
      return;
    }
    requireArguments(arguments.length, 1, 'ReadableStreamBYOBReader');
    const record = recordOf(stream);
    if (record === undefined)
      throw new TypeError('ReadableStreamBYOBReader: the argument must be a ReadableStream');
    this.#reader = acquireBytes(record);
  }

  get closed() {
    const reader = readerOf(this);
    return reader === undefined
      ? rejectedWith(illegal('ReadableStreamBYOBReader.closed'))
      : reader.closed.promise;
  }

  cancel(reason = undefined) {
    const reader = readerOf(this);
    if (reader === undefined) return rejectedWith(illegal('ReadableStreamBYOBReader.cancel'));
    return reader.stream === undefined
      ? rejectedWith(released())
      : cancelStream(reader.stream, reason);
  }

  read(view, options = undefined) {
    try {
      const reader = readerOf(this);
      if (reader === undefined) throw illegal('ReadableStreamBYOBReader.read');
      requireArguments(arguments.length, 1, 'ReadableStreamBYOBReader.read');
      return readInto(reader, view, options);
    } catch (error) {
      return rejectedWith(error);
    }
  }

  releaseLock() {
    const reader = this.#reader;
    if (reader.stream !== undefined) release(reader);
  }
}

brandInterface(ReadableStreamBYOBReader, 'ReadableStreamBYOBReader');

function acquireBytes(stream) {
  // What is locked is refused first.
  if (stream.reader === undefined && stream.controller.pending === undefined) {
    throw new TypeError('Only byte streams can be read into a buffer');
  }
  return acquire(stream, true);
}

export function makeReader(stream) {
  return new ReadableStreamBYOBReader(internally, acquireBytes(stream));
}

function readInto(reader, view, options) {
  const what = 'ReadableStreamBYOBReader.read';
  const parts = partsOf(view, what);
  const given = dictionary(options, `${what}: the second argument`)?.min;
  const minimum = given === undefined ? 1 : enforcedInteger(given, `${what}: min`);
  if (parts.size === 0) throw new TypeError(`${what}: the view has no room`);
  const bufferSize = sizeOfBuffer(parts.buffer);
  if (minimum === 0) throw new TypeError(`${what}: min can not be 0`);
  if (minimum > parts.size / parts.elementSize)
    throw new RangeError(`${what}: min is more than the view has room for`);
  const { stream } = reader;
  if (stream === undefined) throw released();
  return new Promise((resolve, reject) => {
    const request = {
      chunk: value => resolve({ value, done: false }),
      close: value => resolve({ value, done: true }),
      error: reject,
    };
    fill(stream, parts, bufferSize, minimum, request);
  });
}

/** Asks for bytes in a view of these parts. */
export function fill(stream, parts, bufferSize, minimum, request) {
  stream.disturbed = true;
  if (stream.state === ERRORED) request.error(stream.storedError);
  else bytes.fillView(stream.controller, parts, bufferSize, minimum, request);
}

export class ReadableStreamBYOBRequest {
  #request;

  constructor(token = undefined, request = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#request = request;
  }

  get view() {
    return this.#request.view;
  }

  respond(bytesWritten) {
    const request = this.#request;
    requireArguments(arguments.length, 1, 'ReadableStreamBYOBRequest.respond');
    const count = enforcedInteger(bytesWritten, 'ReadableStreamBYOBRequest.respond');
    checkValid(request);
    if (isDetached(partsOf(request.view).buffer))
      throw new TypeError('The buffer to be filled is detached');
    bytes.respond(request.controller, count);
  }

  respondWithNewView(view) {
    const request = this.#request;
    requireArguments(arguments.length, 1, 'ReadableStreamBYOBRequest.respondWithNewView');
    const parts = partsOf(view, 'ReadableStreamBYOBRequest.respondWithNewView');
    checkValid(request);
    if (isDetached(parts.buffer)) throw new TypeError('The buffer of the view is detached');
    bytes.respondWith(request.controller, parts, sizeOfBuffer(parts.buffer));
  }
}

brandInterface(ReadableStreamBYOBRequest, 'ReadableStreamBYOBRequest');

function checkValid({ controller }) {
  if (controller === undefined) throw new TypeError('The request was answered already');
}
