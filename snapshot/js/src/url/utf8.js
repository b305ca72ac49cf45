// Stands for whatwg-url's own module `encoding`.

import { Uint8Array } from '../primordials.js';

export function utf8Encode(text) {
  return new Uint8Array(core.natives.utf8Encode(text));
}

export function utf8DecodeWithoutBOM(bytes) {
  return core.natives.utf8Decode(bytes);
}
