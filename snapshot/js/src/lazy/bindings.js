// Bindings: what the runner gave this worker in `env` beside text. The object of one knows its name; where that leads to,
// and whether this worker has such a name at all, the runner looks up with each op.

import { brandInterface } from '../interface.js';
import { defineProperty, freeze, ownKeys, Promise } from '../primordials.js';

const { quote, use } = core;

/** Adds the bindings, `{NAME: kind}`, to the object that is going to be `env`. A chunk is named after each kind. */
export function bind(environment, kinds) {
  const names = ownKeys(kinds);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    defineProperty(environment, name, {
      __proto__: null,
      value: use(kinds[name]).make(name),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}

/** Gives a class of bindings its name for tenants; nobody can change what its objects do. */
export function brandBinding(constructor, name) {
  brandInterface(constructor, name);
  freeze(constructor.prototype);
  freeze(constructor);
}

/**
 * Sends op `op` to a binding; a promise for `read(value, buffer, id)` of its answer. `members` is the JSON text
 * of the arguments beside the binding's name, without braces.
 */
export function ask(op, binding, members, read) {
  return new Promise((resolve, reject) => {
    use('ops').start(op, () => `{"binding":${quote(binding)},${members}}`, {
      __proto__: null,
      resolve(value, buffer, id) {
        try {
          resolve(read === undefined ? value : read(value, buffer, id));
        } catch (error) {
          reject(error);
        }
      },
      reject,
    });
  });
}
