// console (https://console.spec.whatwg.org/), with the formatting of Node.js. Each call is one record.

import { stackOf } from '../looking.js';
import {
  defineProperty,
  Error,
  Map,
  mapDelete,
  mapGet,
  mapHas,
  mapSet,
  stringIndexOf,
  stringRepeat,
  stringSlice,
  stringSplit,
  symbolToStringTag,
} from '../primordials.js';
import { domString, isObject } from '../webidl.js';

const { log, natives, use } = core;
const { formatted, inspect, joined, rows } = use('inspect');

let groups = 0;
const counts = new Map();
const timers = new Map();

function write(level, text) {
  if (groups === 0) {
    log(level, text);
    return;
  }
  const indent = stringRepeat('  ', groups);
  const lines = stringSplit(text, '\n');
  let indented = '';
  for (let i = 0; i < lines.length; i++) indented += `${i === 0 ? '' : '\n'}${indent}${lines[i]}`;
  log(level, indented);
}

function labelOf(label) {
  return label === undefined ? 'default' : domString(label);
}

function elapsed(label) {
  const milliseconds = natives.now() - mapGet(timers, label);
  // As coarse as performance.now().
  const coarse = ((milliseconds * 10) | 0) / 10;
  return coarse >= 1000 ? `${coarse / 1000}s` : `${coarse}ms`;
}

/** The stack from the caller of a method of console on. */
function callers() {
  const stack = stackOf(new Error());
  const end = stringIndexOf(stack, '\n');
  return end === -1 ? '' : stringSlice(stack, end + 1);
}

/** A namespace object: between it and Object.prototype is an empty object. */
export const console = {
  __proto__: {},
  log(...args) {
    write('INFO', formatted(args));
  },
  info(...args) {
    write('INFO', formatted(args));
  },
  debug(...args) {
    write('DEBUG', formatted(args));
  },
  warn(...args) {
    write('WARN', formatted(args));
  },
  error(...args) {
    write('ERROR', formatted(args));
  },
  trace(...args) {
    const stack = callers();
    const text = formatted(args);
    write('TRACE', `Trace${text === '' ? '' : `: ${text}`}${stack === '' ? '' : `\n${stack}`}`);
  },
  assert(condition = undefined, ...args) {
    if (condition) return;
    const text = formatted(args);
    write('ERROR', text === '' ? 'Assertion failed' : `Assertion failed: ${text}`);
  },
  clear() {
    groups = 0;
  },
  count(label = undefined) {
    const name = labelOf(label);
    const count = (mapGet(counts, name) ?? 0) + 1;
    mapSet(counts, name, count);
    write('INFO', `${name}: ${count}`);
  },
  countReset(label = undefined) {
    const name = labelOf(label);
    if (!mapDelete(counts, name)) write('WARN', `Count for '${name}' does not exist`);
  },
  dir(value = undefined, options = undefined) {
    const depth = isObject(options) && options.depth !== undefined ? options.depth : 2;
    write('INFO', inspect(value, depth === null ? 1 / 0 : +depth));
  },
  dirxml(...args) {
    write('INFO', joined(args, 0));
  },
  group(...args) {
    if (args.length > 0) write('INFO', formatted(args));
    groups += 1;
  },
  groupCollapsed(...args) {
    if (args.length > 0) write('INFO', formatted(args));
    groups += 1;
  },
  groupEnd() {
    if (groups > 0) groups -= 1;
  },
  table(data = undefined, columns = undefined) {
    write('INFO', isObject(data) ? rows(data, columns) : formatted([data]));
  },
  time(label = undefined) {
    const name = labelOf(label);
    if (mapHas(timers, name)) write('WARN', `Timer '${name}' already exists`);
    else mapSet(timers, name, natives.now());
  },
  timeEnd(label = undefined) {
    const name = labelOf(label);
    if (!mapHas(timers, name)) {
      write('WARN', `Timer '${name}' does not exist`);
      return;
    }
    write('INFO', `${name}: ${elapsed(name)}`);
    mapDelete(timers, name);
  },
  timeLog(label = undefined, ...args) {
    const name = labelOf(label);
    if (!mapHas(timers, name)) {
      write('WARN', `Timer '${name}' does not exist`);
      return;
    }
    const text = formatted(args);
    write('INFO', `${name}: ${elapsed(name)}${text === '' ? '' : ` ${text}`}`);
  },
  timeStamp() {},
};

defineProperty(console, symbolToStringTag, {
  __proto__: null,
  value: 'console',
  configurable: true,
});
