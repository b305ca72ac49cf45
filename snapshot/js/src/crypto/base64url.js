// base64url without padding (RFC 4648, section 5), as JWKs have it.

import { stringCharCodeAt, typedArrayByteLength, Uint8Array } from '../primordials.js';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export function toBase64url(bytes) {
  const size = typedArrayByteLength(bytes);
  let text = '';
  for (let i = 0; i < size; i += 3) {
    const left = size - i;
    const bits =
      (bytes[i] << 16) | ((left > 1 ? bytes[i + 1] : 0) << 8) | (left > 2 ? bytes[i + 2] : 0);
    text += alphabet[bits >> 18] + alphabet[(bits >> 12) & 63];
    if (left > 1) text += alphabet[(bits >> 6) & 63];
    if (left > 2) text += alphabet[bits & 63];
  }
  return text;
}

function valueOf(code) {
  if (code >= 65 && code <= 90) return code - 65;
  if (code >= 97 && code <= 122) return code - 71;
  if (code >= 48 && code <= 57) return code + 4;
  if (code === 45) return 62;
  return code === 95 ? 63 : -1;
}

/** The bytes, or undefined when the text is not base64url. */
export function fromBase64url(text) {
  const { length } = text;
  if (length % 4 === 1) return undefined;
  const bytes = new Uint8Array((length * 3) >> 2);
  let bits = 0;
  let at = 0;
  for (let i = 0; i < length; i++) {
    const value = valueOf(stringCharCodeAt(text, i));
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffffff;
    const have = (i % 4) * 2;
    // After 2, 3 and 4 characters there is one more byte: above 4, 2 and 0 bits that wait for others.
    if (have > 0) bytes[at++] = bits >> (6 - have);
  }
  return bytes;
}
