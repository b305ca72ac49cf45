// Event and the events of this platform (https://dom.spec.whatwg.org/#events).

import { elapsed } from '../clock.js';
import { brandInterface } from '../interface.js';
import { defineProperty, TypeError } from '../primordials.js';
import { dictionary, domString, double, isObject, requireArguments } from '../webidl.js';

export const NONE = 0;
export const AT_TARGET = 2;

/** The record behind an event: what the core may do to it. */
export let slotsOf;
export let isEvent;

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
