// Teeing (https://streams.spec.whatwg.org/#abstract-opdef-readablestreamtee).

import {
  arrayBufferSlice,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  Uint8Array,
} from '../primordials.js';
import { deferred, resolvedWith, upon } from '../streams/promises.js';
import { acquire, cancelStream, makeReadable, read, release } from '../streams/readable.js';
import { partsOf, sizeOfBuffer } from '../streams/views.js';

const { use } = core;
const streams = use('streams');

const nothing = () => {};

/** Two streams in the place of a record; with `clone`, the second gets copies of the chunks. */
export function tee(stream, clone) {
  const { branches } =
    stream.controller.pending === undefined ? new Tee(stream, clone) : new ByteTee(stream);
  return [streams.objectFor(branches[0]), streams.objectFor(branches[1])];
}

function soon(work) {
  upon(resolvedWith(undefined), work);
}

/** What both kinds have in common. */
class Branching {
  reading = false;
  cancelled = [false, false];
  reasons = [undefined, undefined];
  bothCancelled = deferred();
  branches;
  stream;
  reader;

  constructor(stream) {
    this.stream = stream;
    this.reader = acquire(stream, false);
  }

  cancel(index, reason) {
    this.cancelled[index] = true;
    this.reasons[index] = reason;
    if (this.cancelled[1 - index]) {
      this.bothCancelled.resolve(cancelStream(this.stream, [this.reasons[0], this.reasons[1]]));
    }
    return this.bothCancelled.promise;
  }

  /** Nobody has to wait for the other branch any more. */
  over() {
    if (!this.cancelled[0] || !this.cancelled[1]) this.bothCancelled.resolve();
  }

  failBoth(error) {
    this.fail(this.branches[0].controller, error);
    this.fail(this.branches[1].controller, error);
  }

  /** A chunk could not be copied. */
  abandon(error) {
    this.failBoth(error);
    this.bothCancelled.resolve(cancelStream(this.stream, error));
  }
}

class Tee extends Branching {
  readAgain = false;
  clone;

  constructor(stream, clone) {
    super(stream);
    this.clone = clone;
    const make = index =>
      streams.makeRecord(
        nothing,
        () => this.pull(),
        reason => this.cancel(index, reason),
      );
    this.branches = [make(0), make(1)];
    upon(this.reader.closed.promise, undefined, error => {
      this.failBoth(error);
      this.over();
    });
  }

  fail(controller, error) {
    streams.fail(controller, error);
  }

  pull() {
    if (this.reading) {
      this.readAgain = true;
      return resolvedWith(undefined);
    }
    this.reading = true;
    read(this.reader, {
      chunk: chunk => soon(() => this.give(chunk)),
      close: () => {
        this.reading = false;
        for (let i = 0; i < 2; i++) {
          if (!this.cancelled[i]) streams.close(this.branches[i].controller);
        }
        this.over();
      },
      error: () => {
        this.reading = false;
      },
    });
    return resolvedWith(undefined);
  }

  give(chunk) {
    this.readAgain = false;
    let copy = chunk;
    if (this.clone && !this.cancelled[1]) {
      try {
        copy = use('clone').structuredClone(chunk, undefined, 1);
      } catch (error) {
        this.abandon(error);
        return;
      }
    }
    if (!this.cancelled[0]) streams.enqueue(this.branches[0].controller, chunk);
    if (!this.cancelled[1]) streams.enqueue(this.branches[1].controller, copy);
    this.reading = false;
    if (this.readAgain) this.pull();
  }
}

/** A copy of a chunk's bytes. */
function copyOf(chunk) {
  const start = typedArrayByteOffset(chunk);
  return new Uint8Array(
    arrayBufferSlice(typedArrayBuffer(chunk), start, start + typedArrayByteLength(chunk)),
  );
}

class ByteTee extends Branching {
  readAgain = [false, false];
  bytes = use('byte-source');

