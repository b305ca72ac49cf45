// Conversions of WebIDL (https://webidl.spec.whatwg.org/#es-type-mapping), as far as the APIs here use them.

import {
  floor,
  isNaN,
  Number,
  stringCharCodeAt,
  stringToWellFormed,
  symbolIterator,
  TypeError,
} from './primordials.js';

/** Any value but a symbol as a string. */
export function domString(value) {
  return typeof value === 'string' ? value : `${value}`;
}

export function usvString(value) {
  return stringToWellFormed(domString(value));
}

/** A string of which each character is a byte. */
export function byteString(value, what) {
  const text = domString(value);
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code > 255) {
      throw new TypeError(`${what}: character ${code} at index ${i} is more than 255`);
    }
  }
  return text;
}

/** The integer of `bits` bits that `value` becomes, modulo as WebIDL has it. */
function integer(value, modulus) {
  const number = +value;
  if (isNaN(number) || number === 1 / 0 || number === -1 / 0) return 0;
  const truncated = number < 0 ? -floor(-number) : floor(number);
  const rest = truncated % modulus;
  return rest < 0 ? rest + modulus : rest + 0;
}

export function unsignedShort(value) {
  return integer(value, 0x10000);
}

export function unsignedLong(value) {
  return integer(value, 0x100000000);
}

/** `[EnforceRange] unsigned long long`. */
export function enforcedInteger(value, what) {
  const number = +value;
  const truncated = number < 0 ? -floor(-number) : floor(number);
  if (!(truncated >= 0 && truncated <= 9007199254740991)) {
    throw new TypeError(`${what}: ${number} is not an integer from 0 to 2^53 - 1`);
  }
  return truncated + 0;
}

/** `long long`, as far as a number can tell it. */
export function longLong(value) {
  const number = +value;
  if (number > -(2 ** 63) && number < 2 ** 63) {
    return (number < 0 ? -floor(-number) : floor(number)) + 0;
  }
  const rest = integer(number, 2 ** 64);
  return rest >= 2 ** 63 ? rest - 2 ** 64 : rest;
}

/** `[Clamp] long long`. */
export function clampedInteger(value) {
  const number = +value;
  if (isNaN(number)) return 0;
  if (number <= -9007199254740991) return -9007199254740991;
  if (number >= 9007199254740991) return 9007199254740991;
  // Half to even.
  const low = floor(number);
  const rest = number - low;
  if (rest < 0.5) return low + 0;
  if (rest > 0.5) return low + 1;
  return low % 2 === 0 ? low + 0 : low + 1;
}

/** A reason-phrase: bytes of HTTP's field-content. */
export function reasonPhrase(value) {
  const text = byteString(value, 'Response: statusText');
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (!(code === 9 || (code >= 32 && code !== 127))) {
      throw new TypeError(`Response: statusText can not contain character ${code}`);
    }
  }
  return text;
}

export function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** A dictionary argument: an object, or nothing, for which it answers undefined. */
export function dictionary(value, what) {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new TypeError(`${what} must be an object`);
  return value;
}

/** The `@@iterator` method of a sequence argument, or undefined when it is none. */
export function iteratorMethod(value, what) {
  const method = value[symbolIterator];
  if (method === undefined || method === null) return undefined;
  if (typeof method !== 'function') throw new TypeError(`${what} is not iterable`);
  return method;
}

export function requireArguments(count, wanted, what) {
  if (count < wanted) {
    throw new TypeError(
      `${what}: ${wanted} argument${wanted === 1 ? '' : 's'} required, but only ${count} present`,
    );
  }
}

/** A number, as WebIDL's `unrestricted double`. */
export function double(value) {
  return Number(value);
}
