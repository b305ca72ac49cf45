// Buffers and views as byte streams move them about.

import {
  arrayBufferByteLength,
  arrayBufferDetached,
  arrayBufferSlice,
  arrayBufferTransfer,
  BigInt64Array,
  BigUint64Array,
  DataView,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  Float32Array,
  Float64Array,
  Int16Array,
  Int32Array,
  Int8Array,
  isView,
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayTag,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  Uint8ClampedArray,
} from '../primordials.js';

const kinds = {
  __proto__: null,
  BigInt64Array: [BigInt64Array, 8],
  BigUint64Array: [BigUint64Array, 8],
  Float32Array: [Float32Array, 4],
  Float64Array: [Float64Array, 8],
  Int8Array: [Int8Array, 1],
  Int16Array: [Int16Array, 2],
  Int32Array: [Int32Array, 4],
  Uint8Array: [Uint8Array, 1],
  Uint8ClampedArray: [Uint8ClampedArray, 1],
  Uint16Array: [Uint16Array, 2],
  Uint32Array: [Uint32Array, 4],
};

/** What a view consists of: `{buffer, offset, size, View, elementSize}`, in bytes. */
export function partsOf(view, what) {
  if (!isView(view)) throw new TypeError(`${what}: a view of an ArrayBuffer is needed`);
  const tag = typedArrayTag(view);
  if (tag === undefined) {
    const buffer = dataViewBuffer(view);
    const detached = isDetached(buffer);
    return {
      __proto__: null,
      buffer,
      // Asking a DataView throws when there is nothing left of its buffer.
      offset: detached ? 0 : dataViewByteOffset(view),
      size: detached ? 0 : dataViewByteLength(view),
      View: DataView,
      elementSize: 1,
      isTyped: false,
    };
  }
  const kind = kinds[tag];
  if (kind === undefined) throw new TypeError(`${what}: a ${tag} can not be used here`);
  return {
    __proto__: null,
    buffer: typedArrayBuffer(view),
    offset: typedArrayByteOffset(view),
    size: typedArrayByteLength(view),
    View: kind[0],
    elementSize: kind[1],
    isTyped: true,
  };
}

export function isDetached(buffer) {
  return arrayBufferDetached(buffer);
}

export {
  arrayBufferByteLength as sizeOfBuffer,
  arrayBufferSlice as sliceOf,
  arrayBufferTransfer as transfer,
};
