// Messages of a WebSocket as bytes of a stream of the boundary: a byte of what it is, four of its length, its content
// (docs/boundary.md). The runner speaks with the peer.

import {
  typedArrayByteLength,
  typedArraySet,
  typedArraySlice,
  typedArraySubarray,
  Uint8Array,
} from '../primordials.js';

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
/** The longest message: 1 MiB. */
export const LONGEST = 1048576;

const HEAD = 5;

export function frameOf(kind, bytes) {
  const size = typedArrayByteLength(bytes);
  const frame = new Uint8Array(HEAD + size);
  frame[0] = kind;
  frame[1] = size >>> 24;
  frame[2] = size >>> 16;
  frame[3] = size >>> 8;
  frame[4] = size;
  typedArraySet(frame, bytes, HEAD);
  return frame;
}

/** Puts messages together from the chunks in which they come. */
export class Frames {
  #rest = new Uint8Array(0);

  /** Calls `add(kind, bytes)` for each message that is complete now. */
  feed(chunk, add) {
    let bytes = chunk;
    const kept = typedArrayByteLength(this.#rest);
    if (kept > 0) {
      bytes = new Uint8Array(kept + typedArrayByteLength(chunk));
      typedArraySet(bytes, this.#rest, 0);
      typedArraySet(bytes, chunk, kept);
    }
    const size = typedArrayByteLength(bytes);
    let start = 0;
    while (size - start >= HEAD) {
      const length =
        bytes[start + 1] * 16777216 +
        bytes[start + 2] * 65536 +
        bytes[start + 3] * 256 +
        bytes[start + 4];
      const end = start + HEAD + length;
      if (end > size) break;
      add(bytes[start], typedArraySlice(bytes, start + HEAD, end));
      start = end;
    }
    this.#rest = typedArraySubarray(bytes, start);
  }
}
