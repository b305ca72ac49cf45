// EventSource (https://html.spec.whatwg.org/#the-eventsource-interface), and `EventSource.from(stream)`: the events in a stream
// that somebody else has fetched.

import { EventParser } from '../eventsource/parser.js';
import { brandInterface } from '../interface.js';
import { parseType } from '../mime.js';
import { originOf } from '../origin.js';
import { copyBytes } from '../buffers.js';
import { defineProperty, fromCharCode, Promise, TypeError, Uint8Array } from '../primordials.js';
import { dictionary, requireArguments, usvString } from '../webidl.js';

const { natives, responseState, use } = core;
const { defineHandler, Event, EventTarget, fireTrusted } = use('events');

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;
/** Milliseconds before another attempt. */
const RETRY = 3000;

const internally = { __proto__: null };

/** What is behind an EventSource. */
class Source {
  state = CONNECTING;
  url = '';
  origin = '';
  withCredentials = false;
  target = null;
  reader = null;
  parser = new EventParser();
  frame = natives.getFrame();

  fire(event) {
    natives.setFrame(this.frame);
    fireTrusted(this.target, event);
  }

  /** For good: the server does not want, or is none. */
  fail() {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.fire(new Event('error'));
  }

  close() {
    this.state = CLOSED;
    if (this.reader !== null) use('streams').cancelReader(this.reader);
  }

  /** Connects, reads, and begins anew, until it is closed. */
  async run() {
    while (this.state !== CLOSED) {
      let stream;
      try {
        stream = await this.connect();
      } catch {
        // The network's fault: another attempt may go well.
      }
      if (this.state === CLOSED) {
        if (stream !== undefined && stream !== null) use('streams').cancelStream(stream);
        return;
      }
      if (stream === null) {
        this.fail();
        return;
      }
      if (stream !== undefined) {
        this.state = OPEN;
        this.fire(new Event('open'));
        if (!(await this.read(stream))) {
          this.fail();
          return;
        }
      }
      if (this.state === CLOSED) return;
      this.state = CONNECTING;
      this.fire(new Event('error'));
      await new Promise(resolve => {
        use('timers').background(resolve, this.parser.retry ?? RETRY);
      });
      this.parser.restart();
    }
  }

  /** A promise for the stream of an answer; for null when it is none of events. */
  async connect() {
    const headers = { __proto__: null, accept: 'text/event-stream', 'cache-control': 'no-store' };
    if (this.parser.lastEventId !== '') {
      headers['last-event-id'] = utf8AsLatin1(this.parser.lastEventId);
    }
    const response = await use('fetch').fetch(this.url, { __proto__: null, headers }, 2);
    const state = responseState(response);
    const { body } = state;
    const names = use('headers');
    const type = parseType(names.valueIn(names.listOfState(state), 'content-type') ?? '');
    const stream = body === null ? null : use('body').toStream(body);
    if (state.status !== 200 || type?.essence !== 'text/event-stream' || stream === null) {
      if (stream !== null) use('streams').cancelStream(stream);
      return null;
    }
    this.origin = originOf(state.url);
    return stream;
  }

  /** Reads to the end; false when it is not worth another attempt. */
  async read(stream) {
    const streams = use('streams');
    const reader = streams.acquireReader(stream);
    this.reader = reader;
    try {
      for (;;) {
        const { done, value } = await streams.readFrom(reader);
        if (done || this.state === CLOSED) return true;
        const events = this.parser.feed(bytesOf(value));
        if (events === undefined) {
          streams.cancelReader(reader);
          return false;
        }
        for (let i = 0; i < events.length; i++) {
          if (this.state === CLOSED) return true;
          const { type, data, lastEventId } = events[i];
          const more = { lastEventId, origin: this.origin };
          this.fire(use('messages').makeMessageEvent(type, data, more));
          // Each is a task of its own: what its listeners have begun comes first.
          await undefined;
        }
      }
    } catch {
      return true;
    } finally {
      this.reader = null;
    }
  }
}

/** A header's value of which the bytes are UTF-8. */
function utf8AsLatin1(text) {
  const bytes = new Uint8Array(natives.utf8Encode(text));
  let value = '';
  for (let i = 0; i < bytes.length; i++) value += fromCharCode(bytes[i]);
  return value;
}

function bytesOf(chunk) {
  if (typeof chunk === 'string') return new Uint8Array(natives.utf8Encode(chunk));
  const bytes = copyBytes(chunk);
  if (bytes === undefined) throw new TypeError('EventSource: chunks must be bytes or text');
  return bytes;
}

let sourceOf;

export class EventSource extends EventTarget {
  #source;

  static {
    sourceOf = target => target.#source;
  }

  constructor(url, init = undefined) {
    if (url === internally) {
      super();
      this.#source = init;
      init.target = this;
      return;
    }
    requireArguments(arguments.length, 1, 'EventSource');
    const text = usvString(url);
    const options = dictionary(init, 'EventSource: the second argument');
    const source = new Source();
    source.withCredentials = !!options?.withCredentials;
    try {
      source.url = use('url').serializeURL(text);
    } catch {
      throw new (use('dom-exception').DOMException)(
        `EventSource: ${core.quote(text)} is no absolute URL`,
        'SyntaxError',
      );
    }
    super();
    this.#source = source;
    source.target = this;
    source.run();
  }

  /** The events in a stream of bytes or text, such as the body of an answer. It ends with the stream. */
  static from(stream) {
    requireArguments(arguments.length, 1, 'EventSource.from');
    const { streams } = core.made;
    if (!(streams?.isReadableStream(stream) ?? false)) {
      throw new TypeError('EventSource.from: the argument must be a ReadableStream');
    }
    if (streams.isLocked(stream)) throw new TypeError('EventSource.from: the stream is locked');
    const source = new Source();
    const target = new EventSource(internally, source);
    source.state = OPEN;
    follow(source, stream);
    return target;
  }

  get url() {
    return this.#source.url;
  }

  get withCredentials() {
    return this.#source.withCredentials;
  }

  get readyState() {
    return this.#source.state;
  }

  close() {
    this.#source.close();
  }
}

async function follow(source, stream) {
  // Who called `from` can listen before the first event.
  await source.read(stream);
  source.fail();
}

brandInterface(EventSource, 'EventSource');
for (const type of ['open', 'message', 'error'])
  defineHandler(EventSource.prototype, type, sourceOf);
const states = ['CONNECTING', 'OPEN', 'CLOSED'];
for (let value = 0; value < states.length; value++) {
  const constant = { __proto__: null, value, enumerable: true };
  defineProperty(EventSource, states[value], constant);
  defineProperty(EventSource.prototype, states[value], constant);
}
