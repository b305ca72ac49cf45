// multipart/form-data as entries (https://andreubotella.github.io/multipart-form-data/#parsing).

import { isToken } from '../headers/token.js';
import { extractType, parameterOf, parseType, serializeType, trimmed } from '../mime.js';
import {
  stringIncludes,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  TypeError,
  typedArrayByteLength,
  typedArraySlice,
  typedArraySubarray,
  Uint8Array,
} from '../primordials.js';

const { natives, use } = core;

const LINE_END = 0x0d0a;

function fail(why) {
  return new TypeError(`formData: the body is no multipart/form-data: ${why}`);
}

/** Where `wanted` is in `bytes` from `start` on, or -1. */
function find(bytes, wanted, start) {
  const last = typedArrayByteLength(bytes) - typedArrayByteLength(wanted);
  for (let i = start; i <= last; i++) if (startsWith(bytes, wanted, i)) return i;
  return -1;
}

function startsWith(bytes, wanted, at) {
  const size = typedArrayByteLength(wanted);
  for (let i = 0; i < size; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

const endsLine = (bytes, at) => bytes[at] * 256 + bytes[at + 1] === LINE_END;

const isDash = (bytes, at) => bytes[at] === 45 && bytes[at + 1] === 45;

const bytesOf = text => new Uint8Array(natives.utf8Encode(text));

function textOf(bytes, start, end) {
  return natives.utf8Decode(typedArraySubarray(bytes, start, end));
}

function afterPadding(bytes, start) {
  let at = start;
  while (bytes[at] === 32 || bytes[at] === 9) at += 1;
  return at;
}

/** Calls `add` with each entry, `{name, value}`; files are made into File objects. */
export function parseMultipart(bytes, boundary, add) {
  const size = typedArrayByteLength(bytes);
  const delimiter = bytesOf(`--${boundary}`);
  const next = bytesOf(`\r\n--${boundary}`);
  const blank = bytesOf('\r\n\r\n');
  if (boundary === '' || !startsWith(bytes, delimiter, 0)) {
    throw fail('it does not begin with its boundary');
  }
  let at = typedArrayByteLength(delimiter);
  for (;;) {
    const isLast = isDash(bytes, at);
    at = afterPadding(bytes, isLast ? at + 2 : at);
    if (isLast && (at === size || endsLine(bytes, at))) return;
    if (isLast || !endsLine(bytes, at)) throw fail('a boundary does not end its line');
    const end = find(bytes, blank, at);
    if (end === -1) throw fail('a part has no end of its headers');
    const headers = parseHeaders(end === at ? '' : textOf(bytes, at + 2, end));
    const start = end + 4;
    // The line end of what is empty is that of the headers.
    const stop = find(bytes, next, start - 2);
    if (stop === -1) throw fail('its last part has no end');
    if (headers.name === undefined) throw fail('a part has no name');
    add(entryOf(headers, bytes, start, stop));
    at = stop + typedArrayByteLength(next);
  }
}

function parseHeaders(text) {
  const headers = { __proto__: null, name: undefined, filename: undefined, type: 'text/plain' };
  let start = 0;
  while (start < text.length) {
    let end = stringIndexOf(text, '\r\n', start);
    if (end === -1) end = text.length;
    readHeader(stringSlice(text, start, end), headers);
    start = end + 2;
  }
  return headers;
}

function readHeader(line, headers) {
  const isBroken = stringIncludes(line, '\0') || stringIncludes(line, '\r');
  if (isBroken || stringIncludes(line, '\n'))
    throw fail('a header has a character that can not be');
  const colon = stringIndexOf(line, ':');
  const key = stringToLowerCase(trimmed(stringSlice(line, 0, colon === -1 ? 0 : colon)));
  if (!isToken(key)) throw fail('a header has no name');
  const value = trimmed(stringSlice(line, colon + 1));
  if (key === 'content-type') {
    const type = extractType(value);
    headers.type = type === null ? '' : serializeType(type);
  } else if (key === 'content-disposition') {
    readDisposition(value, headers);
  }
}

/** It is written as a type is, but that its parameters may have any character. */
function readDisposition(value, headers) {
  const end = stringIndexOf(value, ';');
  if (end === -1 || stringToLowerCase(trimmed(stringSlice(value, 0, end))) !== 'form-data') return;
  const found = parseType(`form/data${stringSlice(value, end)}`, true);
  headers.name = unescaped(parameterOf(found, 'name'));
  headers.filename = unescaped(parameterOf(found, 'filename'));
}

const escapes = { __proto__: null, '%0A': '\n', '%0a': '\n', '%0D': '\r', '%0d': '\r', '%22': '"' };

/** What a name was before it was written: three characters can not be in one, and nothing else is escaped. */
function unescaped(name) {
  if (name === undefined || stringIndexOf(name, '%') === -1) return name;
  let text = '';
  for (let i = 0; i < name.length; i++) {
    const escape = name[i] === '%' ? escapes[stringSlice(name, i, i + 3)] : undefined;
    text += escape ?? name[i];
    if (escape !== undefined) i += 2;
  }
  return text;
}

function entryOf({ name, filename, type }, bytes, start, stop) {
  if (filename === undefined) {
    return { name, value: stop < start ? '' : textOf(bytes, start, stop) };
  }
  const content = typedArraySlice(bytes, start, stop < start ? start : stop);
  // When it was changed is not told.
  return { name, value: use('blob').fileFromBytes(content, type, filename, 0) };
}
