// A thrown value as JSON text for the runner: `{"name", "message", "stack"}`.

import { isError, messageOfError, nameOfError, stackOf } from '../looking.js';
import { stringSlice } from '../primordials.js';

const { quote, use } = core;

/** What a tenant may put into our logs with one throw: 64 KiB. */
const LONGEST = 65536;

function capped(text) {
  return text.length <= LONGEST ? text : `${stringSlice(text, 0, LONGEST - 1)}…`;
}

function json(name, message, stack) {
  return `{"name":${quote(capped(name))},"message":${quote(capped(message))},"stack":${quote(capped(stack))}}`;
}

export function describe(value) {
  if (typeof value === 'string') return json('', value, '');
  if (!isError(value)) return json('', use('inspect').inspect(value), '');
  return json(nameOfError(value) || 'Error', messageOfError(value), stackOf(value));
}
