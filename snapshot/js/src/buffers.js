// Bytes behind BufferSource arguments (https://webidl.spec.whatwg.org/#BufferSource).

import {
  arrayBufferByteLength,
  arrayBufferSlice,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  isView,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayTag,
  Uint8Array,
} from './primordials.js';

/** Whether `value` is an ArrayBuffer, of this realm. */
export function isArrayBuffer(value) {
  if (typeof value !== 'object' || value === null) return false;
  try {
    arrayBufferByteLength(value);
    return true;
  } catch {
    return false;
  }
}

/** A Uint8Array over the same bytes as an ArrayBuffer or a view, or undefined. One that is detached has none. */
export function viewOf(value) {
  if (!isView(value)) {
    if (!isArrayBuffer(value)) return undefined;
    return arrayBufferByteLength(value) === 0 ? new Uint8Array(0) : new Uint8Array(value);
  }
  if (typedArrayTag(value) === undefined) return viewOfDataView(value);
  const size = typedArrayByteLength(value);
  if (size === 0) return new Uint8Array(0);
  return new Uint8Array(typedArrayBuffer(value), typedArrayByteOffset(value), size);
}

function viewOfDataView(value) {
  let size;
  try {
    size = dataViewByteLength(value);
  } catch {
    return new Uint8Array(0);
  }
  return new Uint8Array(dataViewBuffer(value), dataViewByteOffset(value), size);
}

/** A Uint8Array of its own with the bytes of an ArrayBuffer or a view, or undefined. */
export function copyBytes(value) {
  const view = viewOf(value);
  if (view === undefined) return undefined;
  const start = typedArrayByteOffset(view);
  const buffer = typedArrayBuffer(view);
  return new Uint8Array(arrayBufferSlice(buffer, start, start + typedArrayByteLength(view)));
}
