// Errors that nobody caught outside of a handler: in timers, microtasks, listeners (HTML's "report an exception").

const { log, made, use } = core;

/** Fires `error` at the global object; unless a listener prevents it, the error becomes a console line. */
export function report(error) {
  if (made.events !== undefined && !made.events.fireError(error)) return;
  log('ERROR', `Uncaught ${use('inspect').inspectThrown(error)}`);
}
