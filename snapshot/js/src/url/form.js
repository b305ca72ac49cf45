// application/x-www-form-urlencoded (https://url.spec.whatwg.org/#application/x-www-form-urlencoded).

import {
  fromCharCode,
  numberToString,
  stringCharCodeAt,
  stringIncludes,
  stringIndexOf,
  stringSlice,
  stringToUpperCase,
  typedArrayLength,
  typedArraySubarray,
  Uint8Array,
} from '../primordials.js';

const { natives } = core;

function hexValue(code) {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 70) return code - 55;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

/** `text`, of which `+` are spaces, percent-decoded; bytes that are no UTF-8 become U+FFFD. */
function decode(text) {
  const spaced = stringIncludes(text, '+');
  if (!spaced && !stringIncludes(text, '%')) return text;
  const bytes = new Uint8Array(natives.utf8Encode(text));
  const size = typedArrayLength(bytes);
  let length = 0;
  for (let i = 0; i < size; i++) {
    const byte = bytes[i];
    if (byte === 43) {
      bytes[length++] = 32;
      continue;
    }
    const high = byte === 37 && i + 2 < size ? hexValue(bytes[i + 1]) : -1;
    const low = high === -1 ? -1 : hexValue(bytes[i + 2]);
    if (low === -1) {
      bytes[length++] = byte;
    } else {
      bytes[length++] = high * 16 + low;
      i += 2;
    }
  }
  return natives.utf8Decode(typedArraySubarray(bytes, 0, length));
}

/** Calls `add(name, value)` for each pair. */
export function parseForm(text, add) {
  let start = 0;
  while (start <= text.length) {
    let end = stringIndexOf(text, '&', start);
    if (end === -1) end = text.length;
    if (end > start) {
      const pair = stringSlice(text, start, end);
      const equals = stringIndexOf(pair, '=');
      if (equals === -1) add(decode(pair), '');
      else add(decode(stringSlice(pair, 0, equals)), decode(stringSlice(pair, equals + 1)));
    }
    start = end + 1;
  }
}

function isPlain(code) {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 42 ||
    code === 45 ||
    code === 46 ||
    code === 95
  );
}

export function encodeFormPart(text) {
  let plain = true;
  for (let i = 0; plain && i < text.length; i++) plain = isPlain(stringCharCodeAt(text, i));
  if (plain) return text;
  const bytes = new Uint8Array(natives.utf8Encode(text));
  const size = typedArrayLength(bytes);
  let result = '';
  for (let i = 0; i < size; i++) {
    const byte = bytes[i];
    if (byte === 32) result += '+';
    else if (isPlain(byte)) result += fromCharCode(byte);
    else result += `%${byte < 16 ? '0' : ''}${stringToUpperCase(numberToString(byte, 16))}`;
  }
  return result;
}
