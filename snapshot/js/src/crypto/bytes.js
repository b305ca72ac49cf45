// Bytes of keys and of their results. Nothing here asks for a species, as `slice` and `subarray` do: tenant code would be
// given a key's bytes.

import { viewOf } from '../buffers.js';
import {
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArraySet,
  Uint8Array,
} from '../primordials.js';

export const EMPTY = new Uint8Array(0);

/** A Uint8Array over the bytes of a BufferSource; those of a detached one are none. */
export function viewed(value, what) {
  let view;
  try {
    view = viewOf(value);
  } catch {
    return EMPTY;
  }
  if (view === undefined) throw new TypeError(`${what} must be an ArrayBuffer or a view of one`);
  return view;
}

/** A Uint8Array of its own with them. */
export function bytesOf(value, what) {
  return copyOf(viewed(value, what));
}

export function copyOf(bytes) {
  const copy = new Uint8Array(typedArrayByteLength(bytes));
  typedArraySet(copy, bytes);
  return copy;
}

/** The bytes from `start` to `end`, where they are. */
export function within(bytes, start, end) {
  return new Uint8Array(typedArrayBuffer(bytes), typedArrayByteOffset(bytes) + start, end - start);
}

/** The first `size` bytes of a buffer as one of its own. */
export function firstOf(buffer, size) {
  return typedArrayBuffer(copyOf(new Uint8Array(buffer, 0, size)));
}

export function bufferOf(bytes) {
  return typedArrayBuffer(copyOf(bytes));
}

/** One after the other; `parts` is a list. */
export function joined(parts) {
  let size = 0;
  for (let i = 0; i < parts.length; i++) size += typedArrayByteLength(parts[i]);
  const whole = new Uint8Array(size);
  let offset = 0;
  for (let i = 0; i < parts.length; i++) {
    typedArraySet(whole, parts[i], offset);
    offset += typedArrayByteLength(parts[i]);
  }
  return whole;
}

/** Takes the time of all bytes, whichever differ. */
export function areEqual(a, b) {
  const size = typedArrayByteLength(a);
  if (size !== typedArrayByteLength(b)) return false;
  let difference = 0;
  for (let i = 0; i < size; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}
