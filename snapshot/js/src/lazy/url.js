// URL and URLSearchParams (https://url.spec.whatwg.org/#api).

import { brandInterface } from '../interface.js';
import { stringIndexOf, stringSlice, stringStartsWith, TypeError } from '../primordials.js';
import { parseFast, parseRooted } from '../url/fast.js';
import { fillFromText, makeParams } from '../url/params.js';
import { isObject, requireArguments, usvString } from '../webidl.js';

export { parseForm } from '../url/form.js';
export { isURLSearchParams, serializeParams, URLSearchParams } from '../url/params.js';

const { quote, use } = core;

export { parse as parseParts };

/** The parts of a URL string, or null; `base` is a string or undefined. */
function parse(text, base) {
  if (base === undefined) return parseFast(text) ?? use('url-parser').parse(text, undefined);
  const baseParts = parse(base, undefined);
  if (baseParts === null) return null;
  const rooted = stringStartsWith(text, '/') ? parseRooted(text, baseParts) : parseFast(text);
  return rooted ?? use('url-parser').parse(text, base);
}

function serialize(parts) {
  const { fragment, host, opaque, password, pathname, port, query, scheme, username } = parts;
  let text = `${scheme}:`;
  if (host !== null) {
    text += '//';
    if (username !== '' || password !== '') {
      text += `${username}${password === '' ? '' : `:${password}`}@`;
    }
    text += host;
    if (port !== null) text += `:${port}`;
  } else if (!opaque && stringStartsWith(pathname, '//')) {
    // Or the path would be read as a host.
    text += '/.';
  }
  text += pathname;
  if (query !== null) text += `?${query}`;
  if (fragment !== null) text += `#${fragment}`;
  return text;
}

const internally = { __proto__: null };
let partsOf;
let isURL;

function invalid(text, base) {
  const of = base === undefined ? '' : ` with base ${quote(base)}`;
  return new TypeError(`Invalid URL: ${quote(text)}${of}`);
}

export class URL {
  #parts;
  #params = null;

  static {
    isURL = value => isObject(value) && #parts in value;
    partsOf = url => url.#parts;
  }

  constructor(url, base = undefined) {
    if (url === internally) {
      this.#parts = base;
      return;
    }
    requireArguments(arguments.length, 1, 'URL');
    const text = usvString(url);
    const baseText = base === undefined ? undefined : usvString(base);
    const parts = parse(text, baseText);
    if (parts === null) throw invalid(text, baseText);
    this.#parts = parts;
  }

  static parse(url, base = undefined) {
    requireArguments(arguments.length, 1, 'URL.parse');
    const text = usvString(url);
    const parts = parse(text, base === undefined ? undefined : usvString(base));
    return parts === null ? null : new URL(internally, parts);
  }

  static canParse(url, base = undefined) {
    requireArguments(arguments.length, 1, 'URL.canParse');
    const text = usvString(url);
    return parse(text, base === undefined ? undefined : usvString(base)) !== null;
  }

  static createObjectURL(blob) {
    requireArguments(arguments.length, 1, 'URL.createObjectURL');
    return use('data-url').register(blob);
  }

  static revokeObjectURL(url) {
    requireArguments(arguments.length, 1, 'URL.revokeObjectURL');
    use('data-url').revoke(usvString(url));
  }

  get href() {
    return serialize(this.#parts);
  }

  set href(value) {
    const text = usvString(value);
    const parts = parse(text, undefined);
    if (parts === null) throw invalid(text, undefined);
    this.#parts = parts;
    this.#readParams();
  }

  get origin() {
    return originOf(this.#parts);
  }

  get protocol() {
    return `${this.#parts.scheme}:`;
  }

  set protocol(value) {
    this.#set('protocol', value);
  }

  get username() {
    return this.#parts.username;
  }

  set username(value) {
    this.#set('username', value);
  }

  get password() {
    return this.#parts.password;
  }

  set password(value) {
    this.#set('password', value);
  }

  get host() {
    const { host, port } = this.#parts;
    return port === null ? (host ?? '') : `${host}:${port}`;
  }

  set host(value) {
    this.#set('host', value);
  }

  get hostname() {
    return this.#parts.host ?? '';
  }

  set hostname(value) {
    this.#set('hostname', value);
  }

  get port() {
    const { port } = this.#parts;
    return port === null ? '' : `${port}`;
  }

  set port(value) {
    this.#set('port', value);
  }

  get pathname() {
    return this.#parts.pathname;
  }

  set pathname(value) {
    this.#set('pathname', value);
  }

  get search() {
    const { query } = this.#parts;
    return query === null || query === '' ? '' : `?${query}`;
  }

  set search(value) {
    this.#set('search', value);
    this.#readParams();
  }

  get searchParams() {
    this.#params ??= makeParams(this.#parts.query ?? '', query => {
      this.#parts.query = query === '' ? null : query;
    });
    return this.#params;
  }

  get hash() {
    const { fragment } = this.#parts;
    return fragment === null || fragment === '' ? '' : `#${fragment}`;
  }

  set hash(value) {
    this.#set('hash', value);
  }

  toJSON() {
    return serialize(this.#parts);
  }

  toString() {
    return serialize(this.#parts);
  }

  #set(part, value) {
    const parts = this.#parts;
    this.#parts = use('url-parser').set(serialize(parts), part, usvString(value)) ?? parts;
  }

  #readParams() {
    if (this.#params !== null) fillFromText(this.#params, this.#parts.query ?? '');
  }
}

brandInterface(URL, 'URL');

const hasOrigin = scheme =>
  scheme === 'https' ||
  scheme === 'http' ||
  scheme === 'ws' ||
  scheme === 'wss' ||
  scheme === 'ftp';

function originOf({ host, pathname, port, scheme }) {
  if (hasOrigin(scheme)) return `${scheme}://${host}${port === null ? '' : `:${port}`}`;
  if (scheme !== 'blob') return 'null';
  const inner = parse(pathname, undefined);
  return inner !== null && (inner.scheme === 'http' || inner.scheme === 'https')
    ? originOf(inner)
    : 'null';
}

/** A URL string as a Request takes it: absolute, without credentials; serialized. */
export function parseForRequest(given) {
  const text = usvString(given);
  const parts = parse(text, undefined);
  if (parts === null) {
    throw new TypeError(
      `Invalid URL: ${quote(text)}. There is no page here that it could be relative to: give an absolute URL`,
    );
  }
  if (parts.username !== '' || parts.password !== '') {
    throw new TypeError(`The URL ${quote(text)} has credentials: use an Authorization header`);
  }
  return serialize(parts);
}

/** An absolute URL string as Response.redirect takes it. */
export function serializeURL(given) {
  const text = usvString(given);
  const parts = parse(text, undefined);
  if (parts === null) throw invalid(text, undefined);
  return serialize(parts);
}

/** Without its fragment. */
export function withoutFragment(text) {
  const hash = stringIndexOf(text, '#');
  return hash === -1 ? text : stringSlice(text, 0, hash);
}

/** The serialized URL, when `value` is a URL object. */
export function hrefOf(value) {
  return isURL(value) ? serialize(partsOf(value)) : undefined;
}
