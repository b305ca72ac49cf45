// The Streams API (https://streams.spec.whatwg.org/), and what the core itself does with streams.

import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill';
import { nameInterface } from '../interface.js';
import { getOwnPropertyDescriptor, symbolHasInstance, uncurry } from '../primordials.js';

export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};

nameInterface(ByteLengthQueuingStrategy, 'ByteLengthQueuingStrategy');
nameInterface(CountQueuingStrategy, 'CountQueuingStrategy');
nameInterface(ReadableByteStreamController, 'ReadableByteStreamController');
nameInterface(ReadableStream, 'ReadableStream');
nameInterface(ReadableStreamBYOBReader, 'ReadableStreamBYOBReader');
nameInterface(ReadableStreamBYOBRequest, 'ReadableStreamBYOBRequest');
nameInterface(ReadableStreamDefaultController, 'ReadableStreamDefaultController');
nameInterface(ReadableStreamDefaultReader, 'ReadableStreamDefaultReader');
nameInterface(TransformStream, 'TransformStream');
nameInterface(TransformStreamDefaultController, 'TransformStreamDefaultController');
nameInterface(WritableStream, 'WritableStream');
nameInterface(WritableStreamDefaultController, 'WritableStreamDefaultController');
nameInterface(WritableStreamDefaultWriter, 'WritableStreamDefaultWriter');

function getterOf(constructor, name) {
  return getOwnPropertyDescriptor(constructor.prototype, name).get;
}

// Taken here, where nobody can have changed them: a tenant sees the classes after this.
const readMethod = uncurry(ReadableStreamDefaultReader.prototype.read);
const cancelReaderMethod = uncurry(ReadableStreamDefaultReader.prototype.cancel);
const cancelMethod = uncurry(ReadableStream.prototype.cancel);
const pipeThroughMethod = uncurry(ReadableStream.prototype.pipeThrough);
const teeMethod = uncurry(ReadableStream.prototype.tee);
const readableMethod = uncurry(getterOf(TransformStream, 'readable'));
const writableMethod = uncurry(getterOf(TransformStream, 'writable'));
const isInstance = uncurry(Function.prototype[symbolHasInstance]);

export function isReadableStream(value) {
  return isInstance(ReadableStream, value);
}

/** Whether a value is a stream of any kind. */
export function isStream(value) {
  return (
    isInstance(ReadableStream, value) ||
    isInstance(WritableStream, value) ||
    isInstance(TransformStream, value)
  );
}

/** Whether a stream was ever read from or cancelled. The package keeps the standard's slots as properties. */
export function isDisturbed(stream) {
  return stream._disturbed;
}

export function isLocked(stream) {
  return stream._reader !== undefined;
}

export function acquireReader(stream) {
  return new ReadableStreamDefaultReader(stream);
}

export function readFrom(reader) {
  return readMethod(reader);
}

/** Both swallow what the source's `cancel` throws: it is told, and nobody asks it. */
export async function cancelReader(reader, reason) {
  try {
    await cancelReaderMethod(reader, reason);
  } catch {}
}

export async function cancelStream(stream, reason) {
  try {
    await cancelMethod(stream, reason);
  } catch {}
}

export function tee(stream) {
  return teeMethod(stream);
}

export function readableOf(transform) {
  return readableMethod(transform);
}

export function writableOf(transform) {
  return writableMethod(transform);
}

/** A stream with the contents of another, which is locked and disturbed from now on. */
export function proxy(stream) {
  const identity = new TransformStream();
  stream._disturbed = true;
  return pipeThroughMethod(stream, identity);
}

/** Locks a stream and leaves it as if it had been read. */
export function useUp(stream) {
  acquireReader(stream);
  stream._disturbed = true;
}

/** A byte stream. `pull(controller)` may return a promise; nothing is read ahead. */
export function makeByteStream(pull, cancel) {
  return new ReadableStream({ __proto__: null, type: 'bytes', pull, cancel }, { highWaterMark: 0 });
}
