// Event, EventTarget and what the core does with them. The global object's listeners are those of a target of the
// core's own.

import { AT_TARGET, ErrorEvent, isEvent, slotsOf } from '../events/event.js';
import {
  add,
  dispatch,
  EventTarget,
  fire,
  isTarget,
  listenersOf,
  remove,
  standForGlobal,
} from '../events/target.js';

export { CustomEvent, ErrorEvent, Event, PromiseRejectionEvent } from '../events/event.js';
export { EventTarget } from '../events/target.js';

const { use } = core;

export function isEventOrTarget(value) {
  return isEvent(value) || isTarget(value);
}

/** Stands for the global object, which is no EventTarget: making it one would cost every context. */
export const globalTarget = standForGlobal(new EventTarget());

export function addGlobal(type, callback, options) {
  add(listenersOf(globalTarget), type, callback, options);
}

export function removeGlobal(type, callback, options) {
  remove(listenersOf(globalTarget), type, callback, options);
}

export function dispatchGlobal(event) {
  return dispatch(globalTarget, listenersOf(globalTarget), event);
}

/** Whether the global object has a listener for `type`. */
export function hasGlobal(type) {
  for (let it = listenersOf(globalTarget).first; it !== null; it = it.next) {
    if (it.type === type) return true;
  }
  return false;
}

/** Calls `visit(callback)` for each of the global object's listeners for `type`, until it answers true. */
export function visitGlobal(type, visit) {
  for (let it = listenersOf(globalTarget).first; it !== null; it = it.next) {
    if (it.type === type && visit(it.callback)) return;
  }
}

/** Fires an event of the platform's own at any target; false when a listener prevented the default. */
export function fireTrusted(target, event) {
  slotsOf(event).trusted = true;
  return fire(target, listenersOf(target), event);
}

/** Puts the event into the state that a listener finds it in. */
export function setTarget(event) {
  const slots = slotsOf(event);
  slots.trusted = true;
  slots.target = globalThis;
  slots.phase = AT_TARGET;
}

let reporting = false;

/** Tells listeners of an uncaught error; false when one of them took care of it. */
export function fireError(error) {
  // An error in a listener for errors would go round in circles.
  if (reporting || !hasGlobal('error')) return true;
  reporting = true;
  try {
    const message = `Uncaught ${use('inspect').messageOf(error)}`;
    const event = new ErrorEvent('error', { message, error, cancelable: true });
    return fireTrusted(globalTarget, event);
  } finally {
    reporting = false;
  }
}
