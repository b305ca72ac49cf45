// Piping (https://streams.spec.whatwg.org/#readable-stream-pipe-to).

import { Promise, TypeError } from '../primordials.js';
import { markHandled, react, resolvedWith, upon } from '../streams/promises.js';
import {
  acquire,
  cancelStream,
  CLOSED,
  ERRORED,
  READABLE,
  read,
  release,
} from '../streams/readable.js';
import { dictionary } from '../webidl.js';

const { use } = core;
const sinks = use('writable');

/** What a pipe without options does. */
export const plain = {
  __proto__: null,
  preventAbort: false,
  preventCancel: false,
  preventClose: false,
  signal: undefined,
};

/** A StreamPipeOptions argument. */
export function optionsOf(given, what) {
  const options = dictionary(given, `${what}: the options`);
  if (options === undefined) return plain;
  const preventAbort = !!options.preventAbort;
  const preventCancel = !!options.preventCancel;
  const preventClose = !!options.preventClose;
  const { signal } = options;
  if (signal !== undefined && !use('abort').isSignal(signal)) {
    throw new TypeError(`${what}: signal must be an AbortSignal`);
  }
  return { __proto__: null, preventAbort, preventCancel, preventClose, signal };
}

/** Pipes a record of a readable stream to one of a writable stream; a promise for the end. */
export function pipe(source, target, options) {
  return new Promise((resolve, reject) => new Pipe(source, target, options, resolve, reject));
}

const nothing = () => {};

class Pipe {
  isEnding = false;
  lastWrite = resolvedWith(undefined);
  unfollow = nothing;
  source;
  target;
  options;
  resolve;
  reject;
  reader;
  writer;

  constructor(source, target, options, resolve, reject) {
    this.source = source;
    this.target = target;
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.reader = acquire(source, false);
    this.writer = sinks.acquireWriter(target);
    source.disturbed = true;
    if (options.signal === undefined || this.follow(options.signal)) this.begin();
  }

  /** False when the signal is aborted already. */
  follow(signal) {
    const { isAborted, reasonOf, whenAborted } = use('abort');
    const stop = () => {
      const reason = reasonOf(signal);
      this.end(() => this.abandon(reason), true, reason);
    };
    if (isAborted(signal)) {
      stop();
      return false;
    }
    this.unfollow = whenAborted(signal, stop);
    return true;
  }

  /** Ends both streams as far as the options allow: a promise for both. */
  abandon(reason) {
    const { options, source, target } = this;
    const aborted =
      !options.preventAbort && target.state === sinks.WRITABLE
        ? sinks.abort(target, reason)
        : resolvedWith(undefined);
    const cancelled =
      !options.preventCancel && source.state === READABLE
        ? cancelStream(source, reason)
        : resolvedWith(undefined);
    return new Promise((resolve, reject) => {
      let left = 2;
      const done = () => {
        left -= 1;
        if (left === 0) resolve();
      };
      upon(aborted, done, reject);
      upon(cancelled, done, reject);
    });
  }

  begin() {
    const { options, reader, source, target, writer } = this;
    const sourceFailed = error => {
      if (options.preventAbort) this.end(undefined, true, error);
      else this.end(() => sinks.abort(target, error), true, error);
    };
    const targetFailed = error => {
      if (options.preventCancel) this.end(undefined, true, error);
      else this.end(() => cancelStream(source, error), true, error);
    };
    const sourceEnded = () => {
      if (options.preventClose) this.end(undefined, false);
      else this.end(() => sinks.closeOrFail(writer), false);
    };
    if (source.state === ERRORED) sourceFailed(source.storedError);
    else upon(reader.closed.promise, undefined, sourceFailed);
    if (target.state === sinks.ERRORED) targetFailed(target.storedError);
    else upon(writer.closed.promise, undefined, targetFailed);
    if (source.state === CLOSED) sourceEnded();
    else upon(reader.closed.promise, sourceEnded, nothing);
    if (sinks.isClosing(target) || target.state === sinks.CLOSED) {
      targetFailed(new TypeError('The stream that is piped to is closed, or being closed'));
    }
    this.step();
  }

  step() {
    if (this.isEnding) return;
    upon(this.writer.ready.promise, () => this.next(), nothing);
  }

  next() {
    // What has begun to fail is not read for.
    if (this.isEnding || this.target.state !== sinks.WRITABLE) return;
    if (this.target.backpressure) {
      this.step();
      return;
    }
    read(this.reader, {
      // Not at once: who gives a chunk to the source is not to find itself in the sink.
      chunk: chunk => {
        this.lastWrite = react(resolvedWith(undefined), () => this.write(chunk));
      },
      close: nothing,
      error: nothing,
    });
  }

  write(chunk) {
    if (this.writer.stream === undefined) return undefined;
    const written = react(sinks.write(this.writer, chunk), undefined, nothing);
    if (this.target.backpressure) this.step();
    else this.next();
    return written;
  }

  /** Ends the pipe: what was read is written, then `action` is done, if there is one. */
  end(action, isError, error) {
    if (this.isEnding) return;
    this.isEnding = true;
    const finish = () => {
      if (action === undefined) {
        this.finalize(isError, error);
        return;
      }
      upon(
        action(),
        () => this.finalize(isError, error),
        other => this.finalize(true, other),
      );
    };
    if (this.target.state === sinks.WRITABLE && !sinks.isClosing(this.target)) {
      upon(this.written(), finish);
    } else {
      finish();
    }
  }

  /** A promise for all writes, also those that begin meanwhile. */
  written() {
    const { lastWrite } = this;
    return react(lastWrite, () => (lastWrite === this.lastWrite ? undefined : this.written()));
  }

  finalize(isError, error) {
    sinks.releaseWriter(this.writer);
    release(this.reader);
    this.unfollow();
    if (isError) this.reject(error);
    else this.resolve(undefined);
  }
}

/** Pipes, and asks nobody whether that went well. */
export function pipeQuietly(source, target) {
  markHandled(pipe(source, target, plain));
}
