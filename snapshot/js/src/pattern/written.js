// Parts as a regular expression, and as a pattern again
// (https://urlpattern.spec.whatwg.org/#converting-part-lists-to-regular-expressions).

import { append, makeList } from '../list.js';
import { regExpExec, stringIncludes, stringSlice } from '../primordials.js';
import { EXPRESSION, FIXED, FULL, SEGMENT, segmentOf } from './parts.js';
import { characterAt, isNameCharacter } from './tokens.js';

function escape(text, characters) {
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const character = stringSlice(text, i, i + 1);
    result += stringIncludes(characters, character) ? `\\${character}` : character;
  }
  return result;
}

export function escapeRegExp(text) {
  return escape(text, '.+*?^$()[]{}|/\\');
}

export function escapePattern(text) {
  return escape(text, '+*?:{}()\\');
}

/** The source of the regular expression that matches what `parts` do, and its groups' names in their order. */
export function toRegExp(parts, options) {
  const names = makeList();
  let source = '^';
  for (let i = 0; i < parts.length; i++) {
    const { modifier, name, prefix, suffix, type, value } = parts[i];
    if (type === FIXED) {
      const text = escapeRegExp(value);
      source += modifier === '' ? text : `(?:${text})${modifier}`;
      continue;
    }
    append(names, name);
    const group = type === SEGMENT ? segmentOf(options) : type === FULL ? '.*' : value;
    const isRepeated = modifier === '*' || modifier === '+';
    if (prefix === '' && suffix === '') {
      source += isRepeated ? `((?:${group})${modifier})` : `(${group})${modifier}`;
      continue;
    }
    const before = escapeRegExp(prefix);
    const after = escapeRegExp(suffix);
    source += isRepeated
      ? `(?:${before}((?:${group})(?:${after}${before}(?:${group}))*)${after})${modifier === '*' ? '?' : ''}`
      : `(?:${before}(${group})${after})${modifier}`;
  }
  return { __proto__: null, source: `${source}$`, names };
}

const isNumber = name => regExpExec(/^[0-9]/, name) !== null;

/** Whether a part would be read as something else without braces around it. */
function needsBraces(part, previous, next, isNamed, options) {
  const { modifier, prefix, suffix, type } = part;
  if (suffix !== '' || (prefix !== '' && prefix !== options.prefix)) return true;
  if (isNamed && type === SEGMENT && modifier === '' && next !== undefined) {
    if (next.prefix === '' && next.suffix === '') {
      const isContinued =
        next.type === FIXED
          ? isNameCharacter(characterAt(next.value, 0), false)
          : isNumber(next.name);
      if (isContinued) return true;
    }
  }
  if (prefix !== '' || previous === undefined || previous.type !== FIXED) return false;
  return options.prefix !== '' && stringSlice(previous.value, -1) === options.prefix;
}

/** The pattern that `parts` are written as. */
export function toPattern(parts, options) {
  let result = '';
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    const { modifier, name, prefix, suffix, type, value } = part;
    if (type === FIXED) {
      const text = escapePattern(value);
      result += modifier === '' ? text : `{${text}}${modifier}`;
      continue;
    }
    const previous = i > 0 ? parts[i - 1] : undefined;
    const next = i + 1 < parts.length ? parts[i + 1] : undefined;
    const isNamed = !isNumber(name);
    const inBraces = needsBraces(part, previous, next, isNamed, options);
    if (inBraces) result += '{';
    result += escapePattern(prefix);
    if (isNamed) result += `:${name}`;
    if (type === EXPRESSION) result += `(${value})`;
    else if (type === SEGMENT && !isNamed) result += `(${segmentOf(options)})`;
    else if (type === FULL) {
      const isPlain =
        !isNamed &&
        (previous === undefined ||
          previous.type === FIXED ||
          previous.modifier !== '' ||
          inBraces ||
          prefix !== '');
      result += isPlain ? '*' : '(.*)';
    }
    const isContinued =
      type === SEGMENT &&
      isNamed &&
      suffix !== '' &&
      isNameCharacter(characterAt(suffix, 0), false);
    if (isContinued) result += '\\';
    result += escapePattern(suffix);
    if (inBraces) result += '}';
    result += modifier;
  }
  return result;
}
