// Outbound streams: bodies that go to the runner in chunks, under credit (docs/boundary.md).

import { copyBytes } from '../buffers.js';
import {
  Map,
  mapDelete,
  mapGet,
  mapSet,
  Promise,
  TypeError,
  typedArrayByteLength,
  typedArraySlice,
  Uint8Array,
} from '../primordials.js';

const { attach, BYTES, emit, event, fail, hold, natives, quote, release, setSending, use } = core;

/** The longest chunk: 64 KiB. */
const CHUNK = 65536;
/** What may be sent before the receiver has said anything: 256 KiB. */
const WINDOW = 262144;

let senders = new Map();

class Sender {
  id;
  credit = WINDOW;
  cancelled = false;
  reader = null;
  #wake = null;

  constructor(id) {
    this.id = id;
    mapSet(senders, id, this);
  }

  /** A promise for credit, or for being cancelled. */
  credited() {
    hold();
    return new Promise(resolve => {
      this.#wake = resolve;
    });
  }

  wake() {
    if (this.#wake === null) return;
    const wake = this.#wake;
    this.#wake = null;
    release();
    wake();
  }

  /** Sends bytes that nobody will change, as the credit allows; false when nobody wants them any more. */
  async send(bytes) {
    const size = typedArrayByteLength(bytes);
    for (let offset = 0; offset < size; ) {
      if (this.credit <= 0) await this.credited();
      if (this.cancelled) return false;
      let length = size - offset;
      if (length > CHUNK) length = CHUNK;
      if (length > this.credit) length = this.credit;
      const end = offset + length;
      const chunk = offset === 0 && end === size ? bytes : typedArraySlice(bytes, offset, end);
      emit(`["chunk",${this.id},${attach(chunk)}]`);
      this.credit -= length;
      offset = end;
    }
    return true;
  }
}

/** A copy of what a stream gave as chunk: its maker may go on writing to it. */
function bytesOf(chunk) {
  if (typeof chunk === 'string') return new Uint8Array(natives.utf8Encode(chunk));
  const bytes = copyBytes(chunk);
  if (bytes === undefined) {
    throw new TypeError(
      `A chunk of a body must be a Uint8Array, not ${use('inspect').kindOf(chunk)}`,
    );
  }
  return bytes;
}

async function pump(sender, stream) {
  const streams = use('streams');
  const reader = streams.acquireReader(stream);
  sender.reader = reader;
  try {
    for (;;) {
      if (sender.credit <= 0) await sender.credited();
      if (sender.cancelled) return;
      const { done, value } = await streams.readFrom(reader);
      if (done || sender.cancelled) return;
      if (!(await sender.send(bytesOf(value)))) return;
    }
  } catch (error) {
    streams.cancelReader(reader, error);
    throw error;
  }
}

/** A sender of bytes in pieces, as outbound stream `id`: of messages, not of a body. */
export function open(id) {
  return new Sender(id);
}

/** Nothing follows. */
export function finish(sender) {
  if (!sender.cancelled) emit(`["end",${sender.id}]`);
  mapDelete(senders, sender.id);
}

/** Sends a body as outbound stream `id`; rejects with what its source threw, after telling the receiver. */
export async function send(id, body) {
  const sender = new Sender(id);
  try {
    if (body.kind === BYTES && body.stream === null) await sender.send(body.source);
    else await pump(sender, use('body').toStream(body));
    if (!sender.cancelled) emit(`["end",${id}]`);
  } catch (error) {
    if (sender.cancelled) return;
    emit(`["fail",${id},${quote(use('inspect').messageOf(error))}]`);
    throw error;
  } finally {
    mapDelete(senders, id);
  }
}

/** Sends the body of the response; the execution lasts until it is sent. */
export async function sendResponseBody(body) {
  const mine = event();
  setSending(true);
  try {
    await send(0, body);
  } catch (error) {
    if (mine === event()) fail(error);
  } finally {
    if (mine === event()) setSending(false);
  }
}

/** The receiver took `bytes`. */
export function grant(id, bytes) {
  const sender = mapGet(senders, id);
  if (sender === undefined) return;
  sender.credit += bytes;
  sender.wake();
}

/** Nobody reads what goes out as `id` any more. */
export function cancel(id, reason) {
  abandon(id, use('abort').abortError(reason));
}

/** The same, with the error that the source is told. */
export function abandon(id, error) {
  const sender = mapGet(senders, id);
  if (sender === undefined || sender.cancelled) return;
  sender.cancelled = true;
  sender.wake();
  if (sender.reader !== null) use('streams').cancelReader(sender.reader, error);
}

export function forget() {
  senders = new Map();
}
