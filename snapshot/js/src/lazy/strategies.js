// Queuing strategies (https://streams.spec.whatwg.org/#qs).

import { brandInterface, nameInterface } from '../interface.js';
import { Number, TypeError } from '../primordials.js';
import { dictionary, requireArguments } from '../webidl.js';

function markIn(init, what) {
  const mark = dictionary(init, `${what}: the argument`)?.highWaterMark;
  if (mark === undefined) throw new TypeError(`${what}: highWaterMark is required`);
  return Number(mark);
}

// No constructors, and the same functions for all strategies.
const byteLength = chunk => chunk.byteLength;
const count = () => 1;
nameInterface(byteLength, 'size');
nameInterface(count, 'size');

export class ByteLengthQueuingStrategy {
  #highWaterMark;

  constructor(init) {
    requireArguments(arguments.length, 1, 'ByteLengthQueuingStrategy');
    this.#highWaterMark = markIn(init, 'ByteLengthQueuingStrategy');
  }

  get highWaterMark() {
    return this.#highWaterMark;
  }

  get size() {
    this.#highWaterMark;
    return byteLength;
  }
}

brandInterface(ByteLengthQueuingStrategy, 'ByteLengthQueuingStrategy');

export class CountQueuingStrategy {
  #highWaterMark;

  constructor(init) {
    requireArguments(arguments.length, 1, 'CountQueuingStrategy');
    this.#highWaterMark = markIn(init, 'CountQueuingStrategy');
  }

  get highWaterMark() {
    return this.#highWaterMark;
  }

  get size() {
    this.#highWaterMark;
    return count;
  }
}

brandInterface(CountQueuingStrategy, 'CountQueuingStrategy');
