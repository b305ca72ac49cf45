// Event handler attributes (https://html.spec.whatwg.org/#event-handler-attributes), `on` and the type.

import { apply, defineProperty, getOwnPropertyDescriptor } from '../primordials.js';
import { isObject } from '../webidl.js';
import { partsOfError, slotsOf } from './event.js';
import { addInternal, listenersOf, unlink } from './target.js';

const { global } = core;

function handlerOf(target, type) {
  for (let it = listenersOf(target).handlers; it !== null; it = it.next) {
    if (it.type === type) return it;
  }
  return null;
}

/** Its place among the listeners is that of its first value since it had none. */
function setHandler(target, type, given) {
  const listeners = listenersOf(target);
  let attribute = handlerOf(target, type);
  const value = isObject(given) ? given : null;
  if (attribute === null) {
    if (value === null) return;
    attribute = { type, value: null, listener: null, next: listeners.handlers };
    listeners.handlers = attribute;
  }
  attribute.value = value;
  if (value === null) {
    if (attribute.listener !== null) unlink(listeners, attribute.listener);
    attribute.listener = null;
  } else if (attribute.listener === null) {
    attribute.listener = addInternal(listeners, type, event => process(attribute, event));
  }
}

/** https://html.spec.whatwg.org/#the-event-handler-processing-algorithm */
function process({ value }, event) {
  if (typeof value !== 'function') return;
  const slots = slotsOf(event);
  const { target, type } = slots;
  const parts = target === global && type === 'error' ? partsOfError(event) : undefined;
  const result = apply(value, target, parts ?? [event]);
  const prevents = parts === undefined ? result === false : result === true;
  if (prevents && slots.cancelable) slots.canceled = true;
}

/**
 * Gives `object` the attribute for events of `type`; `check(receiver)` throws for what does not have it, `follow(receiver)`
 * is called when it was set.
 */
export function defineHandler(object, type, check, follow = undefined) {
  const name = `on${type}`;
  const accessor = {
    get [name]() {
      check(this);
      return handlerOf(this, type)?.value ?? null;
    },
    set [name](value) {
      check(this);
      setHandler(this, type, value);
      follow?.(this);
    },
  };
  const { get, set } = getOwnPropertyDescriptor(accessor, name);
  defineProperty(object, name, { __proto__: null, get, set, enumerable: true, configurable: true });
}
