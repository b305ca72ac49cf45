// What a class lacks to be a WebIDL interface (https://webidl.spec.whatwg.org/#js-interfaces).

import {
  defineProperty,
  getOwnPropertyDescriptor,
  hasOwn,
  ownKeys,
  symbolToStringTag,
} from './primordials.js';

// One object for all calls: a descriptor costs more to make than a property to define.
const visible = { __proto__: null, enumerable: true };
const tag = { __proto__: null, value: '', configurable: true };

function makeEnumerable(object) {
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key !== 'string' || key === 'constructor' || key === 'prototype') continue;
    if (key === 'name' || key === 'length') {
      // A class's own name and length; an interface's attributes of these names are accessors.
      if (hasOwn(getOwnPropertyDescriptor(object, key), 'value')) continue;
    }
    defineProperty(object, key, visible);
  }
}

/** Gives a class the name that it has for tenants: the bundler gives it a short one. */
export function nameInterface(constructor, name) {
  tag.value = name;
  defineProperty(constructor, 'name', tag);
}

/**
 * Makes a class's public members enumerable, as those of an interface are, and gives it its tag.
 * Call it once per class, at its definition.
 */
export function brandInterface(constructor, name) {
  makeEnumerable(constructor);
  makeEnumerable(constructor.prototype);
  tag.value = name;
  defineProperty(constructor.prototype, symbolToStringTag, tag);
  defineProperty(constructor, 'name', tag);
  return constructor;
}
