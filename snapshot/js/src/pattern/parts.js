// What a pattern consists of (https://urlpattern.spec.whatwg.org/#parse-a-pattern-string).

import { append, makeList } from '../list.js';
import { TypeError } from '../primordials.js';
import {
  ASTERISK,
  CHAR,
  CLOSE,
  END,
  ESCAPED,
  MODIFIER,
  NAME,
  OPEN,
  REGEXP,
  tokenize,
} from './tokens.js';
import { escapeRegExp } from './written.js';

export const FIXED = 0;
export const EXPRESSION = 1;
/** All but the delimiter. */
export const SEGMENT = 2;
/** All. */
export const FULL = 3;

/** The regular expression of a segment. */
export function segmentOf({ delimiter }) {
  return `[^${escapeRegExp(delimiter)}]+?`;
}

/**
 * The parts of a pattern: `{type, value, modifier, name, prefix, suffix}`. `encode` makes of fixed text what the parser
 * of URLs would; `options` are `{delimiter, prefix}`, characters or nothing.
 */
export function parsePattern(text, options, encode) {
  const tokens = tokenize(text, false);
  const segment = segmentOf(options);
  const parts = makeList();
  let at = 0;
  let pending = '';
  let nextName = 0;

  const take = type => (tokens[at].type === type ? tokens[at++] : null);
  const takeModifier = () => (take(MODIFIER) ?? take(ASTERISK))?.value ?? '';
  const takeExpression = name => take(REGEXP) ?? (name === null ? take(ASTERISK) : null);

  const takeText = () => {
    let result = '';
    for (let it = take(CHAR) ?? take(ESCAPED); it !== null; it = take(CHAR) ?? take(ESCAPED)) {
      result += it.value;
    }
    return result;
  };

  const need = type => {
    const token = take(type);
    if (token !== null) return;
    const { index, value } = tokens[at];
    throw new TypeError(`URLPattern: ${core.quote(value)} is not expected at index ${index}`);
  };

  const addPart = (type, value, modifier, name, prefix, suffix) => {
    append(parts, { __proto__: null, type, value, modifier, name, prefix, suffix });
  };

  const addPending = () => {
    if (pending === '') return;
    const value = encode(pending);
    pending = '';
    addPart(FIXED, value, '', '', '', '');
  };

  const add = (prefix, nameToken, expression, suffix, modifier) => {
    if (nameToken === null && expression === null && modifier === '') {
      pending += prefix;
      return;
    }
    addPending();
    if (nameToken === null && expression === null) {
      if (prefix !== '') addPart(FIXED, encode(prefix), modifier, '', '', '');
      return;
    }
    let value = segment;
    if (expression !== null) value = expression.type === ASTERISK ? '.*' : expression.value;
    let type = EXPRESSION;
    if (value === segment) type = SEGMENT;
    else if (value === '.*') type = FULL;
    const name = nameToken === null ? `${nextName++}` : nameToken.value;
    for (let i = 0; i < parts.length; i++) {
      if (parts[i].name === name) throw new TypeError(`URLPattern: there are two groups ${name}`);
    }
    const before = encode(prefix);
    addPart(type, type === EXPRESSION ? value : '', modifier, name, before, encode(suffix));
  };

  while (at < tokens.length) {
    const char = take(CHAR);
    const name = take(NAME);
    const expression = takeExpression(name);
    if (name !== null || expression !== null) {
      let prefix = char?.value ?? '';
      if (prefix !== options.prefix) {
        pending += prefix;
        prefix = '';
      }
      addPending();
      add(prefix, name, expression, '', takeModifier());
      continue;
    }
    const fixed = char ?? take(ESCAPED);
    if (fixed !== null) {
      pending += fixed.value;
      continue;
    }
    if (take(OPEN) !== null) {
      const prefix = takeText();
      const inner = take(NAME);
      const pattern = takeExpression(inner);
      const suffix = takeText();
      need(CLOSE);
      add(prefix, inner, pattern, suffix, takeModifier());
      continue;
    }
    addPending();
    need(END);
  }
  return parts;
}
