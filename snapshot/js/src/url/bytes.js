// Stands for the parts of @exodus/bytes that whatwg-url uses: URLs of programs are in UTF-8, so that no other encoder
// is needed.

import {
  numberToString,
  fromCharCode,
  stringIncludes,
  stringToUpperCase,
  typedArrayLength,
  Uint8Array,
} from '../primordials.js';

/** https://url.spec.whatwg.org/#string-percent-encode-after-encoding; `set` has the characters from 0x21 to 0x7e to encode. */
export function percentEncodeAfterEncoding(_encoding, text, set) {
  const bytes = new Uint8Array(core.natives.utf8Encode(text));
  const size = typedArrayLength(bytes);
  let result = '';
  for (let i = 0; i < size; i++) {
    const byte = bytes[i];
    const character = fromCharCode(byte);
    const isEncoded = byte < 0x20 || byte > 0x7e || stringIncludes(set, character);
    result += isEncoded
      ? `%${byte < 16 ? '0' : ''}${stringToUpperCase(numberToString(byte, 16))}`
      : character;
  }
  return result;
}
