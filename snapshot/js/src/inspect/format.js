// Arguments of console's methods as one text (https://console.spec.whatwg.org/#formatter).

import {
  Number,
  parseFloat,
  parseInt,
  stringify,
  stringIndexOf,
  stringSlice,
} from '../primordials.js';
import { Inspector } from './inspector.js';

function shown(value, depth = 2) {
  return new Inspector(depth).write(value, 0, true);
}

/** Arguments from `start` on, with a space between. */
export function joined(args, start) {
  let text = '';
  for (let i = start; i < args.length; i++) text += `${i === start ? '' : ' '}${shown(args[i])}`;
  return text;
}

function asJson(value) {
  try {
    return `${stringify(value)}`;
  } catch {
    // A cycle, or something that has no JSON.
    return shown(value);
  }
}

function asNumber(value, convert) {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol' || (typeof value === 'object' && value !== null)) return 'NaN';
  if (typeof value === 'function') return 'NaN';
  return shown(convert(value));
}

/** What directive `%letter` makes of a value; undefined when it is none. */
function directive(letter, value) {
  switch (letter) {
    case 's':
      return typeof value === 'object' && value !== null
        ? new Inspector(0).write(value, 0, true)
        : shown(value);
    case 'd':
      return asNumber(value, Number);
    case 'i':
      return asNumber(value, parseInt);
    case 'f':
      return asNumber(value, parseFloat);
    case 'j':
      return asJson(value);
    case 'o':
      return new Inspector(4).write(value, 0, false);
    case 'O':
      return new Inspector(2).write(value, 0, false);
    case 'c':
      return '';
    default:
      return undefined;
  }
}

export function formatted(args) {
  const format = args[0];
  if (args.length < 2 || typeof format !== 'string') return joined(args, 0);
  let text = '';
  let next = 1;
  let start = 0;
  for (;;) {
    const at = stringIndexOf(format, '%', start);
    if (at === -1 || at === format.length - 1) break;
    const letter = format[at + 1];
    text += stringSlice(format, start, at);
    start = at + 2;
    if (letter === '%') {
      text += '%';
      continue;
    }
    const replaced = next < args.length ? directive(letter, args[next]) : undefined;
    if (replaced === undefined) {
      text += `%${letter}`;
    } else {
      text += replaced;
      next += 1;
    }
  }
  text += stringSlice(format, start);
  return next < args.length ? `${text} ${joined(args, next)}` : text;
}
