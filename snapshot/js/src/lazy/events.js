// Event, EventTarget and what the core does with them.

import { AT_TARGET, ErrorEvent, isEvent, slotsOf } from '../events/event.js';
import { defineHandler } from '../events/handler.js';
import { placeFor } from '../events/place.js';
import { EventTarget, fire, isTarget, listenersOf } from '../events/target.js';
import { isError, nameOfError } from '../looking.js';
import { getOwnPropertyDescriptor, setPrototypeOf, TypeError } from '../primordials.js';

export {
  CustomEvent,
  ErrorEvent,
  Event,
  initialize,
  PromiseRejectionEvent,
} from '../events/event.js';
export { defineHandler } from '../events/handler.js';
export { EventTarget, watchListeners } from '../events/target.js';

const { global, scope, use } = core;

/** As they are before any tenant code has the class. */
export const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;

// From here on the global object is an EventTarget as that of a worker is: core/globals.js stood in for it.
delete scope.addEventListener;
delete scope.removeEventListener;
delete scope.dispatchEvent;
setPrototypeOf(scope, EventTarget.prototype);

function checkGlobal(receiver) {
  if (receiver !== undefined && receiver !== null && receiver !== global) {
    throw new TypeError('Illegal invocation: the attribute belongs to the global object');
  }
}

for (const type of ['error', 'rejectionhandled', 'unhandledrejection']) {
  const standIn = getOwnPropertyDescriptor(global, `on${type}`);
  // Unless a tenant has put something of its own there.
  if (standIn?.get !== undefined && standIn.get === standIn.set) {
    defineHandler(global, type, checkGlobal);
  }
}

export function isEventOrTarget(value) {
  return isEvent(value) || isTarget(value);
}

/** Whether the global object has a listener for `type`. */
export function hasGlobal(type) {
  for (let it = listenersOf(global).first; it !== null; it = it.next) {
    if (it.type === type) return true;
  }
  return false;
}

/** Calls `visit(callback)` for each of the global object's listeners for `type`, until it answers true. */
export function visitGlobal(type, visit) {
  for (let it = listenersOf(global).first; it !== null; it = it.next) {
    if (it.type === type && visit(it.callback)) return;
  }
}

/** Fires an event of the platform's own at any target; false when a listener prevented the default. */
export function fireTrusted(target, event) {
  slotsOf(event).trusted = true;
  return fire(target, listenersOf(target), event);
}

/** Whether anything listens to events of `type` at a target. */
export function isHeard(target, type) {
  for (let it = listenersOf(target).first; it !== null; it = it.next) {
    if (it.type === type) return true;
  }
  return false;
}

/** Puts the event into the state that a listener finds it in. */
export function setTarget(event) {
  const slots = slotsOf(event);
  slots.trusted = true;
  slots.target = global;
  slots.phase = AT_TARGET;
}

let reporting = false;

/** Tells listeners of an uncaught error, which the running program reports if `here`; false when one of them took care of it. */
export function fireError(error, here) {
  // An error in a listener for errors would go round in circles.
  if (reporting || !hasGlobal('error')) return true;
  reporting = true;
  try {
    const name = isError(error) ? `${nameOfError(error)}: ` : '';
    const message = `Uncaught ${name}${use('inspect').messageOf(error)}`;
    const place = placeFor(error, here);
    const init = { __proto__: null, ...place, message, error, cancelable: true };
    const event = new ErrorEvent('error', init);
    return fireTrusted(global, event);
  } finally {
    reporting = false;
  }
}
