// Streams as async iterables, and of them: `for await`, ReadableStream.from.

import {
  apply,
  asyncIteratorProto,
  defineProperty,
  Promise,
  symbolAsyncIterator,
  symbolIterator,
  symbolToStringTag,
  TypeError,
  WeakMap,
  weakMapGet,
  weakMapSet,
} from '../primordials.js';
import { react, rejectedWith, resolvedWith, upon } from '../streams/promises.js';
import { acquire, cancelStream, read, release } from '../streams/readable.js';
import { isObject } from '../webidl.js';

const { use } = core;
const streams = use('streams');

// -- https://webidl.spec.whatwg.org/#js-asynchronous-iterable ---------------------------------------------------------

const states = new WeakMap();

const prototype = {
  __proto__: asyncIteratorProto,

  next() {
    return queued(this, nextOf);
  },

  return(value) {
    return queued(this, it => returnOf(it, value));
  },
};
defineProperty(prototype, symbolToStringTag, {
  __proto__: null,
  value: 'ReadableStream AsyncIterator',
  configurable: true,
});

/** An async iterator of a record's chunks. */
export function iterate(stream, preventCancel) {
  const iterator = { __proto__: prototype };
  const reader = acquire(stream, false);
  const state = { __proto__: null, reader, preventCancel, isFinished: false, ongoing: undefined };
  weakMapSet(states, iterator, state);
  return iterator;
}

/** Does steps of an iterator after those that were begun before. */
function queued(iterator, steps) {
  const it = isObject(iterator) ? weakMapGet(states, iterator) : undefined;
  if (it === undefined)
    return rejectedWith(new TypeError('This is no iterator of a ReadableStream'));
  const run = () => steps(it);
  it.ongoing = it.ongoing === undefined ? run() : react(it.ongoing, run, run);
  return it.ongoing;
}

function nextOf(it) {
  if (it.isFinished) return resolvedWith({ value: undefined, done: true });
  return new Promise((resolve, reject) =>
    read(it.reader, {
      chunk(value) {
        it.ongoing = undefined;
        upon(resolvedWith(undefined), () => resolve({ value, done: false }));
      },
      close() {
        finish(it);
        resolve({ value: undefined, done: true });
      },
      error(error) {
        finish(it);
        reject(error);
      },
    }),
  );
}

function finish(it) {
  it.ongoing = undefined;
  it.isFinished = true;
  release(it.reader);
}

function returnOf(it, value) {
  const result = () => ({ value, done: true });
  if (it.isFinished) return resolvedWith(result());
  it.isFinished = true;
  const cancelled = it.preventCancel ? undefined : cancelStream(it.reader.stream, value);
  release(it.reader);
  return cancelled === undefined ? resolvedWith(result()) : react(cancelled, result);
}

// -- https://streams.spec.whatwg.org/#readable-stream-from-iterable ----------------------------------------------------

function methodOf(object, name) {
  const method = object[name];
  if (method === undefined || method === null) return undefined;
  if (typeof method !== 'function')
    throw new TypeError('The method of an iterator must be a function');
  return method;
}

/** `{iterator, next}` of an iterable, as GetIterator(async) has it. */
function iteratorOf(iterable) {
  if (iterable === undefined || iterable === null)
    throw new TypeError('ReadableStream.from: the argument is not iterable');
  const method = methodOf(iterable, symbolAsyncIterator);
  if (method !== undefined) return opened(iterable, method);
  const plain = methodOf(iterable, symbolIterator);
  if (plain === undefined) throw new TypeError('ReadableStream.from: the argument is not iterable');
  return asynchronous(opened(iterable, plain));
}

function opened(iterable, method) {
  const iterator = apply(method, iterable, []);
  if (!isObject(iterator))
    throw new TypeError('ReadableStream.from: the iterator must be an object');
  const { next } = iterator;
  return {
    __proto__: null,
    next: () => apply(next, iterator, []),
    /** Undefined when there is no such method. */
    end(reason) {
      const method = methodOf(iterator, 'return');
      return method === undefined ? undefined : { result: apply(method, iterator, [reason]) };
    },
  };
}

/** https://tc39.es/ecma262/#sec-createasyncfromsynciterator */
function asynchronous(plain) {
  const settled = (result, closes) => {
    if (!isObject(result))
      throw new TypeError('ReadableStream.from: the iterator must give objects');
    const done = !!result.done;
    let value;
    try {
      value = resolvedWith(result.value);
    } catch (error) {
      if (closes && !done) plain.end(undefined);
      throw error;
    }
    return react(
      value,
      settledValue => ({ value: settledValue, done }),
      error => {
        if (closes && !done) {
          try {
            plain.end(undefined);
          } catch {
            // The first error counts.
          }
        }
        throw error;
      },
    );
  };
  return {
    __proto__: null,
    next: () => settled(plain.next(), true),
    end(reason) {
      const ended = plain.end(reason);
      return ended && { result: settled(ended.result, false) };
    },
  };
}

function checked(result) {
  if (!isObject(result)) throw new TypeError('ReadableStream.from: the iterator must give objects');
  return result;
}

export function fromIterable(iterable) {
  const iterator = iteratorOf(iterable);
  const pull = () => {
    let next;
    try {
      next = resolvedWith(iterator.next());
    } catch (error) {
      return rejectedWith(error);
    }
    return react(next, result => {
      const isDone = checked(result).done;
      if (isDone) streams.close(stream.controller);
      else streams.enqueue(stream.controller, result.value);
    });
  };
  const cancel = reason => {
    try {
      const ended = iterator.end(reason);
      if (ended === undefined) return resolvedWith(undefined);
      return react(resolvedWith(ended.result), result => void checked(result));
    } catch (error) {
      return rejectedWith(error);
    }
  };
  const stream = streams.makeRecord(() => undefined, pull, cancel, 0);
  return streams.objectFor(stream);
}