  constructor(stream) {
    super(stream);
    const make = index => {
      const branch = makeReadable();
      const controller = this.bytes.makeBytes(
        branch,
        () => this.pull(index),
        reason => this.cancel(index, reason),
        0,
        undefined,
      );
      this.bytes.start(controller, nothing);
      return branch;
    };
    this.branches = [make(0), make(1)];
    this.forwardErrors();
  }

  fail(controller, error) {
    this.bytes.fail(controller, error);
  }

  forwardErrors() {
    const { reader } = this;
    upon(reader.closed.promise, undefined, error => {
      if (reader !== this.reader) return;
      this.failBoth(error);
      this.over();
    });
  }

  /** Reads with a reader of the kind from now on. */
  readWith(isByob) {
    if (this.reader.isByob === isByob) return;
    release(this.reader);
    this.reader = acquire(this.stream, isByob);
    this.forwardErrors();
  }

  pull(index) {
    if (this.reading) {
      this.readAgain[index] = true;
      return resolvedWith(undefined);
    }
    this.reading = true;
    const request = this.bytes.currentRequest(this.branches[index].controller);
    if (request === null) this.readAny();
    else this.readInto(request.view, index);
    return resolvedWith(undefined);
  }

  again() {
    this.reading = false;
    if (this.readAgain[0]) this.pull(0);
    else if (this.readAgain[1]) this.pull(1);
  }

  enqueue(index, chunk) {
    this.bytes.enqueue(this.branches[index].controller, partsOf(chunk));
  }

  readAny() {
    this.readWith(false);
    read(this.reader, {
      chunk: chunk => soon(() => this.give(chunk)),
      close: () => {
        this.reading = false;
        for (let i = 0; i < 2; i++) {
          if (!this.cancelled[i]) this.bytes.close(this.branches[i].controller);
        }
        for (let i = 0; i < 2; i++) this.respondNothing(i);
        this.over();
      },
      error: () => {
        this.reading = false;
      },
    });
  }

  /** Answers a reader that waits for its view to be filled. */
  respondNothing(index) {
    const { controller } = this.branches[index];
    if (controller.pending.length > 0) this.bytes.respond(controller, 0);
  }

  give(chunk) {
    this.readAgain = [false, false];
    let copy = chunk;
    if (!this.cancelled[0] && !this.cancelled[1]) {
      try {
        copy = copyOf(chunk);
      } catch (error) {
        this.abandon(error);
        return;
      }
    }
    if (!this.cancelled[0]) this.enqueue(0, chunk);
    if (!this.cancelled[1]) this.enqueue(1, copy);
    this.again();
  }

  respond(index, view) {
    const parts = partsOf(view);
    this.bytes.respondWith(this.branches[index].controller, parts, sizeOfBuffer(parts.buffer));
  }

  /** Has the view of a branch's reader filled; the other branch gets a copy. */
  readInto(view, index) {
    this.readWith(true);
    const parts = partsOf(view);
    use('byte-streams').fill(this.stream, parts, sizeOfBuffer(parts.buffer), 1, {
      chunk: chunk => soon(() => this.giveFilled(chunk, index)),
      close: chunk => {
        this.reading = false;
        const other = 1 - index;
        if (!this.cancelled[index]) this.bytes.close(this.branches[index].controller);
        if (!this.cancelled[other]) this.bytes.close(this.branches[other].controller);
        if (chunk !== undefined) {
          if (!this.cancelled[index]) this.respond(index, chunk);
          if (!this.cancelled[other]) this.respondNothing(other);
        }
        this.over();
      },
      error: () => {
        this.reading = false;
      },
    });
  }

  giveFilled(chunk, index) {
    this.readAgain = [false, false];
    const other = 1 - index;
    if (this.cancelled[other]) {
      if (!this.cancelled[index]) this.respond(index, chunk);
    } else {
      let copy;
      try {
        copy = copyOf(chunk);
      } catch (error) {
        this.abandon(error);
        return;
      }
      if (!this.cancelled[index]) this.respond(index, chunk);
      this.enqueue(other, copy);
    }
    this.again();
  }
}
