// Event and the events of this platform (https://dom.spec.whatwg.org/#events).

import { elapsed } from '../clock.js';
import { brandInterface } from '../interface.js';
import { defineProperty, getOwnPropertyDescriptor, TypeError } from '../primordials.js';
import {
  dictionary,
  domString,
  isObject,
  requireArguments,
  unsignedLong,
  usvString,
} from '../webidl.js';

export const NONE = 0;
export const AT_TARGET = 2;

/** The record behind an event: what the core may do to it. Throws for what is no event. */
export let slotsOf;
export let isEvent;

/** Each event has this attribute of its own, which can not be replaced (`[LegacyUnforgeable]`). */
const unforgeable = {
  ...getOwnPropertyDescriptor(
    {
      get isTrusted() {
        return slotsOf(this).trusted;
      },
    },
    'isTrusted',
  ),
  __proto__: null,
  configurable: false,
};

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
    defineProperty(this, 'isTrusted', unforgeable);
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
    const slots = this.#slots;
    if (value) slots.stopped = true;
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
    const slots = this.#slots;
    if (!value) cancel(slots);
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

  get timeStamp() {
    return this.#slots.timeStamp;
  }

  initEvent(type, bubbles = false, cancelable = false) {
    this.#slots;
    requireArguments(arguments.length, 1, 'Event.initEvent');
    initialize(this, domString(type), !!bubbles, !!cancelable);
  }
}

/** Makes an event as good as new; false when it can not be done, because it is being dispatched. */
export function initialize(event, type, bubbles, cancelable) {
  const slots = slotsOf(event);
  if (slots.dispatching) return false;
  slots.type = type;
  slots.bubbles = bubbles;
  slots.cancelable = cancelable;
  slots.stopped = false;
  slots.stoppedAtOnce = false;
  slots.canceled = false;
  slots.trusted = false;
  slots.target = null;
  return true;
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
    requireArguments(arguments.length, 1, 'CustomEvent');
    super(type, init);
    const detail = init?.detail;
    this.#detail = detail === undefined ? null : detail;
  }

  get detail() {
    return this.#detail;
  }

  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    this.#detail;
    requireArguments(arguments.length, 1, 'CustomEvent.initCustomEvent');
    if (initialize(this, domString(type), !!bubbles, !!cancelable)) this.#detail = detail;
  }
}

brandInterface(CustomEvent, 'CustomEvent');

/** The arguments of a handler for errors at the global object; undefined when the event is another. */
export let partsOfError;

export class ErrorEvent extends Event {
  #error;

  static {
    partsOfError = event => {
      if (!(#error in event)) return undefined;
      const { message, filename, lineno, colno, error } = event.#error;
      return [message, filename, lineno, colno, error];
    };
  }

  constructor(type, init = undefined) {
    requireArguments(arguments.length, 1, 'ErrorEvent');
    super(type, init);
    // Read in the order of their names.
    const { colno = 0, error, filename = '', lineno = 0, message = '' } = init ?? {};
    this.#error = {
      colno: unsignedLong(colno),
      error,
      filename: usvString(filename),
      lineno: unsignedLong(lineno),
      message: domString(message),
    };
  }

  get message() {
    return this.#error.message;
  }

  get filename() {
    return this.#error.filename;
  }

  get lineno() {
    return this.#error.lineno;
  }

  get colno() {
    return this.#error.colno;
  }

  get error() {
    return this.#error.error;
  }
}

brandInterface(ErrorEvent, 'ErrorEvent');

export class PromiseRejectionEvent extends Event {
  #rejection;

  constructor(type, init) {
    requireArguments(arguments.length, 2, 'PromiseRejectionEvent');
    super(type, init);
    const promise = init?.promise;
    if (!isObject(promise)) {
      throw new TypeError('PromiseRejectionEvent: the second argument must have a promise');
    }
    this.#rejection = { promise, reason: init.reason };
  }

  get promise() {
    return this.#rejection.promise;
  }

  get reason() {
    return this.#rejection.reason;
  }
}

brandInterface(PromiseRejectionEvent, 'PromiseRejectionEvent');
