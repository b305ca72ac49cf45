// Values of PostgreSQL in JavaScript, by the type (OID) of their column; what is not here stays text.

import {
  parseJSON,
  parseInt,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  typedArrayLength,
  Uint8Array,
} from './primordials.js';
import { append } from './list.js';

const toNumber = text => +text;
const toBoolean = text => text === 't';

/** A number while it is exact, else text. */
function toInteger(text) {
  const number = +text;
  return number <= 9007199254740991 && number >= -9007199254740991 ? number : text;
}

/** A number when fifteen digits say all, which a double keeps; else text. */
function toDecimal(text) {
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code >= 48 && code <= 57 && (digits > 0 || code !== 48)) digits += 1;
  }
  return digits <= 15 ? +text : text;
}

/** ISO 8601, as JSON has it: `2026-01-31T12:00:00+00:00`. */
function toMoment(text) {
  const space = stringIndexOf(text, ' ');
  // Infinity, and years before Christ.
  if (space === -1 || stringIndexOf(text, 'BC') !== -1) return text;
  const moment = `${stringSlice(text, 0, space)}T${stringSlice(text, space + 1)}`;
  const sign = text[text.length - 3];
  return sign === '+' || sign === '-' ? `${moment}:00` : moment;
}

/** bytea, as `\x0102`. */
function toBytes(text) {
  const size = (text.length - 2) / 2;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = parseInt(stringSlice(text, 2 + 2 * i, 4 + 2 * i), 16);
  return bytes;
}

const DIGITS = '0123456789abcdef';

export function toHex(bytes) {
  let text = '';
  for (let i = 0, size = typedArrayLength(bytes); i < size; i++) {
    text += DIGITS[bytes[i] >> 4] + DIGITS[bytes[i] & 15];
  }
  return text;
}

/** What reads an array of values that `read` reads (null: text). */
function arrayReader(read) {
  return text => {
    // Bounds that do not begin with one stand before: [0:1]={1,2}
    let at = stringIndexOf(text, '{');

    function item() {
      if (text[at] === '{') return list();
      if (text[at] === '"') return valueOf(quoted());
      const start = at;
      while (text[at] !== ',' && text[at] !== '}' && at < text.length) at += 1;
      const plain = stringSlice(text, start, at);
      return plain === 'NULL' ? null : valueOf(plain);
    }

    function valueOf(plain) {
      return read === null ? plain : read(plain);
    }

    function quoted() {
      let value = '';
      for (at += 1; text[at] !== '"' && at < text.length; at += 1) {
        if (text[at] === '\\') at += 1;
        value += text[at];
      }
      at += 1;
      return value;
    }

    function list() {
      const items = [];
      at += 1;
      while (text[at] !== '}' && at < text.length) {
        append(items, item());
        if (text[at] === ',') at += 1;
      }
      at += 1;
      return items;
    }

    return at === -1 ? text : list();
  };
}

/** Types with a reader, then the type of their arrays. */
const TYPES = [
  [16, 1000, toBoolean],
  [17, 1001, toBytes],
  [20, 1016, toInteger],
  [21, 1005, toNumber],
  [23, 1007, toNumber],
  [26, 1028, toNumber],
  [114, 199, parseJSON],
  [700, 1021, toNumber],
  [701, 1022, toNumber],
  [1114, 1115, toMoment],
  [1184, 1185, toMoment],
  [1700, 1231, toDecimal],
  [3802, 3807, parseJSON],
  // Text: text, bpchar, varchar, name, char, uuid, date, time, timetz, interval, inet, cidr.
  [25, 1009, null],
  [1042, 1014, null],
  [1043, 1015, null],
  [19, 1003, null],
  [18, 1002, null],
  [2950, 2951, null],
  [1082, 1182, null],
  [1083, 1183, null],
  [1266, 1270, null],
  [1186, 1187, null],
  [869, 1041, null],
  [650, 651, null],
];

/** What makes a value of a column's text; null when it is the text. */
export function readerOf(oid) {
  for (let i = 0; i < TYPES.length; i++) {
    const type = TYPES[i];
    if (type[0] === oid) return type[2];
    if (type[1] === oid) return arrayReader(type[2]);
  }
  return null;
}
