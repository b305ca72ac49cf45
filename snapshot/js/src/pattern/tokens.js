// Tokens of patterns (https://urlpattern.spec.whatwg.org/#tokenizers).

import { makeList } from '../list.js';
import { regExpExec, stringCharCodeAt, stringSlice, TypeError } from '../primordials.js';

export const OPEN = 1;
export const CLOSE = 2;
export const REGEXP = 3;
export const NAME = 4;
export const CHAR = 5;
export const ESCAPED = 6;
export const MODIFIER = 7;
export const ASTERISK = 8;
export const END = 9;
export const INVALID = 10;

/** Whether a character (of one or two code units) may be in a name, or be its first. */
export function isNameCharacter(character, isFirst) {
  const pattern = isFirst ? /^[\p{ID_Start}$_]$/u : /^[\p{ID_Continue}$\u200c\u200d]$/u;
  return regExpExec(pattern, character) !== null;
}

/** The character that begins at a place of well-formed text. */
export function characterAt(text, index) {
  const code = stringCharCodeAt(text, index);
  return stringSlice(text, index, index + (code >= 0xd800 && code < 0xdc00 ? 2 : 1));
}

const isAscii = character => stringCharCodeAt(character, 0) < 0x80;

const single = {
  __proto__: null,
  '*': ASTERISK,
  '+': MODIFIER,
  '?': MODIFIER,
  '{': OPEN,
  '}': CLOSE,
};

/** The tokens `{type, index, value}` of `text`. What is wrong throws, or is an INVALID token when `isLenient`. */
export function tokenize(text, isLenient) {
  const tokens = makeList();
  const { length } = text;
  let index = 0;

  const add = (type, next, value) => {
    tokens[tokens.length] = { __proto__: null, type, index, value };
    index = next;
  };
  const fail = (next, what) => {
    if (!isLenient) throw new TypeError(`URLPattern: ${what} at index ${index}`);
    add(INVALID, next, stringSlice(text, index, next));
  };

  while (index < length) {
    const character = characterAt(text, index);
    const next = index + character.length;
    const type = single[character];
    if (type !== undefined) {
      add(type, next, character);
    } else if (character === '\\') {
      if (next === length) {
        fail(next, 'nothing is escaped');
      } else {
        const escaped = characterAt(text, next);
        add(ESCAPED, next + escaped.length, escaped);
      }
    } else if (character === ':') {
      const end = endOfName(text, next);
      if (end === next) fail(next, 'a name is missing');
      else add(NAME, end, stringSlice(text, next, end));
    } else if (character === '(') {
      const end = endOfRegExp(text, next);
      if (end === -1) fail(next, 'a regular expression is wrong');
      else add(REGEXP, end, stringSlice(text, next, end - 1));
    } else {
      add(CHAR, next, character);
    }
  }
  add(END, index, '');
  return tokens;
}

function endOfName(text, start) {
  let end = start;
  while (end < text.length) {
    const character = characterAt(text, end);
    if (!isNameCharacter(character, end === start)) break;
    end += character.length;
  }
  return end;
}

/** The place after the parenthesis that closes what begins at `start`; -1 when there is none, or nothing in it. */
function endOfRegExp(text, start) {
  const { length } = text;
  let depth = 1;
  for (let at = start; at < length; at++) {
    const character = characterAt(text, at);
    if (!isAscii(character) || (at === start && character === '?')) return -1;
    if (character === '\\') {
      at += 1;
      if (at === length || !isAscii(characterAt(text, at))) return -1;
    } else if (character === ')') {
      depth -= 1;
      if (depth === 0) return at === start ? -1 : at + 1;
    } else if (character === '(') {
      depth += 1;
      // Groups in it may not capture.
      if (at + 1 === length || characterAt(text, at + 1) !== '?') return -1;
    }
  }
  return -1;
}
