// Values as text for people, much like Node.js's util.inspect and util.format. Runs no tenant code.

export { formatted, joined } from '../inspect/format.js';
export { rows } from '../inspect/table.js';

import { errorText, Inspector } from '../inspect/inspector.js';
import { className } from '../inspect/kinds.js';
import { isError, isObject, isProxy, messageOfError } from '../looking.js';

/** A value as `console.log` writes it. */
export function inspect(value, depth = 2) {
  return new Inspector(depth).write(value, 0, false);
}

/** What was thrown, for a line that says so. */
export function inspectThrown(value) {
  return inspect(value);
}

/** The message of what was thrown, on one line. */
export function messageOf(value) {
  if (typeof value === 'string') return value;
  if (!isError(value)) return inspect(value);
  return messageOfError(value) || errorText(value);
}

/** What a value is, in a few words, for messages to whom passed it: "undefined", "an object Foo". */
export function kindOf(value) {
  if (value === null || value === undefined) return `${value}`;
  if (!isObject(value)) {
    const text = inspect(value);
    return `the ${typeof value} ${text.length > 50 ? '...' : text}`;
  }
  if (isProxy(value)) return 'a Proxy';
  if (typeof value === 'function') return 'a function';
  const name = className(value);
  return name === null || name === 'Object' ? 'a plain object' : `an object of class ${name}`;
}
