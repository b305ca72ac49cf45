// Promises that were rejected while nobody listened (https://html.spec.whatwg.org/#unhandled-promise-rejections). The lane tells at
// the end of each turn.

const { global, log, made, use } = core;

export function report(handledLater, promise, reason) {
  const type = handledLater ? 'rejectionhandled' : 'unhandledrejection';
  const { events } = made;
  if (events?.hasGlobal(type)) {
    const init = { __proto__: null, promise, reason, cancelable: !handledLater };
    const event = new events.PromiseRejectionEvent(type, init);
    if (!events.fireTrusted(global, event)) return;
  }
  if (!handledLater) log('ERROR', `Uncaught (in promise) ${use('inspect').inspectThrown(reason)}`);
}
