// Patterns written as a URL (https://urlpattern.spec.whatwg.org/#constructor-string-parsing).

import { stringSlice } from '../primordials.js';
import { protocol } from './canonical.js';
import { compile, matchesSpecial, PLAIN } from './component.js';
import { COMPONENTS } from './init.js';
import {
  ASTERISK,
  CHAR,
  CLOSE,
  END,
  ESCAPED,
  INVALID,
  NAME,
  OPEN,
  REGEXP,
  tokenize,
} from './tokens.js';

/** Where the parser is: places in COMPONENTS, and two that are none. */
const INIT = -1;
const AUTHORITY = -2;
const PROTOCOL = 0;
const USERNAME = 1;
const PASSWORD = 2;
const HOSTNAME = 3;
const PORT = 4;
const PATHNAME = 5;
const SEARCH = 6;
const HASH = 7;
const DONE = 8;

/** The components that `text` has, as it is written. */
export function parseWhole(text) {
  return new WholePattern(text).parse();
}

class WholePattern {
  #text;
  #tokens;
  #result = { __proto__: null };
  #at = 0;
  #start = 0;
  #step = 1;
  #state = INIT;
  #braces = 0;
  #brackets = 0;
  #isSpecial = false;

  constructor(text) {
    this.#text = text;
    this.#tokens = tokenize(text, true);
  }

  parse() {
    for (; this.#at < this.#tokens.length; this.#at += this.#step) {
      this.#step = 1;
      const { type } = this.#tokens[this.#at];
      if (type === END) {
        if (this.#state === INIT) this.#beginRelative();
        else if (this.#state === AUTHORITY) this.#rewind(HOSTNAME);
        else {
          this.#change(DONE, 0);
          break;
        }
      } else if (type === OPEN) {
        this.#braces += 1;
      } else {
        // What is in braces ends no component.
        if (this.#braces > 0) {
          if (type !== CLOSE) continue;
          this.#braces -= 1;
        }
        this.#look();
      }
    }
    if (this.#result.hostname !== undefined) this.#result.port ??= '';
    return this.#result;
  }

  #beginRelative() {
    this.#rewind(INIT);
    if (this.#is('#')) this.#change(HASH, 1);
    else if (this.#isSearch()) this.#change(SEARCH, 1);
    else this.#change(PATHNAME, 0);
  }

  #look() {
    switch (this.#state) {
      case INIT:
        if (this.#is(':')) this.#rewind(PROTOCOL);
        break;
      case PROTOCOL:
        if (this.#is(':')) this.#endProtocol();
        break;
      case AUTHORITY:
        if (this.#is('@')) this.#rewind(USERNAME);
        else if (this.#is('/') || this.#isSearch() || this.#is('#')) this.#rewind(HOSTNAME);
        break;
      case USERNAME:
        if (this.#is(':')) this.#change(PASSWORD, 1);
        else if (this.#is('@')) this.#change(HOSTNAME, 1);
        break;
      case PASSWORD:
        if (this.#is('@')) this.#change(HOSTNAME, 1);
        break;
      case HOSTNAME:
        if (this.#is('[')) this.#brackets += 1;
        else if (this.#is(']')) this.#brackets -= 1;
        else if (this.#is(':') && this.#brackets === 0) this.#change(PORT, 1);
        else this.#lookForPath();
        break;
      case PORT:
        this.#lookForPath();
        break;
      case PATHNAME:
        this.#lookForSearch();
        break;
      case SEARCH:
        if (this.#is('#')) this.#change(HASH, 1);
        break;
    }
  }

  #lookForPath() {
    if (this.#is('/')) this.#change(PATHNAME, 0);
    else this.#lookForSearch();
  }

  #lookForSearch() {
    if (this.#isSearch()) this.#change(SEARCH, 1);
    else if (this.#is('#')) this.#change(HASH, 1);
  }

  #endProtocol() {
    this.#isSpecial = matchesSpecial(compile(this.#written(), protocol, PLAIN, false));
    if (this.#is('/', 1) && this.#is('/', 2)) this.#change(AUTHORITY, 3);
    else this.#change(this.#isSpecial ? AUTHORITY : PATHNAME, 1);
  }

  #rewind(state) {
    this.#at = this.#start;
    this.#step = 0;
    this.#state = state;
  }

  #change(state, skip) {
    const result = this.#result;
    const from = this.#state;
    if (from >= 0) result[COMPONENTS[from]] = this.#written();
    if (from !== INIT && state !== DONE) {
      // What is left out between two components is empty.
      const place = from === AUTHORITY ? USERNAME : from;
      if (place < HOSTNAME && state > HOSTNAME) result.hostname ??= '';
      if (place < PATHNAME && state > PATHNAME) result.pathname ??= this.#isSpecial ? '/' : '';
      if (place < SEARCH && state > SEARCH) result.search ??= '';
    }
    this.#state = state;
    this.#at += skip;
    this.#start = this.#at;
    this.#step = 0;
  }

  #token(at) {
    const tokens = this.#tokens;
    return tokens[at < tokens.length ? at : tokens.length - 1];
  }

  /** Whether a token ahead is this character, and not a part of the pattern's syntax. */
  #is(character, ahead = 0) {
    const { type, value } = this.#token(this.#at + ahead);
    return value === character && (type === CHAR || type === ESCAPED || type === INVALID);
  }

  /** Whether this is a question mark that is no modifier. */
  #isSearch() {
    if (this.#is('?')) return true;
    if (this.#token(this.#at).value !== '?') return false;
    if (this.#at === 0) return true;
    const { type } = this.#token(this.#at - 1);
    return type !== NAME && type !== REGEXP && type !== CLOSE && type !== ASTERISK;
  }

  #written() {
    return stringSlice(this.#text, this.#token(this.#start).index, this.#tokens[this.#at].index);
  }
}
