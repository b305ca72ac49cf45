// Puts entries on one line, or, where that is too long, one below the other.

import { stringIncludes, stringRepeat } from '../primordials.js';

const LINE = 76;
/** How many levels of nesting may share a line. */
const COMPACT = 3;

/** Lines of short entries, for arrays with many of them. */
function filled(entries, indent) {
  let text = '';
  let line = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = i === entries.length - 1 ? entries[i] : `${entries[i]},`;
    if (line > 0 && line + entry.length + 1 > LINE) {
      text += `\n${indent}`;
      line = 0;
    } else if (i > 0) {
      text += ' ';
    }
    text += entry;
    line += entry.length + 1;
  }
  return text;
}

function joined(entries, separator) {
  let text = '';
  for (let i = 0; i < entries.length; i++) text += i === 0 ? entries[i] : separator + entries[i];
  return text;
}

/**
 * `prefix {open} entries {close}`. `height` is how many levels there are below; `level` how many above.
 */
export function enclose(prefix, open, close, entries, level, height) {
  const start = prefix === '' ? open : `${prefix} ${open}`;
  if (entries.length === 0) return `${start}${close}`;
  let longest = 0;
  let total = start.length;
  let hasBreak = false;
  for (let i = 0; i < entries.length; i++) {
    const { length } = entries[i];
    total += length + 2;
    if (length > longest) longest = length;
    hasBreak ||= stringIncludes(entries[i], '\n');
  }
  if (!hasBreak && height < COMPACT && total <= LINE) {
    return `${start} ${joined(entries, ', ')} ${close}`;
  }
  const outer = stringRepeat('  ', level);
  const inner = `${outer}  `;
  const body =
    open === '[' && entries.length > 6 && longest <= 16 && !hasBreak
      ? filled(entries, inner)
      : joined(entries, `,\n${inner}`);
  return `${start}\n${inner}${body}\n${outer}${close}`;
}
