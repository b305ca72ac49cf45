// EventTarget (https://dom.spec.whatwg.org/#interface-eventtarget). There is no tree: a target's path is the target itself.

import { brandInterface } from '../interface.js';
import { apply, TypeError } from '../primordials.js';
import { domString, isObject, requireArguments } from '../webidl.js';
import { AT_TARGET, isEvent, NONE, slotsOf } from './event.js';

const { use } = core;

/** The first listener of a target: a linked list, in the order in which they were added. */
export let listenersOf;
export let isTarget;

export class EventTarget {
  #listeners = { first: null, last: null };

  static {
    listenersOf = target => target.#listeners;
    isTarget = value => isObject(value) && #listeners in value;
  }

  addEventListener(type, callback, options = undefined) {
    requireArguments(arguments.length, 2, 'EventTarget.addEventListener');
    add(this.#listeners, type, callback, options);
  }

  removeEventListener(type, callback, options = undefined) {
    requireArguments(arguments.length, 2, 'EventTarget.removeEventListener');
    remove(this.#listeners, type, callback, options);
  }

  dispatchEvent(event) {
    requireArguments(arguments.length, 1, 'EventTarget.dispatchEvent');
    return dispatch(this, this.#listeners, event);
  }
}

brandInterface(EventTarget, 'EventTarget');

function checkCallback(callback) {
  if (callback !== null && callback !== undefined && !isObject(callback)) {
    throw new TypeError(
      `EventTarget: the listener must be a function, not ${use('inspect').kindOf(callback)}`,
    );
  }
}

function isCapture(options) {
  return isObject(options) ? !!options.capture : !!options;
}

export function add(listeners, givenType, callback, options) {
  const type = domString(givenType);
  checkCallback(callback);
  const capture = isCapture(options);
  let once = false;
  let passive = false;
  let signal;
  if (isObject(options)) {
    once = !!options.once;
    passive = !!options.passive;
    signal = options.signal;
    if (signal !== undefined && !use('abort').isSignal(signal)) {
      throw new TypeError('EventTarget: signal must be an AbortSignal');
    }
  }
  if (signal !== undefined && use('abort').isAborted(signal)) return;
  if (callback === null || callback === undefined) return;
  if (find(listeners, type, callback, capture) !== null) return;
  const listener = { type, callback, capture, once, passive, removed: false, next: null };
  if (listeners.last === null) listeners.first = listener;
  else listeners.last.next = listener;
  listeners.last = listener;
  if (signal !== undefined) use('abort').whenAborted(signal, () => unlink(listeners, listener));
}

function find(listeners, type, callback, capture) {
  for (let it = listeners.first; it !== null; it = it.next) {
    if (it.type === type && it.callback === callback && it.capture === capture) return it;
  }
  return null;
}

export function remove(listeners, givenType, callback, options) {
  const type = domString(givenType);
  checkCallback(callback);
  const listener = find(listeners, type, callback, isCapture(options));
  if (listener !== null) unlink(listeners, listener);
}

function unlink(listeners, listener) {
  listener.removed = true;
  let before = null;
  for (let it = listeners.first; it !== null; it = it.next) {
    if (it !== listener) {
      before = it;
      continue;
    }
    if (before === null) listeners.first = it.next;
    else before.next = it.next;
    if (listeners.last === it) listeners.last = before;
    return;
  }
}

export function dispatch(target, listeners, event) {
  if (!isEvent(event)) {
    throw new TypeError('EventTarget.dispatchEvent: the argument must be an Event');
  }
  const slots = slotsOf(event);
  if (slots.dispatching) {
    const { DOMException } = use('dom-exception');
    throw new DOMException('The event is being dispatched already', 'InvalidStateError');
  }
  slots.trusted = false;
  return fire(target, listeners, event);
}

/** The target that events have the global object for. */
let standIn = null;

export function standForGlobal(target) {
  standIn = target;
  return target;
}

/** Runs the listeners that are there now; answers false when one of them prevented the default. */
export function fire(target, listeners, event) {
  const slots = slotsOf(event);
  slots.dispatching = true;
  slots.target = target === standIn ? globalThis : target;
  slots.phase = AT_TARGET;
  const last = listeners.last;
  // Capturing listeners come first, at the target as well.
  for (let capture = true, round = 0; round < 2; capture = false, round++) {
    for (let it = last === null ? null : listeners.first; it !== null; it = it.next) {
      if (slots.stoppedAtOnce) break;
      if (it.type === slots.type && it.capture === capture && !it.removed)
        call(listeners, it, event, slots);
      if (it === last) break;
    }
    if (slots.stopped) break;
  }
  slots.phase = NONE;
  slots.dispatching = false;
  slots.stopped = false;
  slots.stoppedAtOnce = false;
  return !slots.canceled;
}

function call(listeners, listener, event, slots) {
  if (listener.once) unlink(listeners, listener);
  slots.passive = listener.passive;
  try {
    const { callback } = listener;
    if (typeof callback === 'function') apply(callback, slots.target, [event]);
    else callback.handleEvent(event);
  } catch (error) {
    use('uncaught').report(error);
  }
  slots.passive = false;
}
