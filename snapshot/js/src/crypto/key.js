// CryptoKey (https://w3c.github.io/webcrypto/#cryptokey-interface). The bytes of a key are in a private field, and leave it
// by export alone.

import { brandInterface } from '../interface.js';
import { append, makeList } from '../list.js';
import { defineProperty, setPrototypeOf, TypeError } from '../primordials.js';
import { domString, isObject, iteratorMethod } from '../webidl.js';
import { copyOf } from './bytes.js';

const internally = { __proto__: null };

/** In the order that `usages` has them. A set of usages is a number, one bit each. */
const usageNames = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
];
setPrototypeOf(usageNames, null);

export const ENCRYPT = 1;
export const DECRYPT = 2;
export const SIGN = 4;
export const VERIFY = 8;
export const DERIVE_KEY = 16;
export const DERIVE_BITS = 32;
export const WRAP_KEY = 64;
export const UNWRAP_KEY = 128;

let stateOf;

export class CryptoKey {
  #state;
  #algorithm;
  #usages;

  static {
    stateOf = value => (isObject(value) && #state in value ? value.#state : undefined);
  }

  constructor(token = undefined, state = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#state = state;
  }

  get type() {
    return this.#state.type;
  }

  get extractable() {
    return this.#state.extractable;
  }

  get algorithm() {
    return (this.#algorithm ??= shown(this.#state.algorithm));
  }

  get usages() {
    return (this.#usages ??= namesOf(this.#state.usages));
  }
}

brandInterface(CryptoKey, 'CryptoKey');

/**
 * A key: `type` public, private or secret; `algorithm` an object without prototype, never handed out; `material` bytes that
 * nobody else has: of a secret key itself, else SPKI or PKCS#8.
 */
export function makeKey(type, algorithm, extractable, usages, material) {
  const state = { __proto__: null, type, algorithm, extractable, usages, material };
  return new CryptoKey(internally, state);
}

/** What is in a CryptoKey, or undefined when `value` is none. */
export { stateOf };

export function requireKey(value, what) {
  const state = stateOf(value);
  if (state === undefined) throw new TypeError(`${what} must be a CryptoKey`);
  return state;
}

/** Another CryptoKey of the same content. */
export function cloneKey(state) {
  return new CryptoKey(internally, state);
}

/** A property that is there whatever setters tenant code put on Object.prototype. */
export function put(object, name, value) {
  defineProperty(object, name, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** `algorithm` as tenants see it. */
function shown({ name, modulusLength, publicExponent, hash, length, namedCurve }) {
  const object = {};
  put(object, 'name', name);
  if (modulusLength !== undefined) put(object, 'modulusLength', modulusLength);
  if (publicExponent !== undefined) put(object, 'publicExponent', copyOf(publicExponent));
  if (hash !== undefined) {
    const inner = {};
    put(inner, 'name', hash);
    put(object, 'hash', inner);
  }
  if (length !== undefined) put(object, 'length', length);
  if (namedCurve !== undefined) put(object, 'namedCurve', namedCurve);
  return object;
}

export function namesOf(usages) {
  const names = [];
  for (let i = 0; i < usageNames.length; i++) {
    if (usages & (1 << i)) append(names, usageNames[i]);
  }
  return names;
}

/** The bit of a usage by its name, 0 when there is none. */
export function usageOf(name) {
  for (let i = 0; i < usageNames.length; i++) if (usageNames[i] === name) return 1 << i;
  return 0;
}

/** A `sequence<KeyUsage>` argument. */
export function usagesOf(given, what) {
  if (!isObject(given) || iteratorMethod(given, what) === undefined) {
    throw new TypeError(`${what} must be an iterable of usages`);
  }
  let usages = 0;
  for (const item of given) {
    const name = domString(item);
    const bit = usageOf(name);
    if (bit === 0) throw new TypeError(`${what}: '${name}' is no usage of keys`);
    usages |= bit;
  }
  return usages;
}

/** A list of strings that a `sequence<DOMString>` becomes. */
export function stringsOf(given, what) {
  if (!isObject(given) || iteratorMethod(given, what) === undefined) {
    throw new TypeError(`${what} must be iterable`);
  }
  const strings = makeList();
  for (const item of given) strings[strings.length] = domString(item);
  return strings;
}
