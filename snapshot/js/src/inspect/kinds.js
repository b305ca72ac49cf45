// What sort of object a value is, found out by brand where there is one.

import { dataOf, inheritsFrom, isProxy, ownProperty } from '../looking.js';
import {
  ArrayBuffer,
  arrayBufferByteLength,
  BigInt,
  bigIntValueOf,
  Boolean,
  booleanValueOf,
  Date,
  dateGetTime,
  FinalizationRegistry,
  functionToString,
  getPrototypeOf,
  isArray,
  isView,
  Map,
  mapSize,
  Number,
  numberValueOf,
  Promise,
  RegExp,
  regExpSource,
  Set,
  setSize,
  String,
  stringStartsWith,
  stringValueOf,
  Symbol,
  symbolToStringTag,
  symbolValueOf,
  typedArrayTag,
  WeakMap,
  WeakRef,
  WeakSet,
} from '../primordials.js';

/** Built-ins whose prototype tells what to ask: the name of the kind, and what throws for all others. */
const brands = [
  [Map.prototype, 'Map', mapSize],
  [Set.prototype, 'Set', setSize],
  [Date.prototype, 'Date', dateGetTime],
  [RegExp.prototype, 'RegExp', regExpSource],
  [ArrayBuffer.prototype, 'ArrayBuffer', arrayBufferByteLength],
  [String.prototype, 'String', stringValueOf],
  [Number.prototype, 'Number', numberValueOf],
  [Boolean.prototype, 'Boolean', booleanValueOf],
  [BigInt.prototype, 'BigInt', bigIntValueOf],
  [Symbol.prototype, 'Symbol', symbolValueOf],
];
/** The kind of an object that is no proxy: a name of `brands`, or Array, View, or undefined. */
export function kindOfObject(value) {
  if (isArray(value)) return 'Array';
  if (isView(value)) return 'View';
  for (let it = getPrototypeOf(value); it !== null; it = getPrototypeOf(it)) {
    if (isProxy(it)) return undefined;
    for (let i = 0; i < brands.length; i++) {
      if (brands[i][0] !== it) continue;
      try {
        brands[i][2](value);
        return brands[i][1];
      } catch {
        return undefined;
      }
    }
  }
  return undefined;
}

/** Whether nothing can be told of what is in a collection. */
export function isWeak(value) {
  const prototype = getPrototypeOf(value);
  return prototype === WeakMap.prototype || prototype === WeakSet.prototype;
}

// What all iterators of the language inherit from, generators first of all.
const iterators = getPrototypeOf(getPrototypeOf(function* () {}.prototype));
const asyncIterators = getPrototypeOf(getPrototypeOf(async function* () {}.prototype));

/** Whether a value's tag is that of a class in a namespace that is made in C++. */
function isOfNamespace(value) {
  const tag = dataOf(value, symbolToStringTag);
  return (
    typeof tag === 'string' &&
    (stringStartsWith(tag, 'Intl.') || stringStartsWith(tag, 'WebAssembly.'))
  );
}

/** Whether a value is of a built-in class of which no copy can be made. */
export function isOpaque(value) {
  const prototype = getPrototypeOf(value);
  return (
    isOfNamespace(value) ||
    isWeak(value) ||
    prototype === Promise.prototype ||
    prototype === WeakRef.prototype ||
    prototype === FinalizationRegistry.prototype ||
    inheritsFrom(value, iterators) ||
    inheritsFrom(value, asyncIterators)
  );
}

/** The name of a value's class, or null when nothing in its chain of prototypes has one. */
export function className(value) {
  if (isView(value)) {
    const tag = typedArrayTag(value);
    if (getPrototypeOf(value) === null) return tag ?? 'DataView';
  }
  for (let it = value; it !== null; it = getPrototypeOf(it)) {
    if (isProxy(it)) return null;
    const constructor = ownProperty(it, 'constructor')?.value;
    if (typeof constructor !== 'function') continue;
    const name = ownProperty(constructor, 'name')?.value;
    if (typeof name === 'string' && name !== '') return name;
  }
  return null;
}

/** `[class X extends Y]`, `[Function: name]` and their like. */
export function functionLabel(value) {
  const given = ownProperty(value, 'name')?.value;
  const name = typeof given === 'string' ? given : '';
  if (stringStartsWith(functionToString(value), 'class')) {
    const parent = getPrototypeOf(value);
    const parentName = parent === null ? 'null' : dataOf(parent, 'name');
    const label = name === '' ? '(anonymous)' : name;
    return parentName === '' || typeof parentName !== 'string'
      ? `[class ${label}]`
      : `[class ${label} extends ${parentName}]`;
  }
  const tag = dataOf(value, symbolToStringTag);
  const sort = typeof tag === 'string' && tag !== '' ? tag : 'Function';
  return name === '' ? `[${sort} (anonymous)]` : `[${sort}: ${name}]`;
}
