// Content types (https://mimesniff.spec.whatwg.org/#understanding-mime-types).

import { isToken } from './headers/token.js';
import { makeList } from './list.js';
import { stringCharCodeAt, stringIndexOf, stringSlice, stringToLowerCase } from './primordials.js';

const isSpace = code => code === 32 || code === 9 || code === 10 || code === 13;

/** Without the white space of HTTP around it. */
export function trimmed(text) {
  let start = 0;
  while (isSpace(stringCharCodeAt(text, start))) start += 1;
  return withoutSpaceBehind(stringSlice(text, start));
}

function withoutSpaceBehind(text) {
  let end = text.length;
  while (end > 0 && isSpace(stringCharCodeAt(text, end - 1))) end -= 1;
  return stringSlice(text, 0, end);
}

/** Where the first `wanted` is from `start` on, or the end. */
function endAt(text, wanted, start) {
  const found = stringIndexOf(text, wanted, start);
  return found === -1 ? text.length : found;
}

/** A quoted string's value, and the place after it; `start` is that of its first quotation mark. */
function readQuoted(text, start) {
  let value = '';
  let at = start + 1;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at += 1;
    value += text[at];
  }
  return { __proto__: null, value, end: at + 1 };
}

function isQuotable(text) {
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (!(code === 9 || (code >= 32 && code !== 127 && code <= 255))) return false;
  }
  return true;
}

/**
 * A type as `{essence, parameters: [{name, value}]}`; null when `text` is none. `isFree` tells that the values of parameters may
 * have any character.
 */
export function parseType(text, isFree = false) {
  const input = trimmed(text);
  const slash = stringIndexOf(input, '/');
  if (slash === -1) return null;
  let at = endAt(input, ';', slash);
  const type = stringSlice(input, 0, slash);
  const subtype = trimmed(stringSlice(input, slash + 1, at));
  if (!isToken(type) || !isToken(subtype)) return null;
  const parameters = makeList();
  const essence = stringToLowerCase(`${type}/${subtype}`);
  while (at < input.length) at = readParameter(input, at + 1, parameters, isFree);
  return { __proto__: null, essence, parameters };
}

/** Reads what stands between two semicolons; answers the place of the second. */
function readParameter(input, start, parameters, isFree) {
  let from = start;
  while (isSpace(stringCharCodeAt(input, from))) from += 1;
  const stop = endAt(input, ';', from);
  const equals = endAt(input, '=', from);
  if (equals >= stop) return stop;
  const name = stringToLowerCase(stringSlice(input, from, equals));
  let end = stop;
  let value;
  if (input[equals + 1] === '"') {
    const quoted = readQuoted(input, equals + 1);
    value = quoted.value;
    end = endAt(input, ';', quoted.end);
  } else {
    value = withoutSpaceBehind(stringSlice(input, equals + 1, stop));
    if (value === '') return stop;
  }
  const isNew = isToken(name) && parameterOf({ parameters }, name) === undefined;
  if (isNew && (isFree || isQuotable(value))) {
    parameters[parameters.length] = { __proto__: null, name, value };
  }
  return end;
}

/** The value of parameter `name` (in lower case), or undefined. */
export function parameterOf({ parameters }, name) {
  for (let i = 0; i < parameters.length; i++) {
    if (parameters[i].name === name) return parameters[i].value;
  }
  return undefined;
}

export function serializeType({ essence, parameters }) {
  let text = essence;
  for (let i = 0; i < parameters.length; i++) {
    const { name, value } = parameters[i];
    text += `;${name}=${isToken(value) ? value : quoted(value)}`;
  }
  return text;
}

function quoted(value) {
  let text = '';
  for (let i = 0; i < value.length; i++) {
    text += value[i] === '"' || value[i] === '\\' ? `\\${value[i]}` : value[i];
  }
  return `"${text}"`;
}

/**
 * The type that a header's combined values name, or null: the last of them
 * (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type).
 */
export function extractType(values) {
  let result = null;
  let charset;
  let start = 0;
  while (start <= values.length) {
    const end = endOfValue(values, start);
    const type = parseType(stringSlice(values, start, end));
    start = end + 1;
    if (type === null || type.essence === '*/*') continue;
    if (type.essence !== result?.essence) charset = parameterOf(type, 'charset');
    else if (charset !== undefined && parameterOf(type, 'charset') === undefined) {
      type.parameters[type.parameters.length] = {
        __proto__: null,
        name: 'charset',
        value: charset,
      };
    }
    result = type;
  }
  return result;
}

/** The place of the next comma that is not in quotation marks, or the end. */
function endOfValue(values, start) {
  let at = start;
  while (at < values.length && values[at] !== ',') {
    at = values[at] === '"' ? readQuoted(values, at).end : at + 1;
  }
  return at < values.length ? at : values.length;
}
