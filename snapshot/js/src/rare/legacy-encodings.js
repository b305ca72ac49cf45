// All encodings but UTF-8, and the names of them all.

import { labelToName, TextDecoder } from '../../node_modules/@exodus/bytes/encoding.js';
import { RangeError, stringToLowerCase } from '../primordials.js';

const { quote } = core;

/** The name of the encoding with a label, in lower case; throws when there is none. */
export function nameOf(label) {
  const name = labelToName(label);
  if (name === null || name === 'replacement') {
    throw new RangeError(`TextDecoder: ${quote(label)} is no label of an encoding`);
  }
  return stringToLowerCase(name);
}

export function makeDecoder(name, fatal, ignoreBOM) {
  const decoder = new TextDecoder(name, { fatal, ignoreBOM });
  return { __proto__: null, decode: (bytes, stream) => decoder.decode(bytes, { stream }) };
}
