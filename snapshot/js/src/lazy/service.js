// Other workers in `env`, and what else has nothing but `fetch`: ops `service` and `assets` (docs/boundary.md).

import { freeze, TypeError } from '../primordials.js';

const { use } = core;

const internally = { __proto__: null };

class Fetcher {
  #op;
  #name;

  constructor(token, op, name) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#op = op;
    this.#name = name;
  }

  async fetch(input, init = undefined) {
    const count = arguments.length;
    return await use('fetch').fetchThrough(this.#op, this.#name, input, init, count);
  }
}

use('bindings').brandBinding(Fetcher, 'Fetcher');

/** A binding whose `fetch` is op `op`. */
export function makeFetcher(op, name) {
  return freeze(new Fetcher(internally, op, name));
}

export function make(name) {
  return makeFetcher('service', name);
}
