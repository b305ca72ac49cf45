// console.table: rows and columns in a frame.

import { append } from '../list.js';
import { isObject, isProxy, ownProperty } from '../looking.js';
import { mapForEach, ownKeys, setForEach, stringRepeat } from '../primordials.js';
import { Inspector } from './inspector.js';
import { kindOfObject } from './kinds.js';

const VALUES = 'Values';

const shown = value => new Inspector(0).write(value, 0, false);

/** The enumerable string keys of an object. */
function namesOf(object) {
  const names = [];
  if (isProxy(object)) return names;
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) {
    if (typeof keys[i] === 'string' && ownProperty(object, keys[i]).enumerable)
      append(names, keys[i]);
  }
  return names;
}

/** The entries of the thing: `{name, value}`. */
function entriesOf(data) {
  const entries = [];
  if (isProxy(data)) return entries;
  const kind = kindOfObject(data);
  let index = 0;
  const number = value => append(entries, { name: `${index++}`, value });
  if (kind === 'Map')
    mapForEach(data, (value, name) => append(entries, { name: shown(name), value }));
  else if (kind === 'Set') setForEach(data, number);
  else {
    const names = namesOf(data);
    for (let i = 0; i < names.length; i++) {
      append(entries, { name: names[i], value: ownProperty(data, names[i]).value });
    }
  }
  return entries;
}

/** The text of a table; `only` may be an array of the columns that are wanted. */
export function rows(data, only) {
  const entries = entriesOf(data);
  const columns = [];
  const known = { __proto__: null };
  let hasValues = false;
  const addColumn = name => {
    if (known[name]) return;
    known[name] = true;
    append(columns, name);
  };
  if (only !== undefined) for (const name of only) addColumn(`${name}`);
  for (let i = 0; i < entries.length; i++) {
    const { value } = entries[i];
    if (!isObject(value)) hasValues = true;
    else if (only === undefined) {
      const names = namesOf(value);
      for (let j = 0; j < names.length; j++) addColumn(names[j]);
    }
  }
  const lines = [];
  const head = ['(index)'];
  for (let i = 0; i < columns.length; i++) append(head, columns[i]);
  if (hasValues) append(head, VALUES);
  append(lines, head);
  for (let i = 0; i < entries.length; i++) {
    const { name, value } = entries[i];
    const line = [name];
    for (let j = 0; j < columns.length; j++) {
      const property = isObject(value) ? ownProperty(value, columns[j]) : undefined;
      append(line, property === undefined ? '' : shown(property.value));
    }
    if (hasValues) append(line, isObject(value) ? '' : shown(value));
    append(lines, line);
  }
  return framed(lines);
}

function framed(lines) {
  const widths = [];
  for (let j = 0; j < lines[0].length; j++) {
    let width = 0;
    for (let i = 0; i < lines.length; i++) {
      if (lines[i][j].length > width) width = lines[i][j].length;
    }
    append(widths, width + 2);
  }
  const rule = (left, middle, right) => {
    let text = left;
    for (let j = 0; j < widths.length; j++) {
      text += `${j === 0 ? '' : middle}${stringRepeat('─', widths[j])}`;
    }
    return text + right;
  };
  let text = rule('┌', '┬', '┐');
  for (let i = 0; i < lines.length; i++) {
    text += '\n│';
    for (let j = 0; j < widths.length; j++) {
      text += ` ${lines[i][j]}${stringRepeat(' ', widths[j] - lines[i][j].length - 1)}│`;
    }
    if (i === 0) text += `\n${rule('├', '┼', '┤')}`;
  }
  return `${text}\n${rule('└', '┴', '┘')}`;
}
