// The origin of a URL that is written as the parser writes it.

import { stringIndexOf, stringSlice } from './primordials.js';

/** Scheme, host and port; empty when there is no host. */
export function originOf(url) {
  const start = stringIndexOf(url, '://');
  if (start === -1) return '';
  const end = stringIndexOf(url, '/', start + 3);
  return end === -1 ? url : stringSlice(url, 0, end);
}
