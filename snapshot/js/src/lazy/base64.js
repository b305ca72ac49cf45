// atob and btoa (https://infra.spec.whatwg.org/#forgiving-base64).

import { fromCharCode, stringCharCodeAt } from '../primordials.js';
import { domString, requireArguments } from '../webidl.js';

const { use } = core;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function invalid(message) {
  const { DOMException } = use('dom-exception');
  return new DOMException(message, 'InvalidCharacterError');
}

export function btoa(data, count) {
  requireArguments(count, 1, 'btoa');
  const text = domString(data);
  let result = '';
  for (let i = 0; i < text.length; i += 3) {
    const a = stringCharCodeAt(text, i);
    const b = stringCharCodeAt(text, i + 1);
    const c = stringCharCodeAt(text, i + 2);
    if (a > 255 || b > 255 || c > 255) {
      throw invalid('btoa: the string has characters that are more than a byte');
    }
    result += alphabet[a >> 2] + alphabet[((a & 3) << 4) | (b >> 4)];
    result += i + 1 < text.length ? alphabet[((b & 15) << 2) | (c >> 6)] : '=';
    result += i + 2 < text.length ? alphabet[c & 63] : '=';
  }
  return result;
}

/** The value of a character, -1 for white space, -2 for what can not be. */
function valueOf(code) {
  if (code >= 65 && code <= 90) return code - 65;
  if (code >= 97 && code <= 122) return code - 71;
  if (code >= 48 && code <= 57) return code + 4;
  if (code === 43) return 62;
  if (code === 47) return 63;
  return code === 32 || code === 9 || code === 10 || code === 12 || code === 13 ? -1 : -2;
}

/** The bytes of forgiving base64, as a string of characters up to 255; undefined when it is none. */
export function decode(text) {
  let result = '';
  let bits = 0;
  let count = 0;
  let padding = 0;
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    const value = valueOf(code);
    if (value === -1) continue;
    if (code === 61) {
      padding += 1;
      continue;
    }
    if (value === -2 || padding > 0) return undefined;
    bits = (bits << 6) | value;
    count += 1;
    if (count % 4 === 0) {
      result += fromCharCode((bits >> 16) & 255, (bits >> 8) & 255, bits & 255);
      bits = 0;
    }
  }
  const rest = count % 4;
  // Padding is one or two characters, or none.
  if (rest === 1 || (padding > 0 && (rest === 0 || rest + padding !== 4))) return undefined;
  if (rest === 2) result += fromCharCode((bits >> 4) & 255);
  if (rest === 3) result += fromCharCode((bits >> 10) & 255, (bits >> 2) & 255);
  return result;
}

export function atob(data, count) {
  requireArguments(count, 1, 'atob');
  const decoded = decode(domString(data));
  if (decoded === undefined) throw invalid('atob: the string is not base64');
  return decoded;
}
