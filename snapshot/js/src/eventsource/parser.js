// Server-sent events out of bytes (https://html.spec.whatwg.org/#parsing-an-event-stream).

import { makeList } from '../list.js';
import {
  parseInt,
  stringCharCodeAt,
  stringIncludes,
  stringIndexOf,
  stringSlice,
  typedArrayByteLength,
  typedArraySet,
  typedArraySubarray,
  Uint8Array,
} from '../primordials.js';

const { natives } = core;

const LF = 10;
const CR = 13;
/** The longest line: 8 MiB. Who sends more has no events in mind. */
const LONGEST = 8388608;

function isDigits(text) {
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code < 48 || code > 57) return false;
  }
  return text !== '';
}

export class EventParser {
  /** Bytes of a line that has not ended, as they came. */
  #rest = makeList();
  #restSize = 0;
  #isFirst = true;
  /** The last byte was a CR: a LF that follows belongs to it. */
  #afterCr = false;
  #data = null;
  #type = '';
  #id = '';
  /** Milliseconds until the next attempt, when the server said so. */
  retry = undefined;
  lastEventId = '';

  /** The events that are complete now: a list of `{type, data, lastEventId}`; undefined when a line is too long. */
  feed(bytes) {
    const events = makeList();
    const size = typedArrayByteLength(bytes);
    let start = 0;
    for (let i = 0; i < size; i++) {
      const byte = bytes[i];
      if (byte !== LF && byte !== CR) {
        this.#afterCr = false;
        continue;
      }
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false;
        start = i + 1;
        continue;
      }
      this.#afterCr = byte === CR;
      this.#line(this.#complete(typedArraySubarray(bytes, start, i)), events);
      start = i + 1;
    }
    if (start < size) {
      this.#rest[this.#rest.length] = typedArraySubarray(bytes, start, size);
      this.#restSize += size - start;
    }
    return this.#restSize > LONGEST ? undefined : events;
  }

  #complete(end) {
    let bytes = end;
    if (this.#restSize > 0) {
      bytes = new Uint8Array(this.#restSize + typedArrayByteLength(end));
      let offset = 0;
      for (let i = 0; i < this.#rest.length; i++) {
        typedArraySet(bytes, this.#rest[i], offset);
        offset += typedArrayByteLength(this.#rest[i]);
      }
      typedArraySet(bytes, end, offset);
      this.#rest = makeList();
      this.#restSize = 0;
    }
    const text = natives.utf8Decode(bytes);
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return isFirst && stringCharCodeAt(text, 0) === 0xfeff ? stringSlice(text, 1) : text;
  }

  #line(line, events) {
    if (line === '') {
      this.#dispatch(events);
      return;
    }
    const colon = stringIndexOf(line, ':');
    if (colon === 0) return;
    const name = colon === -1 ? line : stringSlice(line, 0, colon);
    let value = colon === -1 ? '' : stringSlice(line, colon + 1);
    if (value[0] === ' ') value = stringSlice(value, 1);
    if (name === 'data') this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    else if (name === 'event') this.#type = value;
    else if (name === 'id') {
      if (!stringIncludes(value, '\0')) this.#id = value;
    } else if (name === 'retry' && isDigits(value)) this.retry = parseInt(value, 10);
  }

  #dispatch(events) {
    this.lastEventId = this.#id;
    if (this.#data !== null) {
      events[events.length] = {
        type: this.#type === '' ? 'message' : this.#type,
        data: this.#data,
        lastEventId: this.#id,
      };
    }
    this.#data = null;
    this.#type = '';
  }

  /** A new connection begins; the last id stays. */
  restart() {
    this.#rest = makeList();
    this.#restSize = 0;
    this.#isFirst = true;
    this.#afterCr = false;
    this.#data = null;
    this.#type = '';
    this.#id = this.lastEventId;
  }
}
