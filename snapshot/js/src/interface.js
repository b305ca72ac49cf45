// What a class lacks to be a WebIDL interface (https://webidl.spec.whatwg.org/#js-interfaces).

import {
  defineProperty,
  getOwnPropertyDescriptor,
  ownKeys,
  symbolToStringTag,
} from './primordials.js';

function makeEnumerable(object) {
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key !== 'string' || key === 'constructor' || key === 'prototype') continue;
    if (key === 'name' || key === 'length') {
      // A class's own name and length; an interface's attributes of these names are accessors.
      if (getOwnPropertyDescriptor(object, key).get === undefined) continue;
    }
    defineProperty(object, key, { __proto__: null, enumerable: true });
  }
}

/**
 * Makes a class's public members enumerable, as those of an interface are, and gives it its tag.
 * Call it once per class, at its definition.
 */
export function brandInterface(constructor, name) {
  makeEnumerable(constructor);
  makeEnumerable(constructor.prototype);
  defineProperty(constructor.prototype, symbolToStringTag, {
    __proto__: null,
    value: name,
    configurable: true,
  });
  return constructor;
}
