// Event, EventTarget and the events of this platform (https://dom.spec.whatwg.org/#events). There is no tree: a
// target's path is the target itself.

import { elapsed } from '../clock.js';
import { brandInterface } from '../interface.js';
import { apply, defineProperty, TypeError } from '../primordials.js';
import { dictionary, domString, double, isObject, requireArguments } from '../webidl.js';

const { use } = core;

const NONE = 0;
const AT_TARGET = 2;

/** What the core may do to an event. */
let slotsOf;
let isEvent;

export class Event {
  #slots;

  static {
    slotsOf = event => event.#slots;
    isEvent = value => isObject(value) && #slots in value;
  }

  constructor(type, init = undefined) {
    requireArguments(arguments.length, 1, 'Event');
    const options = dictionary(init, 'Event: the second argument');
    this.#slots = {
      type: domString(type),
      bubbles: !!options?.bubbles,
      cancelable: !!options?.cancelable,
      composed: !!options?.composed,
      target: null,
      phase: NONE,
      stopped: false,
      stoppedAtOnce: false,
      canceled: false,
      passive: false,
      dispatching: false,
      trusted: false,
      timeStamp: elapsed(),
    };
  }

  get type() {
    return this.#slots.type;
  }

  get target() {
    return this.#slots.target;
  }

  get srcElement() {
    return this.#slots.target;
  }

  get currentTarget() {
    return this.#slots.phase === NONE ? null : this.#slots.target;
  }

  composedPath() {
    const { phase, target } = this.#slots;
    return phase === NONE ? [] : [target];
  }

  get eventPhase() {
    return this.#slots.phase;
  }

  stopPropagation() {
    this.#slots.stopped = true;
  }

  get cancelBubble() {
    return this.#slots.stopped;
  }

  set cancelBubble(value) {
    if (value) this.#slots.stopped = true;
  }

  stopImmediatePropagation() {
    this.#slots.stopped = true;
    this.#slots.stoppedAtOnce = true;
  }

  get bubbles() {
    return this.#slots.bubbles;
  }

  get cancelable() {
    return this.#slots.cancelable;
  }

  get returnValue() {
    return !this.#slots.canceled;
  }

  set returnValue(value) {
    if (!value) cancel(this.#slots);
  }

  preventDefault() {
    cancel(this.#slots);
  }

  get defaultPrevented() {
    return this.#slots.canceled;
  }

  get composed() {
    return this.#slots.composed;
  }

  get isTrusted() {
    return this.#slots.trusted;
  }

  get timeStamp() {
    return this.#slots.timeStamp;
  }

  initEvent(type, bubbles = false, cancelable = false) {
    const slots = this.#slots;
    if (slots.dispatching) return;
    slots.type = domString(type);
    slots.bubbles = !!bubbles;
    slots.cancelable = !!cancelable;
    slots.stopped = false;
    slots.stoppedAtOnce = false;
    slots.canceled = false;
    slots.target = null;
  }
}

function cancel(slots) {
  if (slots.cancelable && !slots.passive) slots.canceled = true;
}

brandInterface(Event, 'Event');
const phases = ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'];
for (let value = 0; value < phases.length; value++) {
  const constant = { __proto__: null, value, enumerable: true };
  defineProperty(Event, phases[value], constant);
  defineProperty(Event.prototype, phases[value], constant);
}

export class CustomEvent extends Event {
  #detail;

  constructor(type, init = undefined) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }

  get detail() {
    return this.#detail;
  }

  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    if (slotsOf(this).dispatching) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}

brandInterface(CustomEvent, 'CustomEvent');

export class ErrorEvent extends Event {
  #message;
  #filename;
  #lineno;
  #colno;
  #error;

  constructor(type, init = undefined) {
    super(type, init);
    const { message = '', filename = '', lineno = 0, colno = 0, error } = init ?? {};
    this.#message = domString(message);
    this.#filename = domString(filename);
    this.#lineno = double(lineno) >>> 0;
    this.#colno = double(colno) >>> 0;
    this.#error = error;
  }

  get message() {
    return this.#message;
  }

  get filename() {
    return this.#filename;
  }

  get lineno() {
    return this.#lineno;
  }

  get colno() {
    return this.#colno;
  }

  get error() {
    return this.#error;
  }
}

brandInterface(ErrorEvent, 'ErrorEvent');

export class PromiseRejectionEvent extends Event {
  #promise;
  #reason;

  constructor(type, init) {
    requireArguments(arguments.length, 2, 'PromiseRejectionEvent');
    super(type, init);
    if (!isObject(init) || init.promise === undefined) {
      throw new TypeError('PromiseRejectionEvent: the second argument must have a promise');
    }
    this.#promise = init.promise;
    this.#reason = init.reason;
  }

  get promise() {
    return this.#promise;
  }

  get reason() {
    return this.#reason;
  }
}

brandInterface(PromiseRejectionEvent, 'PromiseRejectionEvent');

/** The first listener of a target: a linked list, in the order in which they were added. */
let listenersOf;
let isTarget;

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

function remove(listeners, givenType, callback, options) {
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

/** Runs the listeners that are there now; answers false when one of them prevented the default. */
function fire(target, listeners, event) {
  const slots = slotsOf(event);
  slots.dispatching = true;
  slots.target = target === globalTarget ? globalThis : target;
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

export function isEventOrTarget(value) {
  return isEvent(value) || isTarget(value);
}

/** Stands for the global object, which is no EventTarget: making it one would cost every context. */
export const globalTarget = new EventTarget();

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
