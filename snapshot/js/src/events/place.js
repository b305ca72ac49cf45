// Where in a program an error is from, by its stack: what ErrorEvent tells beside the error.

import { isError, stackOf } from '../looking.js';
import { Error, stringCharCodeAt, stringIndexOf, stringSlice } from '../primordials.js';

const COLON = 58;
const isDigit = code => code >= 48 && code <= 57;

/** The number before `end`, and the place before the colon that is before it; undefined when there is none. */
function numberBefore(line, end) {
  let start = end;
  while (isDigit(stringCharCodeAt(line, start - 1))) start -= 1;
  if (start === end || stringCharCodeAt(line, start - 1) !== COLON) return undefined;
  return { value: +stringSlice(line, start, end), end: start - 1 };
}

/** What a frame says, as `    at name (file:1:2)` or `    at file:1:2`. */
function placeOf(line) {
  const end = line[line.length - 1] === ')' ? line.length - 1 : line.length;
  const column = numberBefore(line, end);
  const row = column === undefined ? undefined : numberBefore(line, column.end);
  const at = stringIndexOf(line, '    at ');
  if (row === undefined || at !== 0) return undefined;
  const bracket = end === line.length ? -1 : stringIndexOf(line, ' (');
  const start = bracket === -1 ? 7 : bracket + 2;
  return { filename: stringSlice(line, start, row.end), lineno: row.value, colno: column.value };
}

function firstIn(stack) {
  for (let start = 0; start < stack.length; ) {
    let end = stringIndexOf(stack, '\n', start);
    if (end === -1) end = stack.length;
    const place = placeOf(stringSlice(stack, start, end));
    if (place !== undefined) return place;
    start = end + 1;
  }
  return undefined;
}

/** `{filename, lineno, colno}` of an error; of anything else, and with `here`, those of the program that is running. */
export function placeFor(error, here) {
  const found = isError(error) ? firstIn(stackOf(error)) : undefined;
  return found ?? (here ? firstIn(stackOf(new Error())) : undefined);
}
