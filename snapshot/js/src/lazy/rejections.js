// Promises that were rejected while nobody listened (https://html.spec.whatwg.org/#unhandled-promise-rejections). The lane tells at
// the end of each turn.

const { log, made, use } = core;

export function report(handledLater, promise, reason) {
  const type = handledLater ? 'rejectionhandled' : 'unhandledrejection';
  const { events } = made;
  if (events?.hasGlobal(type)) {
    const { globalTarget, PromiseRejectionEvent } = events;
    const event = new PromiseRejectionEvent(type, { promise, reason, cancelable: !handledLater });
    if (!events.fireTrusted(globalTarget, event)) return;
  }
  if (!handledLater) log('ERROR', `Uncaught (in promise) ${use('inspect').inspectThrown(reason)}`);
}
