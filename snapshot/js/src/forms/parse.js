// multipart/form-data as entries (https://andreubotella.github.io/multipart-form-data/#parsing).

import { essenceOf, parameterOf } from '../mime.js';
import {
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  stringTrim,
  stringCharCodeAt,
  TypeError,
  typedArrayByteLength,
  typedArraySlice,
  typedArraySubarray,
} from '../primordials.js';

const { natives, use } = core;

function fail(why) {
  return new TypeError(`formData: the body is no multipart/form-data: ${why}`);
}

/** Where `wanted` is in `bytes` from `start` on, or -1. */
function find(bytes, size, wanted, start) {
  const length = wanted.length;
  for (let i = start; i + length <= size; i++) {
    let j = 0;
    while (j < length && bytes[i + j] === stringCharCodeAt(wanted, j)) j += 1;
    if (j === length) return i;
  }
  return -1;
}

function startsWith(bytes, wanted, at) {
  for (let j = 0; j < wanted.length; j++) {
    if (bytes[at + j] !== stringCharCodeAt(wanted, j)) return false;
  }
  return true;
}

function textOf(bytes, start, end) {
  return natives.utf8Decode(typedArraySubarray(bytes, start, end));
}

/** Undoes what encoders do to quotes and line breaks in a name. */
function unescaped(text) {
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const code = text[i] === '%' ? stringSlice(text, i + 1, i + 3) : '';
    if (code === '22') result += '"';
    else if (code === '0A' || code === '0a') result += '\n';
    else if (code === '0D' || code === '0d') result += '\r';
    else {
      result += text[i];
      continue;
    }
    i += 2;
  }
  return result;
}

/** Calls `add` with each entry, `{name, value}`; files are made into File objects. */
export function parseMultipart(bytes, boundary, add) {
  const size = typedArrayByteLength(bytes);
  const delimiter = `--${boundary}`;
  let position = find(bytes, size, delimiter, 0);
  if (position === -1) throw fail('its boundary is not in it');
  for (;;) {
    position += delimiter.length;
    if (startsWith(bytes, '--', position)) return;
    while (bytes[position] === 32 || bytes[position] === 9) position += 1;
    if (!startsWith(bytes, '\r\n', position)) throw fail('a boundary does not end its line');
    position += 2;
    const end = startsWith(bytes, '\r\n', position)
      ? position
      : find(bytes, size, '\r\n\r\n', position);
    if (end === -1) throw fail('a part has no end of its headers');
    const headers = parseHeaders(textOf(bytes, position, end));
    const start = end === position ? end + 2 : end + 4;
    const stop = find(bytes, size, `\r\n${delimiter}`, start);
    if (stop === -1) throw fail('its last part has no end');
    if (headers.name === undefined) throw fail('a part has no name');
    add(entryOf(headers, bytes, start, stop));
    position = stop + 2;
  }
}

function parseHeaders(text) {
  const headers = { name: undefined, filename: undefined, type: '' };
  let start = 0;
  while (start < text.length) {
    let end = stringIndexOf(text, '\r\n', start);
    if (end === -1) end = text.length;
    const line = stringSlice(text, start, end);
    const colon = stringIndexOf(line, ':');
    if (colon === -1) throw fail('a header has no colon');
    const key = stringToLowerCase(stringTrim(stringSlice(line, 0, colon)));
    const value = stringTrim(stringSlice(line, colon + 1));
    if (key === 'content-disposition' && essenceOf(value) === 'form-data') {
      const name = dispositionParameter(value, 'name');
      const filename = dispositionParameter(value, 'filename');
      if (name !== undefined) headers.name = unescaped(name);
      if (filename !== undefined) headers.filename = unescaped(filename);
    } else if (key === 'content-type') {
      headers.type = value;
    }
    start = end + 2;
  }
  return headers;
}

/** Unlike a content type's, an empty parameter counts. */
function dispositionParameter(value, name) {
  const found = parameterOf(value, name);
  if (found !== undefined) return found;
  return stringIndexOf(value, `${name}=""`) === -1 ? undefined : '';
}

function entryOf({ name, filename, type }, bytes, start, stop) {
  if (filename === undefined) return { name, value: textOf(bytes, start, stop) };
  const content = typedArraySlice(bytes, start, stop);
  return { name, value: use('blob').fileFromBytes(content, type || 'text/plain', filename) };
}
