// Content types, as far as bodies need them (https://mimesniff.spec.whatwg.org/#parsing-a-mime-type).

import { stringIndexOf, stringSlice, stringToLowerCase, stringTrim } from './primordials.js';

/** `type/subtype` in lower case, without parameters. */
export function essenceOf(type) {
  const end = stringIndexOf(type, ';');
  return stringToLowerCase(stringTrim(end === -1 ? type : stringSlice(type, 0, end)));
}

/** The value of parameter `name` (in lower case), or undefined. */
export function parameterOf(type, name) {
  let position = stringIndexOf(type, ';');
  while (position !== -1 && position < type.length) {
    position += 1;
    const equals = stringIndexOf(type, '=', position);
    if (equals === -1) return undefined;
    const next = stringIndexOf(type, ';', position);
    if (next !== -1 && next < equals) {
      position = next;
      continue;
    }
    const key = stringToLowerCase(stringTrim(stringSlice(type, position, equals)));
    const read = readValue(type, equals + 1);
    if (key === name && read.value !== '') return read.value;
    position = stringIndexOf(type, ';', read.end);
  }
  return undefined;
}

function readValue(type, start) {
  if (type[start] === '"') {
    let value = '';
    let i = start + 1;
    for (; i < type.length && type[i] !== '"'; i++) {
      if (type[i] === '\\' && i + 1 < type.length) i += 1;
      value += type[i];
    }
    return { value, end: i };
  }
  const end = stringIndexOf(type, ';', start);
  const stop = end === -1 ? type.length : end;
  return { value: stringTrim(stringSlice(type, start, stop)), end: stop };
}
