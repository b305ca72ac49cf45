// Crypto (https://w3c.github.io/webcrypto/#Crypto-interface); what is subtle has a chunk of its own. The numbers come from the
// operating system at the time of the call: nothing random is in the snapshot.

import { viewOf } from '../buffers.js';
import { brandInterface } from '../interface.js';
import {
  isView,
  numberToString,
  TypeError,
  typedArrayByteLength,
  typedArrayTag,
  Uint8Array,
} from '../primordials.js';
import { requireArguments } from '../webidl.js';

const { natives, use } = core;

const MOST = 65536;
const internally = { __proto__: null };

function isIntegerView(value) {
  if (!isView(value)) return false;
  const tag = typedArrayTag(value);
  return (
    tag !== undefined && tag !== 'Float32Array' && tag !== 'Float64Array' && tag !== 'Float16Array'
  );
}

export class Crypto {
  #brand = undefined;

  constructor(token = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
  }

  get subtle() {
    this.#brand;
    return use('crypto-subtle').subtle;
  }

  getRandomValues(array) {
    this.#brand;
    requireArguments(arguments.length, 1, 'crypto.getRandomValues');
    const { DOMException } = use('dom-exception');
    if (!isView(array)) {
      throw new TypeError('crypto.getRandomValues: the argument must be a typed array of integers');
    }
    if (!isIntegerView(array)) {
      throw new DOMException(
        'crypto.getRandomValues: the array must be one of integers',
        'TypeMismatchError',
      );
    }
    const bytes = viewOf(array);
    const size = typedArrayByteLength(bytes);
    if (size > MOST) {
      throw new DOMException(
        `crypto.getRandomValues: ${size} bytes are more than the ${MOST} of one call`,
        'QuotaExceededError',
      );
    }
    if (size > 0) natives.randomFill(bytes);
    return array;
  }

  randomUUID() {
    this.#brand;
    const bytes = new Uint8Array(16);
    natives.randomFill(bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = '';
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
      text += (bytes[i] < 16 ? '0' : '') + numberToString(bytes[i], 16);
    }
    return text;
  }
}

brandInterface(Crypto, 'Crypto');

export const crypto = new Crypto(internally);
