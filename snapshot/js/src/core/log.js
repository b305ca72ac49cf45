// Console lines, with the limit on how many there may be in one execution.

import { limitOf } from './limits.js';
import { emit, quote } from './outbox.js';

let lines = 0;
let characters = 0;
let silenced = false;

export function resetLog() {
  lines = 0;
  characters = 0;
  silenced = false;
}

/** Emits a console line, or, when there were too many, says so once. */
export function log(level, text) {
  if (silenced) return;
  const limit = limitOf('console');
  lines += 1;
  characters += text.length;
  if (limit !== undefined && (lines > limit[0] || characters > limit[1])) {
    silenced = true;
    const seen = lines > limit[0] ? `${lines}/${limit[0]} lines` : `more than ${limit[1]} bytes`;
    emit(`["log","WARN","console limit exceeded: console (${seen}); what follows is not kept"]`);
    return;
  }
  emit(`["log","${level}",${quote(text)}]`);
}
