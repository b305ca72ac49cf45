// MessageChannel, MessagePort and MessageEvent (https://html.spec.whatwg.org/#web-messaging). Both ports are in the same context:
// a message is a clone, made when it is posted, and a task of its own when it arrives.

import { brandInterface } from '../interface.js';
import { append, makeList } from '../list.js';
import { freeze, TypeError } from '../primordials.js';
import {
  dictionary,
  domString,
  isObject,
  iteratorMethod,
  requireArguments,
  usvString,
} from '../webidl.js';

const { natives, use } = core;
const { defineHandler, Event, EventTarget, fireTrusted, initialize } = use('events');

const internally = { __proto__: null };
let stateOf;
let setState;
/** Whether a value is a MessagePort. */
export let isPort;

/** What a sequence of ports becomes: frozen, for tenant code. */
function portsFrom(given) {
  const ports = [];
  if (given === undefined) return freeze(ports);
  if (!isObject(given) || iteratorMethod(given, 'MessageEvent: ports') === undefined) {
    throw new TypeError('MessageEvent: ports must be an iterable of MessagePorts');
  }
  for (const port of given) {
    if (!isPort(port)) throw new TypeError('MessageEvent: each of ports must be a MessagePort');
    append(ports, port);
  }
  return freeze(ports);
}

function sourceFrom(given) {
  if (given === undefined || given === null) return null;
  if (!isPort(given)) throw new TypeError('MessageEvent: source must be a MessagePort or null');
  return given;
}

export class MessageEvent extends Event {
  #message;

  constructor(type, init = undefined) {
    requireArguments(arguments.length, 1, 'MessageEvent');
    super(type, init);
    const given = dictionary(init, 'MessageEvent: the second argument');
    // Read in the order of their names.
    const data = given?.data;
    const lastEventId = given?.lastEventId;
    const origin = given?.origin;
    const lastId = lastEventId === undefined ? '' : domString(lastEventId);
    this.#message = {
      data: data === undefined ? null : data,
      lastEventId: lastId,
      origin: origin === undefined ? '' : usvString(origin),
      ports: portsFrom(given?.ports),
      source: sourceFrom(given?.source),
    };
  }

  get data() {
    return this.#message.data;
  }

  get origin() {
    return this.#message.origin;
  }

  get lastEventId() {
    return this.#message.lastEventId;
  }

  get source() {
    return this.#message.source;
  }

  get ports() {
    return this.#message.ports;
  }

  initMessageEvent(
    type,
    bubbles = false,
    cancelable = false,
    data = null,
    origin = '',
    lastEventId = '',
    source = null,
    ports = [],
  ) {
    this.#message;
    requireArguments(arguments.length, 1, 'MessageEvent.initMessageEvent');
    const name = domString(type);
    const message = {
      data,
      origin: usvString(origin),
      lastEventId: domString(lastEventId),
      source: sourceFrom(source),
      ports: portsFrom(ports),
    };
    if (initialize(this, name, !!bubbles, !!cancelable)) this.#message = message;
  }
}

brandInterface(MessageEvent, 'MessageEvent');

/** An event that brings `data`, with what else a MessageEvent has. */
export function makeMessageEvent(type, data, more) {
  return new MessageEvent(type, { __proto__: null, data, ...more });
}

/** What is behind a port, and goes to another object when the port is transferred. */
class Channel {
  /** The channel of the other end; null when there is none any more. */
  other = null;
  /** The port that it belongs to now. */
  port = null;
  started = false;
  closed = false;
  /** The other end was closed, and this one has not been told. */
  ending = false;
  queue = makeList();
  next = 0;
  scheduled = false;

  add(message) {
    this.queue[this.queue.length] = message;
    this.schedule();
  }

  start() {
    if (this.started || this.closed) return;
    this.started = true;
    this.schedule();
  }

  get ready() {
    return this.started && this.next < this.queue.length;
  }

  schedule() {
    if (this.scheduled || this.closed || !(this.ready || this.ending)) return;
    this.scheduled = true;
    use('timers').background(() => this.deliver(), 0);
  }

  /** One message a task; after the last comes the end. */
  deliver() {
    this.scheduled = false;
    if (this.closed) return;
    if (this.ready) {
      const { data, ports, frame } = this.queue[this.next];
      this.queue[this.next++] = undefined;
      if (this.next === this.queue.length) {
        this.queue = makeList();
        this.next = 0;
      }
      this.schedule();
      natives.setFrame(frame);
      fireTrusted(this.port, makeMessageEvent('message', data, { ports }));
    } else if (this.ending) {
      this.ending = false;
      fireTrusted(this.port, new Event('close'));
    }
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.queue = makeList();
    this.next = 0;
    const { other } = this;
    this.other = null;
    if (other === null) return;
    other.other = null;
    other.ending = true;
    other.schedule();
  }
}

export class MessagePort extends EventTarget {
  /** Undefined when the port was transferred. */
  #channel;

  static {
    stateOf = port => port.#channel;
    setState = (port, channel) => {
      port.#channel = channel;
    };
    isPort = value => isObject(value) && #channel in value;
  }

  constructor(token = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor: use MessageChannel');
    super();
  }

  postMessage(message, options = undefined) {
    const channel = this.#channel;
    requireArguments(arguments.length, 1, 'MessagePort.postMessage');
    const transfer = use('clone').transferList(options, true);
    for (let i = 0; i < transfer.length; i++) {
      if (transfer[i] === this) {
        throw new (use('dom-exception').DOMException)(
          'MessagePort.postMessage: a port can not be transferred through itself',
          'DataCloneError',
        );
      }
    }
    const target = channel?.other ?? null;
    let doomed = false;
    for (let i = 0; i < transfer.length; i++) {
      if (target !== null && transfer[i] === target.port) doomed = true;
    }
    const { value, ports } = use('clone').cloneWith(message, transfer);
    // A port that went to itself is lost.
    if (target === null || doomed) return;
    target.add({ data: value, ports, frame: natives.getFrame() });
  }

  start() {
    this.#channel?.start();
  }

  close() {
    this.#channel?.close();
  }
}

brandInterface(MessagePort, 'MessagePort');

// Setting the attribute starts the port.
defineHandler(MessagePort.prototype, 'message', stateOf, port => stateOf(port)?.start());
defineHandler(MessagePort.prototype, 'messageerror', stateOf);
defineHandler(MessagePort.prototype, 'close', stateOf);

function makePort(channel) {
  const port = new MessagePort(internally);
  setState(port, channel);
  channel.port = port;
  return port;
}

/** A port that nothing is behind yet. */
export function blankPort() {
  return new MessagePort(internally);
}

/** Puts what is behind `from`, which is detached from now on, behind `to`. It has to be started anew, and loses nothing. */
export function movePort(from, to) {
  const channel = stateOf(from);
  setState(from, undefined);
  setState(to, channel);
  channel.started = false;
  channel.port = to;
}

export function isDetached(port) {
  return stateOf(port) === undefined;
}

export class MessageChannel {
  #port1;
  #port2;

  constructor() {
    const one = new Channel();
    const two = new Channel();
    one.other = two;
    two.other = one;
    this.#port1 = makePort(one);
    this.#port2 = makePort(two);
  }

  get port1() {
    return this.#port1;
  }

  get port2() {
    return this.#port2;
  }
}

brandInterface(MessageChannel, 'MessageChannel');
