// CompressionStream and DecompressionStream (https://compression.spec.whatwg.org/). zlib is the host's; see docs/boundary.md.

import { viewOf } from '../buffers.js';
import { brandInterface } from '../interface.js';
import {
  apply,
  TypeError,
  typedArrayByteLength,
  typedArraySubarray,
  Uint8Array,
} from '../primordials.js';
import { react } from '../streams/promises.js';
import { domString, requireArguments } from '../webidl.js';

const { natives, quote, use } = core;
const { enqueue, makeTransform, readableOf, unread, wanted, writableOf } = use('transform');

/** What zlib gets at once: between two calls an execution can be stopped. */
const PIECE = 65536;
/** So many pieces may wait for a reader: 1 MiB. */
const MOST_UNREAD = 16;

const formats = { __proto__: null, deflate: true, 'deflate-raw': true, gzip: true };

function formatOf(given, what) {
  const format = domString(given);
  if (!formats[format]) throw new TypeError(`${what}: there is no format ${quote(format)}`);
  return format;
}

/** A transform that has the host compress or expand. */
function makeCodec(opening) {
  // The number that the host has for it: there is none before the first chunk, and after the end.
  let number = 0;
  const closeCodec = () => {
    if (number !== 0) natives.codec('close', number);
    number = 0;
  };
  const attempt = (...args) => {
    try {
      return apply(natives.codec, undefined, args);
    } catch (error) {
      closeCodec();
      throw new TypeError(error.message);
    }
  };
  const open = () => {
    if (number === 0) number = attempt('open', opening);
  };
  /** Gives on what there is; a promise when the reader has to catch up before there is more. */
  const drain = (first, it) => {
    for (let output = first; output !== undefined; output = attempt('more', number)) {
      enqueue(it, new Uint8Array(output));
      if (unread(it) >= MOST_UNREAD) {
        return react(wanted(it), () => {
          if (number !== 0) return drain(attempt('more', number), it);
        });
      }
    }
  };
  const feed = (bytes, offset, it) => {
    const size = typedArrayByteLength(bytes);
    for (let start = offset; start < size; start += PIECE) {
      const waiting = drain(
        attempt('feed', number, typedArraySubarray(bytes, start, start + PIECE)),
        it,
      );
      if (waiting !== undefined) {
        return react(waiting, () => {
          if (number !== 0) return feed(bytes, start + PIECE, it);
        });
      }
    }
  };
  return makeTransform({
    transform(chunk, it) {
      const bytes = viewOf(chunk);
      if (bytes === undefined) {
        closeCodec();
        throw new TypeError(
          'A chunk to be compressed or decompressed must be an ArrayBuffer or a view of one',
        );
      }
      open();
      return feed(bytes, 0, it);
    },
    flush(it) {
      open();
      const output = attempt('finish', number);
      number = 0;
      if (output !== undefined) enqueue(it, new Uint8Array(output));
    },
    cancel: closeCodec,
  });
}

export class CompressionStream {
  #transform;

  constructor(format) {
    requireArguments(arguments.length, 1, 'CompressionStream');
    this.#transform = makeCodec(`compress ${formatOf(format, 'CompressionStream')}`);
  }

  get readable() {
    return readableOf(this.#transform);
  }

  get writable() {
    return writableOf(this.#transform);
  }
}

brandInterface(CompressionStream, 'CompressionStream');

export class DecompressionStream {
  #transform;

  constructor(format) {
    requireArguments(arguments.length, 1, 'DecompressionStream');
    this.#transform = makeCodec(`expand ${formatOf(format, 'DecompressionStream')}`);
  }

  get readable() {
    return readableOf(this.#transform);
  }

  get writable() {
    return writableOf(this.#transform);
  }
}

brandInterface(DecompressionStream, 'DecompressionStream');
