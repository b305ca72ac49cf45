// Components' text as the parser of URLs makes it (https://urlpattern.spec.whatwg.org/#canon-encoding-callbacks).

import {
  regExpExec,
  stringSlice,
  stringStartsWith,
  stringToLowerCase,
  TypeError,
} from '../primordials.js';

const { use } = core;

function checked(value, part, text) {
  if (value === null) throw new TypeError(`URLPattern: ${core.quote(text)} is no ${part}`);
  return value;
}

/** A function that has one state of the URL parser look at a text. */
const through = part => text =>
  text === '' ? '' : checked(use('url-parser').canonical(part, text, undefined), part, text);

export const username = through('username');
export const password = through('password');
export const hostname = through('hostname');
export const opaquePathname = through('opaque path');
export const search = through('search');
export const hash = through('hash');

export function protocol(text) {
  if (text === '') return '';
  const parts = use('url').parseParts(`${text}://dummy.invalid/`, undefined);
  return checked(parts === null ? null : parts.scheme, 'protocol', text);
}

/** A port; with a scheme, its default port is none. */
export function port(text, scheme = undefined) {
  if (text === '') return '';
  return checked(use('url-parser').canonical('port', text, scheme), 'port', text);
}

export function pathname(text) {
  if (text === '') return '';
  if (stringStartsWith(text, '/')) return use('url-parser').canonical('pathname', text, undefined);
  // What has no slash in front is a part of a path: a dot there is no segment of its own.
  return stringSlice(use('url-parser').canonical('pathname', `/-${text}`, undefined), 2);
}

export function address(text) {
  if (regExpExec(/^[0-9a-f[\]:]*$/i, text) === null) checked(null, 'IPv6 address', text);
  return stringToLowerCase(text);
}
