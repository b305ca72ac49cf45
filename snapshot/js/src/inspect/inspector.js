// The walk through a value. Nothing here runs tenant code.

import { append } from '../list.js';
import {
  dataOf,
  isError,
  isObject,
  isProxy,
  messageOfError,
  nameOfError,
  ownProperty,
  stackOf,
} from '../looking.js';
import {
  arrayBufferByteLength,
  bigIntValueOf,
  booleanValueOf,
  dateGetTime,
  dateToISOString,
  isNaN,
  mapForEach,
  mapSize,
  numberToString,
  numberValueOf,
  ownKeys,
  regExpFlags,
  regExpSource,
  setForEach,
  setSize,
  stringIncludes,
  stringStartsWith,
  stringValueOf,
  symbolToStringTag,
  symbolValueOf,
  typedArrayLength,
  typedArrayTag,
  Uint8Array,
} from '../primordials.js';
import { className, functionLabel, isWeak, kindOfObject } from './kinds.js';
import { enclose } from './layout.js';
import { key, primitive } from './primitives.js';

/** Entries of one collection that are written out. */
const MOST = 100;

/** One call of inspect: which objects are being written, and how deep to go. */
export class Inspector {
  #depth;
  /** The objects around the one being written, innermost last, as a linked list. */
  #around = null;
  /** The object that one of its descendants points back to gets a number. */
  #circular = null;
  /** Levels below the object that was written last. */
  #height = 0;

  constructor(depth) {
    this.#depth = depth;
  }

  write(value, level, isTopLevel = false) {
    if (!isObject(value)) {
      this.#height = -1;
      return primitive(value, isTopLevel);
    }
    if (isProxy(value)) {
      this.#height = -1;
      return typeof value === 'function' ? '[Function (proxy)]' : '[Proxy]';
    }
    for (let it = this.#around; it !== null; it = it.next) {
      if (it.value === value) return this.#reference(value);
    }
    this.#around = { value, next: this.#around };
    const text = this.#object(value, level);
    this.#around = this.#around.next;
    const number = this.#numberOf(value);
    return number === 0 ? text : `<ref *${number}> ${text}`;
  }

  #reference(value) {
    this.#height = -1;
    if (this.#numberOf(value) === 0) {
      const number = this.#circular === null ? 1 : this.#circular.number + 1;
      this.#circular = { value, number, next: this.#circular };
    }
    return `[Circular *${this.#numberOf(value)}]`;
  }

  #numberOf(value) {
    for (let it = this.#circular; it !== null; it = it.next) {
      if (it.value === value) return it.number;
    }
    return 0;
  }

  #object(value, level) {
    if (isError(value)) return this.#error(value, level);
    const kind = kindOfObject(value);
    if (kind === 'Array' || kind === 'View') return this.#arrayLike(value, kind, level);
    const label = this.#labelOf(value, kind);
    const tooDeep = level > this.#depth;
    if (kind === 'Date' || kind === 'RegExp' || isBoxed(kind)) {
      return this.#withProperties(leaf(value, kind), '', value, level, keysOf(value, kind));
    }
    if (typeof value === 'function') {
      return this.#withProperties(functionLabel(value), '', value, level, keysOf(value, kind));
    }
    if (tooDeep) {
      this.#height = -1;
      return `[${label === '' ? 'Object' : label}]`;
    }
    const entries = [];
    let height = 0;
    const add = (prefix, item) => {
      append(entries, prefix + this.write(item, level + 1));
      if (this.#height + 1 > height) height = this.#height + 1;
    };
    if (kind === 'Map') this.#map(value, entries, level, add);
    else if (kind === 'Set') setForEach(value, item => entries.length < MOST && add('', item));
    else if (kind === 'ArrayBuffer') addBytes(value, entries);
    else if (isWeak(value)) append(entries, '<items unknown>');
    if (kind === 'Set' && setSize(value) > MOST) append(entries, more(setSize(value) - MOST));
    this.#properties(value, keysOf(value, kind), entries, add);
    this.#height = height;
    return enclose(label, '{', '}', entries, level, height);
  }

  #map(value, entries, level, add) {
    mapForEach(value, (item, name) => {
      if (entries.length < MOST) add(`${this.write(name, level + 1)} => `, item);
    });
    if (mapSize(value) > MOST) append(entries, more(mapSize(value) - MOST));
  }

  #labelOf(value, kind) {
    const name = className(value);
    const tag = dataOf(value, symbolToStringTag);
    const size =
      kind === 'Map' ? `(${mapSize(value)})` : kind === 'Set' ? `(${setSize(value)})` : '';
    const tagged = typeof tag === 'string' && tag !== '' && tag !== name ? ` [${tag}]` : '';
    if (name === null) return `[${kind ?? 'Object'}${size}: null prototype]${tagged}`;
    if (name === 'Object' && tagged === '' && size === '') return '';
    return `${name}${size}${tagged}`;
  }

  #arrayLike(value, kind, level) {
    const length = kind === 'Array' ? value.length : viewLength(value);
    const name = className(value);
    const label = name === 'Array' ? '' : `${name ?? '[Array: null prototype]'}(${length})`;
    if (level > this.#depth) {
      this.#height = -1;
      return `[${label === '' ? 'Array' : label}]`;
    }
    const entries = [];
    let height = 0;
    const add = (prefix, item) => {
      append(entries, prefix + this.write(item, level + 1));
      if (this.#height + 1 > height) height = this.#height + 1;
    };
    this.#items(value, length, entries, add);
    this.#properties(value, namedKeys(value), entries, add);
    this.#height = height;
    return enclose(label, '[', ']', entries, level, height);
  }

  #items(value, length, entries, add) {
    let holes = 0;
    let index = 0;
    const flush = () => {
      if (holes > 0) append(entries, `<${holes} empty item${holes > 1 ? 's' : ''}>`);
      holes = 0;
    };
    for (; index < length && entries.length < MOST; index++) {
      const property = ownProperty(value, `${index}`);
      if (property === undefined) {
        holes += 1;
        // A hole may be as long as an array can be.
        if (holes > 1e6) break;
        continue;
      }
      flush();
      add('', accessorLabel(property) ?? property.value);
    }
    if (index < length && holes > 0) holes += length - index;
    else if (index < length) append(entries, more(length - index));
    flush();
  }

  #properties(value, keys, entries, add) {
    for (let i = 0; i < keys.length; i++) {
      const name = keys[i];
      const property = ownProperty(value, name);
      if (property === undefined) continue;
      const label = property.enumerable ? key(name) : `[${key(name)}]`;
      const accessor = accessorLabel(property);
      if (accessor === undefined) add(`${label}: `, property.value);
      else append(entries, `${label}: ${accessor}`);
    }
  }

  /** Something that is a word by itself, with braces only when it has properties. */
  #withProperties(text, prefix, value, level, keys) {
    this.#height = -1;
    if (keys.length === 0 || level > this.#depth) return text;
    const entries = [];
    let height = 0;
    this.#properties(value, keys, entries, (label, item) => {
      append(entries, label + this.write(item, level + 1));
      if (this.#height + 1 > height) height = this.#height + 1;
    });
    this.#height = height;
    return entries.length === 0 ? text : enclose(prefix + text, '{', '}', entries, level, height);
  }

  #error(value, level) {
    const text = errorText(value);
    const keys = [];
    const all = ownKeys(value);
    for (let i = 0; i < all.length; i++) {
      const name = all[i];
      if (name === 'stack' || name === 'message' || name === 'name') continue;
      const shown = name === 'cause' || name === 'errors' || ownProperty(value, name)?.enumerable;
      if (shown) append(keys, name);
    }
    return this.#withProperties(indented(text, level), '', value, level, keys);
  }
}

