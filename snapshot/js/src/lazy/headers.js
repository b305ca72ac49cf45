// Headers (https://fetch.spec.whatwg.org/#headers-class).

import { brandInterface } from '../interface.js';
import {
  add,
  combined,
  copyInto,
  has,
  newList,
  remove,
  set,
  sortAndCombine,
} from '../headers/list.js';
import { isToken } from '../headers/token.js';
import { append, makeList } from '../list.js';
import { defineIterator, KEY, makePairIteration, PAIR, VALUE } from '../pair-iterator.js';
import {
  getOwnPropertyDescriptor,
  ownKeys,
  stringCharCodeAt,
  stringSlice,
  stringToLowerCase,
  TypeError,
} from '../primordials.js';
import { byteString, isObject, iteratorMethod, requireArguments } from '../webidl.js';

export { isToken } from '../headers/token.js';

const { quote } = core;

function nameOf(given) {
  const name = byteString(given, 'Headers: a name');
  if (!isToken(name)) throw new TypeError(`Headers: ${quote(name)} is not a header name`);
  return stringToLowerCase(name);
}

const isWhitespace = code => code === 32 || code === 9 || code === 10 || code === 13;

function valueOf(given, name) {
  const text = byteString(given, `Headers: the value of ${name}`);
  let start = 0;
  let end = text.length;
  while (start < end && isWhitespace(stringCharCodeAt(text, start))) start += 1;
  while (end > start && isWhitespace(stringCharCodeAt(text, end - 1))) end -= 1;
  for (let i = start; i < end; i++) {
    const code = stringCharCodeAt(text, i);
    if (code === 0 || code === 10 || code === 13) {
      throw new TypeError(`Headers: the value of ${name} can not contain character ${code}`);
    }
  }
  return end - start === text.length ? text : stringSlice(text, start, end);
}

function addGiven(list, givenName, givenValue) {
  const name = nameOf(givenName);
  add(list, name, valueOf(givenValue, name));
}

/** https://fetch.spec.whatwg.org/#concept-headers-fill */
function fill(list, init) {
  if (!isObject(init)) {
    throw new TypeError('Headers: expected an object, an iterable of pairs, or Headers');
  }
  const method = iteratorMethod(init, 'Headers: the argument');
  if (method === undefined) fillFromRecord(list, init);
  else if (method === Headers.prototype.entries && isHeaders(init))
    copyInto(list, listBehind(init));
  else fillFromSequence(list, init);
}

function fillFromRecord(list, record) {
  const keys = ownKeys(record);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    const property = getOwnPropertyDescriptor(record, key);
    if (property?.enumerable) addGiven(list, key, record[key]);
  }
}

function fillFromSequence(list, sequence) {
  for (const pair of sequence) {
    if (!isObject(pair) || iteratorMethod(pair, 'Headers: a pair') === undefined) {
      throw new TypeError('Headers: each item must be a pair of name and value');
    }
    const items = makeList();
    for (const item of pair) items[items.length] = item;
    if (items.length !== 2) {
      throw new TypeError(`Headers: a pair must have two items, not ${items.length}`);
    }
    addGiven(list, items[0], items[1]);
  }
}

/** Throws for a list that may not be changed. */
function mutable(headers) {
  const list = listBehind(headers);
  if (isImmutable(headers)) throw new TypeError('Headers: these headers are immutable');
  return list;
}

/** Whether a value is a Headers. */
export let isHeaders;
let listBehind;
let isImmutable;
const internally = { __proto__: null };

export class Headers {
  #list;
  #immutable = false;

  static {
    isHeaders = value => isObject(value) && #list in value;
    listBehind = headers => headers.#list;
    isImmutable = headers => headers.#immutable;
  }

  constructor(init = undefined) {
    if (init === internally) {
      this.#list = arguments[1];
      this.#immutable = arguments[2];
      return;
    }
    this.#list = newList();
    if (init !== undefined) fill(this.#list, init);
  }

  append(name, value) {
    requireArguments(arguments.length, 2, 'Headers.append');
    const list = this.#list;
    const lower = nameOf(name);
    const text = valueOf(value, lower);
    mutable(this);
    add(list, lower, text);
  }

  delete(name) {
    requireArguments(arguments.length, 1, 'Headers.delete');
    const list = this.#list;
    const lower = nameOf(name);
    mutable(this);
    remove(list, lower);
  }

  get(name) {
    requireArguments(arguments.length, 1, 'Headers.get');
    return combined(this.#list, nameOf(name));
  }

  getSetCookie() {
    const cookies = [];
    for (let node = this.#list.first; node !== null; node = node.next) {
      if (node.name === 'set-cookie') append(cookies, node.value);
    }
    return cookies;
  }

  has(name) {
    requireArguments(arguments.length, 1, 'Headers.has');
    return has(this.#list, nameOf(name));
  }

  set(name, value) {
    requireArguments(arguments.length, 2, 'Headers.set');
    const list = this.#list;
    const lower = nameOf(name);
    const text = valueOf(value, lower);
    mutable(this);
    set(list, lower, text);
  }

  entries() {
    return iterate(this, PAIR);
  }

  forEach(callback, thisArg = undefined) {
    forEach(this, callback, thisArg);
  }

  keys() {
    return iterate(this, KEY);
  }

  values() {
    return iterate(this, VALUE);
  }
}

brandInterface(Headers, 'Headers');
defineIterator(Headers);
const { forEach, iterate } = makePairIteration('Headers', (headers, index) => {
  const list = listBehind(headers);
  list.sorted ??= sortAndCombine(list);
  return list.sorted[index];
});

/** The list of what a constructor was given as headers. */
export function listFrom(init) {
  const list = newList();
  fill(list, init);
  return list;
}

export function listOf(name, value) {
  const list = newList();
  add(list, name, value);
  return list;
}

export function addTo(list, name, value) {
  add(list, name, value);
}

export function setDefaultType(list, type) {
  if (!has(list, 'content-type')) add(list, 'content-type', type);
}

/** The list behind a Request's or Response's state. */
export function listOfState(state) {
  if (state.list !== null) return state.list;
  const list = newList();
  if (state.pairs !== null) {
    for (let i = 0; i < state.pairs.length; i++) {
      add(list, stringToLowerCase(state.pairs[i][0]), state.pairs[i][1]);
    }
  } else if (state.body !== null && state.body.type !== null) {
    add(list, 'content-type', state.body.type);
  }
  state.list = list;
  return list;
}

export function headersFor(state) {
  return new Headers(internally, listOfState(state), state.guard === 'immutable');
}

/** A list's value for a name, or null. */
export function valueIn(list, name) {
  return combined(list, name);
}

export function copyOf(list) {
  const copy = newList();
  copyInto(copy, list);
  return copy;
}

export function listJson(list) {
  let json = '';
  for (let node = list.first; node !== null; node = node.next) {
    if (json !== '') json += ',';
    json += `[${quote(node.name)},${quote(node.value)}]`;
  }
  return `[${json}]`;
}

export function pairsJson(pairs) {
  let json = '';
  for (let i = 0; i < pairs.length; i++) {
    if (json !== '') json += ',';
    json += `[${quote(pairs[i][0])},${quote(pairs[i][1])}]`;
  }
  return `[${json}]`;
}
