// performance (https://w3c.github.io/hr-time/): a clock that starts with the context, coarse to 100 us.

import { elapsed } from '../clock.js';
import { brandInterface } from '../interface.js';
import { TypeError } from '../primordials.js';

const { birth, use } = core;
const { EventTarget } = use('events');

const internally = { __proto__: null };

export class Performance extends EventTarget {
  constructor(token) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    super();
  }

  get timeOrigin() {
    this.#brand;
    return birth();
  }

  now() {
    this.#brand;
    return elapsed();
  }

  toJSON() {
    this.#brand;
    return { timeOrigin: birth() };
  }

  #brand = undefined;
}

brandInterface(Performance, 'Performance');

export const performance = new Performance(internally);
