// Time since the context's birth, coarse to 100 us (https://w3c.github.io/hr-time/#dfn-coarsen-time).

import { floor } from './primordials.js';

/** Milliseconds; never negative, even when somebody set the machine's clock back. */
export function elapsed() {
  const milliseconds = core.natives.now() - core.birth();
  return milliseconds < 0 ? 0 : floor(milliseconds * 10) / 10;
}
