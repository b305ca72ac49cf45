// EventTarget (https://dom.spec.whatwg.org/#interface-eventtarget). There is no tree: a target's path is the target itself.

import { brandInterface } from '../interface.js';
import { makeList } from '../list.js';
import { apply, TypeError } from '../primordials.js';
import { domString, isObject, requireArguments } from '../webidl.js';
import { AT_TARGET, isEvent, NONE, slotsOf } from './event.js';

const { global, use } = core;

/** What the global object has of its own: it is a target without having been constructed as one. */
const globalListeners = makeListeners();

/** The listeners of a target: linked, in the order in which they were added. Throws for what is no target. */
export let listenersOf;
export let isTarget;

function makeListeners() {
  return { first: null, last: null, handlers: null, watch: null };
}

/** Has `watch(isHeard)` called when a target without listeners gets one, and when it has none any more. */
export function watchListeners(target, watch) {
  listenersOf(target).watch = watch;
}

/** A function of a global scope may be called without a receiver. */
function isGlobal(value) {
  return value === undefined || value === null || value === global;
}

export class EventTarget {
  #listeners = makeListeners();

  static {
    listenersOf = target => (isGlobal(target) ? globalListeners : target.#listeners);
    isTarget = value => value === global || (isObject(value) && #listeners in value);
  }

  addEventListener(type, callback, options = undefined) {
    const listeners = listenersOf(this);
    requireArguments(arguments.length, 2, 'EventTarget.addEventListener');
    add(listeners, type, callback, options);
  }

  removeEventListener(type, callback, options = undefined) {
    const listeners = listenersOf(this);
    requireArguments(arguments.length, 2, 'EventTarget.removeEventListener');
    remove(listeners, type, callback, options);
  }

  dispatchEvent(event) {
    const listeners = listenersOf(this);
    requireArguments(arguments.length, 1, 'EventTarget.dispatchEvent');
    return dispatch(this ?? global, listeners, event);
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

function add(listeners, givenType, callback, options) {
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
  const listener = append(listeners, type, callback, capture, once, passive);
  if (signal !== undefined) use('abort').whenAborted(signal, () => unlink(listeners, listener));
}

function append(listeners, type, callback, capture, once, passive) {
  const listener = { type, callback, capture, once, passive, removed: false, next: null };
  if (listeners.last === null) {
    listeners.first = listener;
    if (listeners.watch !== null) listeners.watch(true);
  } else listeners.last.next = listener;
  listeners.last = listener;
  return listener;
}

/** Adds a function of the core's own, which nothing can remove but the answer given to `unlink`. */
export function addInternal(listeners, type, callback) {
  return append(listeners, type, callback, false, false, false);
}

function find(listeners, type, callback, capture) {
  for (let it = listeners.first; it !== null; it = it.next) {
    if (it.type === type && it.callback === callback && it.capture === capture) return it;
  }
  return null;
}

function remove(listeners, givenType, callback, options) {
  const type = domString(givenType);
  checkCallback(callback);
  const listener = find(listeners, type, callback, isCapture(options));
  if (listener !== null) unlink(listeners, listener);
}

export function unlink(listeners, listener) {
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
    if (listeners.last === null && listeners.watch !== null) listeners.watch(false);
    return;
  }
}

function dispatch(target, listeners, event) {
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

/** Runs the listeners; answers false when one of them prevented the default. */
export function fire(target, listeners, event) {
  const slots = slotsOf(event);
  slots.dispatching = true;
  slots.target = target;
  slots.phase = AT_TARGET;
  // Capturing listeners come first, at the target as well.
  if (!slots.stopped) invoke(listeners, event, slots, true);
  if (!slots.stopped) invoke(listeners, event, slots, false);
  slots.phase = NONE;
  slots.dispatching = false;
  slots.stopped = false;
  slots.stoppedAtOnce = false;
  return !slots.canceled;
}

/** Runs those listeners that are there now: what one of them adds is for the next event. */
function invoke(listeners, event, slots, capture) {
  let found = null;
  for (let it = listeners.first; it !== null; it = it.next) {
    if (it.type !== slots.type || it.capture !== capture) continue;
    found ??= makeList();
    found[found.length] = it;
  }
  if (found === null) return;
  for (let i = 0; i < found.length && !slots.stoppedAtOnce; i++) {
    if (!found[i].removed) call(listeners, found[i], event, slots);
  }
}

/** What a listener that is no function has for events. */
function handlerIn(callback, event) {
  const { handleEvent } = callback;
  if (typeof handleEvent !== 'function') {
    throw new TypeError('EventTarget: the listener has no method handleEvent');
  }
  apply(handleEvent, callback, [event]);
}

function call(listeners, listener, event, slots) {
  if (listener.once) unlink(listeners, listener);
  slots.passive = listener.passive;
  try {
    const { callback } = listener;
    if (typeof callback === 'function') apply(callback, slots.target, [event]);
    else handlerIn(callback, event);
  } catch (error) {
    use('uncaught').report(error);
  }
  slots.passive = false;
}