/** What an error says of itself: its stack, with name and message as they are now. */
export function errorText(error) {
  const stack = stackOf(error);
  const title = nameOfError(error) || 'Error';
  const message = messageOfError(error);
  const headline = message === '' ? title : `${title}: ${message}`;
  if (stack === '') return `[${headline}]`;
  return stringIncludes(stack, '\n') || stringStartsWith(stack, title)
    ? stack
    : `${headline}\n${stack}`;
}

function indented(text, level) {
  if (level === 0) return text;
  let result = '';
  for (let i = 0; i < text.length; i++) {
    result += text[i];
    if (text[i] === '\n') for (let j = 0; j < level; j++) result += '  ';
  }
  return result;
}

function accessorLabel({ get, set }) {
  if (get !== undefined) return set === undefined ? '[Getter]' : '[Getter/Setter]';
  return set === undefined ? undefined : '[Setter]';
}

const isBoxed = kind =>
  kind === 'String' ||
  kind === 'Number' ||
  kind === 'Boolean' ||
  kind === 'BigInt' ||
  kind === 'Symbol';

function leaf(value, kind) {
  switch (kind) {
    case 'Date': {
      const time = dateGetTime(value);
      return isNaN(time) ? 'Invalid Date' : dateToISOString(value);
    }
    case 'RegExp':
      return `/${regExpSource(value)}/${regExpFlags(value)}`;
    case 'String':
      return `[String: ${primitive(stringValueOf(value), false)}]`;
    case 'Number':
      return `[Number: ${primitive(numberValueOf(value), false)}]`;
    case 'Boolean':
      return `[Boolean: ${booleanValueOf(value)}]`;
    case 'BigInt':
      return `[BigInt: ${primitive(bigIntValueOf(value), false)}]`;
    default:
      return `[Symbol: ${primitive(symbolValueOf(value), false)}]`;
  }
}

const isIndex = name => typeof name === 'string' && `${name >>> 0}` === name;

/** Enumerable own keys, symbols too. */
function keysOf(value, kind) {
  const keys = [];
  const all = ownKeys(value);
  for (let i = 0; i < all.length; i++) {
    if (kind === 'String' && isIndex(all[i])) continue;
    if (ownProperty(value, all[i])?.enumerable) append(keys, all[i]);
  }
  return keys;
}

/** Those of them that are no index. */
function namedKeys(value) {
  const keys = [];
  const all = ownKeys(value);
  for (let i = 0; i < all.length; i++) {
    if (!isIndex(all[i]) && ownProperty(value, all[i])?.enumerable) append(keys, all[i]);
  }
  return keys;
}

function viewLength(view) {
  return typedArrayTag(view) === undefined ? 0 : typedArrayLength(view);
}

function addBytes(buffer, entries) {
  const bytes = new Uint8Array(buffer);
  const size = arrayBufferByteLength(buffer);
  let text = '';
  for (let i = 0; i < size && i < 50; i++) {
    const digits = numberToString(bytes[i], 16);
    text += `${i === 0 ? '' : ' '}${digits.length < 2 ? '0' : ''}${digits}`;
  }
  if (size > 50) text += ` ... ${size - 50} more bytes`;
  append(entries, `[Uint8Contents]: <${text}>`);
  append(entries, `byteLength: ${size}`);
}

function more(count) {
  return `... ${count} more item${count > 1 ? 's' : ''}`;
}
