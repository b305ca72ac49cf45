// URLSearchParams (https://url.spec.whatwg.org/#interface-urlsearchparams).

import { brandInterface } from '../interface.js';
import { append, makeList } from '../list.js';
import { defineIterator, KEY, makePairIteration, PAIR, VALUE } from '../pair-iterator.js';
import {
  arraySort,
  getOwnPropertyDescriptor,
  ownKeys,
  stringCharCodeAt,
  stringSlice,
  TypeError,
} from '../primordials.js';
import { isObject, iteratorMethod, requireArguments, usvString } from '../webidl.js';
import { encodeFormPart, parseForm } from './form.js';

let pairsOf;
/** Whether a value is a URLSearchParams. */
export let isURLSearchParams;
/** Replaces all pairs by those of a query. */
export let fillFromText;
/** The parameters of a URL; `update(query)` is called whenever they change. */
export let makeParams;

export class URLSearchParams {
  #pairs = makeList();
  /** Tells the URL that these are the parameters of. */
  #update = null;

  static {
    pairsOf = params => params.#pairs;
    isURLSearchParams = value => isObject(value) && #pairs in value;
    fillFromText = (params, text) => {
      const pairs = params.#pairs;
      pairs.length = 0;
      parseForm(text, (name, value) => {
        pairs[pairs.length] = { name, value };
      });
    };
    makeParams = (query, update) => {
      const params = new URLSearchParams();
      fillFromText(params, query);
      params.#update = update;
      return params;
    };
  }

  constructor(init = '') {
    if (isObject(init)) fillFromObject(this.#pairs, init);
    else {
      const text = usvString(init);
      fillFromText(this, stringCharCodeAt(text, 0) === 63 ? stringSlice(text, 1) : text);
    }
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    const pairs = this.#pairs;
    requireArguments(arguments.length, 2, 'URLSearchParams.append');
    const pair = { name: usvString(name), value: usvString(value) };
    pairs[pairs.length] = pair;
    this.#changed();
  }

  delete(name, value = undefined) {
    const pairs = this.#pairs;
    requireArguments(arguments.length, 1, 'URLSearchParams.delete');
    const key = usvString(name);
    const only = value === undefined ? undefined : usvString(value);
    let kept = 0;
    for (let i = 0; i < pairs.length; i++) {
      const isGone = pairs[i].name === key && (only === undefined || pairs[i].value === only);
      if (!isGone) pairs[kept++] = pairs[i];
    }
    pairs.length = kept;
    this.#changed();
  }

  get(name) {
    const pairs = this.#pairs;
    requireArguments(arguments.length, 1, 'URLSearchParams.get');
    const key = usvString(name);
    for (let i = 0; i < pairs.length; i++) if (pairs[i].name === key) return pairs[i].value;
    return null;
  }

  getAll(name) {
    const pairs = this.#pairs;
    requireArguments(arguments.length, 1, 'URLSearchParams.getAll');
    const key = usvString(name);
    const values = [];
    for (let i = 0; i < pairs.length; i++)
      if (pairs[i].name === key) append(values, pairs[i].value);
    return values;
  }

  has(name, value = undefined) {
    const pairs = this.#pairs;
    requireArguments(arguments.length, 1, 'URLSearchParams.has');
    const key = usvString(name);
    const only = value === undefined ? undefined : usvString(value);
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i].name === key && (only === undefined || pairs[i].value === only)) return true;
    }
    return false;
  }

  set(name, value) {
    const pairs = this.#pairs;
    requireArguments(arguments.length, 2, 'URLSearchParams.set');
    const pair = { name: usvString(name), value: usvString(value) };
    let kept = 0;
    let done = false;
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i].name !== pair.name) pairs[kept++] = pairs[i];
      else if (!done) {
        pairs[kept++] = pair;
        done = true;
      }
    }
    pairs.length = kept;
    if (!done) pairs[kept] = pair;
    this.#changed();
  }

  sort() {
    // Stable, by code units.
    arraySort(this.#pairs, (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    this.#changed();
  }

  toString() {
    return serializeParams(this);
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

  #changed() {
    if (this.#update !== null) this.#update(serializeParams(this));
  }
}

brandInterface(URLSearchParams, 'URLSearchParams');
defineIterator(URLSearchParams);
const { forEach, iterate } = makePairIteration(
  'URLSearchParams',
  (params, index) => pairsOf(params)[index],
);

function fillFromObject(pairs, init) {
  if (iteratorMethod(init, 'URLSearchParams: the argument') === undefined) {
    const keys = ownKeys(init);
    for (let i = 0; i < keys.length; i++) {
      if (!getOwnPropertyDescriptor(init, keys[i])?.enumerable) continue;
      const pair = { name: usvString(keys[i]), value: usvString(init[keys[i]]) };
      replaceOrAdd(pairs, pair);
    }
    return;
  }
  for (const pair of init) {
    if (!isObject(pair) || iteratorMethod(pair, 'URLSearchParams: a pair') === undefined) {
      throw new TypeError('URLSearchParams: each item must be a pair of name and value');
    }
    const items = makeList();
    for (const item of pair) items[items.length] = item;
    if (items.length !== 2) {
      throw new TypeError(`URLSearchParams: a pair must have two items, not ${items.length}`);
    }
    pairs[pairs.length] = { name: usvString(items[0]), value: usvString(items[1]) };
  }
}

/** Keys of a record that become the same string are one. */
function replaceOrAdd(pairs, pair) {
  for (let i = 0; i < pairs.length; i++) {
    if (pairs[i].name !== pair.name) continue;
    pairs[i] = pair;
    return;
  }
  pairs[pairs.length] = pair;
}

export function serializeParams(params) {
  const pairs = pairsOf(params);
  let text = '';
  for (let i = 0; i < pairs.length; i++) {
    if (i > 0) text += '&';
    text += `${encodeFormPart(pairs[i].name)}=${encodeFormPart(pairs[i].value)}`;
  }
  return text;
}
