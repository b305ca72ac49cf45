// Primitives, keys and names as util.inspect writes them.

import {
  numberToString,
  regExpExec,
  stringCharCodeAt,
  stringIncludes,
  stringSlice,
  stringToUpperCase,
  symbolToString,
} from '../primordials.js';

const escapes = {
  __proto__: null,
  8: '\\b',
  9: '\\t',
  10: '\\n',
  12: '\\f',
  13: '\\r',
  92: '\\\\',
};

/** A string in the quotes that need no escaping, if there are such. */
export function quoted(text) {
  let quote = "'";
  if (stringIncludes(text, "'")) {
    if (!stringIncludes(text, '"')) quote = '"';
    else if (!stringIncludes(text, '`') && !stringIncludes(text, '${')) quote = '`';
  }
  const quoteCode = stringCharCodeAt(quote, 0);
  let result = '';
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    const special = code < 32 || code === 127 || code === 92 || code === quoteCode;
    if (!special) continue;
    result += stringSlice(text, start, i);
    start = i + 1;
    if (code === quoteCode) result += `\\${quote}`;
    else result += escapes[code] ?? `\\x${hex(code)}`;
  }
  return `${quote}${result}${stringSlice(text, start)}${quote}`;
}

function hex(code) {
  const digits = stringToUpperCase(numberToString(code, 16));
  return digits.length < 2 ? `0${digits}` : digits;
}

/** Any value that is no object. */
export function primitive(value, isTopLevel) {
  if (typeof value === 'string') return isTopLevel ? value : quoted(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol') return symbolToString(value);
  if (value === 0 && 1 / value < 0) return '-0';
  return `${value}`;
}

export function key(name) {
  if (typeof name === 'symbol') return `[${symbolToString(name)}]`;
  return regExpExec(/^[a-zA-Z_][a-zA-Z_0-9]*$/, name) === null ? quoted(name) : name;
}
