// One of the eight components of a pattern (https://urlpattern.spec.whatwg.org/#component).

import { defineProperty, RegExp, regExpExec, TypeError } from '../primordials.js';
import { EXPRESSION, parsePattern } from './parts.js';
import { toPattern, toRegExp } from './written.js';

export const PLAIN = { __proto__: null, delimiter: '', prefix: '' };
export const HOSTNAME = { __proto__: null, delimiter: '.', prefix: '' };
export const PATHNAME = { __proto__: null, delimiter: '/', prefix: '/' };

/** The component that a pattern string describes; `encode` as parsePattern takes it. */
export function compile(text, encode, options, ignoresCase) {
  const parts = parsePattern(text, options, encode);
  const { names, source } = toRegExp(parts, options);
  let expression;
  try {
    expression = new RegExp(source, ignoresCase ? 'vi' : 'v');
  } catch {
    throw new TypeError(`URLPattern: ${core.quote(text)} has a wrong regular expression`);
  }
  let hasGroups = false;
  for (let i = 0; i < parts.length; i++) hasGroups ||= parts[i].type === EXPRESSION;
  return { __proto__: null, pattern: toPattern(parts, options), expression, names, hasGroups };
}

export function matches({ expression }, input) {
  return regExpExec(expression, input) !== null;
}

/** What a tenant is told of a match, `{groups, input}`; null when there is none. */
export function match({ expression, names }, input) {
  const found = regExpExec(expression, input);
  if (found === null) return null;
  const groups = {};
  for (let i = 0; i < names.length; i++) {
    defineProperty(groups, names[i], {
      __proto__: null,
      value: found[i + 1],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return { groups, input };
}

/** Whether a protocol's component matches one of the schemes that the URL standard calls special. */
export function matchesSpecial(component) {
  return (
    matches(component, 'http') ||
    matches(component, 'https') ||
    matches(component, 'ws') ||
    matches(component, 'wss') ||
    matches(component, 'ftp') ||
    matches(component, 'file')
  );
}
