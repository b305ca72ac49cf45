// Errors that nobody caught outside of a handler: in timers, microtasks, listeners (HTML's "report an exception").

import { requireArguments } from '../webidl.js';

const { log, made, use } = core;

export function reportError(error, count) {
  requireArguments(count, 1, 'reportError');
  report(error, true);
}

/** Fires `error` at the global object; unless a listener prevents it, the error becomes a console line. */
export function report(error, here = false) {
  if (made.events !== undefined && !made.events.fireError(error, here)) return;
  log('ERROR', `Uncaught ${use('inspect').inspectThrown(error)}`);
}
