// Stands for whatwg-url's own module `encoding`. The parser asks for the bytes of each character alone, and for those of a
// host: they are made here, for a call of the host process takes longer.

import { fromCharCode, stringCharCodeAt, typedArrayLength, Uint8Array } from '../primordials.js';

const SHORT = 64;

export function utf8Encode(text) {
  return (
    (text.length <= SHORT ? ofAscii(text) : null) ?? new Uint8Array(core.natives.utf8Encode(text))
  );
}

function ofAscii(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i);
    if (unit >= 0x80) return null;
    bytes[i] = unit;
  }
  return bytes;
}

export function utf8DecodeWithoutBOM(bytes) {
  const size = typedArrayLength(bytes);
  let text = '';
  for (let i = 0; i < size; i++) {
    if (size > SHORT || bytes[i] >= 0x80) return core.natives.utf8Decode(bytes);
    text += fromCharCode(bytes[i]);
  }
  return text;
}
