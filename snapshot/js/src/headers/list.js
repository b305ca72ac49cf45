// Header lists: linked, `{first, last, sorted}` with nodes `{name, value, next}`, names in lower case; `sorted` is what
// iteration goes over, until somebody changes the list.

import { makeList } from '../list.js';
import { arraySort } from '../primordials.js';

export const newList = () => ({ first: null, last: null, sorted: null });

export function add(list, name, value) {
  const node = { name, value, next: null };
  if (list.last === null) list.first = node;
  else list.last.next = node;
  list.last = node;
  list.sorted = null;
}

export function has(list, name) {
  for (let node = list.first; node !== null; node = node.next) {
    if (node.name === name) return true;
  }
  return false;
}

export function remove(list, name) {
  let before = null;
  for (let node = list.first; node !== null; node = node.next) {
    if (node.name !== name) {
      before = node;
      continue;
    }
    if (before === null) list.first = node.next;
    else before.next = node.next;
  }
  list.last = before;
  list.sorted = null;
}

export function combined(list, name) {
  let value = null;
  for (let node = list.first; node !== null; node = node.next) {
    if (node.name === name) value = value === null ? node.value : `${value}, ${node.value}`;
  }
  return value;
}

function byName(a, b) {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** https://fetch.spec.whatwg.org/#concept-header-list-sort-and-combine */
export function sortAndCombine(list) {
  const sorted = makeList();
  for (let node = list.first; node !== null; node = node.next) {
    let same = null;
    if (node.name !== 'set-cookie') {
      for (let i = 0; i < sorted.length && same === null; i++) {
        if (sorted[i].name === node.name) same = sorted[i];
      }
    }
    if (same === null) sorted[sorted.length] = { name: node.name, value: node.value };
    else same.value = `${same.value}, ${node.value}`;
  }
  return arraySort(sorted, byName);
}

/** Changes the first one and drops the others, as the standard has it. */
export function set(list, name, value) {
  for (let node = list.first; node !== null; node = node.next) {
    if (node.name !== name) continue;
    node.value = value;
    const { next } = node;
    const rest = { first: next, last: next === null ? null : list.last, sorted: null };
    remove(rest, name);
    node.next = rest.first;
    list.last = rest.last ?? node;
    list.sorted = null;
    return;
  }
  add(list, name, value);
}

export function copyInto(list, other) {
  for (let node = other.first; node !== null; node = node.next) add(list, node.name, node.value);
}
