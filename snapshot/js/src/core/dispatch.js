// The one function that the lane calls, see docs/boundary.md. Nothing of it is reachable for tenant code.

import { dateNow } from '../primordials.js';
import { made, revealed, use } from './chunks.js';
import { deliver } from './deliver.js';
import { begin, fail, report } from './execution.js';
import { run } from './handlers.js';
import { log } from './log.js';
import './wasm.js';

/** Does what `code` says. Never throws. */
export function dispatch(code, ...rest) {
  try {
    switch (code) {
      case 0:
        return init(rest);
      case 1:
        return run(rest[0]);
      case 2:
        // What a turn's code has entered for good ends with the turn.
        core.natives.setFrame(undefined);
        return report();
      case 3:
        return deliver(rest[0], rest);
      case 4:
        return use('describe').describe(rest[0]);
      case 5:
        return use('rejections').report(rest[0], rest[1], rest[2]);
      case 6:
        return use('timers').runDue();
      case 7:
        return reset();
      case 8:
        return imported(rest);
      case 9:
        return use(rest[0]).module;
      case 10:
        return revealed(rest[0]);
    }
  } catch (error) {
    return lastResort(code, error);
  }
}

function init(rest) {
  // Whatever the isolate has run before, and however that ended.
  core.natives.setFrame(undefined);
  begin(rest[0], rest[1], rest[2], rest[3], dateNow());
}

/** What `import()` answers: for an evaluation and a namespace, or, with a third, for what went wrong. */
async function imported(rest) {
  if (rest.length > 2) throw rest[2];
  await rest[0];
  return rest[1];
}

/** Makes ready for another execution in this context; only the listeners stay. */
function reset() {
  if (made.timers !== undefined) made.timers.forget();
  if (made.ops !== undefined) made.ops.forget();
  if (made.inbound !== undefined) made.inbound.forget();
  if (made.outbound !== undefined) made.outbound.forget();
  if (made.abort !== undefined) made.abort.forget();
  if (made.performance !== undefined) made.performance.forget();
}

/** The core itself failed: tenant code took what it needs, such as the stack or the heap. */
function lastResort(code, error) {
  if (code === 2) {
    return 'DX\n[["error",{"name":"Error","message":"The turn\'s result could not be read","stack":""}]]';
  }
  if (code === 4) return '{"name":"Error","message":"(not describable)","stack":""}';
  try {
    if (code === 0 || code === 1) fail(error);
    else log('ERROR', 'Uncaught error that could not be described');
  } catch {
    // Then TAKE will tell.
  }
}
