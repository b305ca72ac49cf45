// Handlers that were added with addEventListener: the events that they are called with, and what becomes of
// their answers. A listener answers with `event.respondWith`, or by what it returns.

import { brandInterface } from '../interface.js';
import { apply, Error, TypeError } from '../primordials.js';

const { complete, environment, event: given, eventRequest, fail, settle, use, waitUntil } = core;
const { Event, hasGlobal, setTarget, visitGlobal } = use('events');

let answered = false;

class ExtendableEvent extends Event {
  waitUntil(promise) {
    waitUntil(promise);
  }
}

/** An event that wants an answer. */
class RespondingEvent extends ExtendableEvent {
  respondWith(answer) {
    if (answered) throw new TypeError('event.respondWith was called already');
    answered = true;
    settle(answer);
  }
}

class FetchEvent extends RespondingEvent {
  #request = eventRequest();

  get request() {
    return this.#request;
  }

  passThroughOnException() {}
}

class TaskEvent extends RespondingEvent {
  get taskId() {
    return given().taskId;
  }

  get attempt() {
    return given().attempt;
  }

  get payload() {
    return given().payload;
  }

  get scheduledTime() {
    return given().scheduledTime;
  }
}

class ScheduledEvent extends ExtendableEvent {
  get cron() {
    return given().cron;
  }

  get scheduledTime() {
    return given().scheduledTime;
  }
}

brandInterface(ExtendableEvent, 'ExtendableEvent');
brandInterface(RespondingEvent, 'ExtendableEvent');
brandInterface(FetchEvent, 'FetchEvent');
brandInterface(TaskEvent, 'TaskEvent');
brandInterface(ScheduledEvent, 'ScheduledEvent');

function makeEvent(type) {
  const EventClass = type === 'fetch' ? FetchEvent : type === 'task' ? TaskEvent : ScheduledEvent;
  const event = new EventClass(type);
  setTarget(event);
  return event;
}

/** Calls the listeners for the event, until one has answered; false when there are none. */
export function start(type) {
  if (!hasGlobal(type)) return false;
  answered = false;
  const event = makeEvent(type);
  let last;
  visitGlobal(type, callback => {
    const returned =
      typeof callback === 'function'
        ? apply(callback, globalThis, [event, environment()])
        : callback.handleEvent(event);
    if (returned !== undefined) last = returned;
    return answered;
  });
  // A listener that threw has thrown through here.
  if (!answered) finish(type, last);
  return true;
}

/** Nobody has called respondWith yet: what was returned counts, when it is there. */
async function finish(type, returned) {
  const mine = given();
  let value;
  try {
    value = await returned;
  } catch (error) {
    if (mine === given()) fail(error);
    return;
  }
  if (answered || mine !== given()) return;
  if (type !== 'fetch' || value !== undefined) complete(value);
  else
    core.whenStuck(
      new Error('No listener for fetch called event.respondWith, or returned a Response'),
    );
}
