// The end of a WebSocket whose other end is in the world: messages go out and come in as the two streams with one id.

import { makeList } from '../list.js';
import { typedArrayByteLength, typedArraySubarray, Uint8Array } from '../primordials.js';
import { CLOSE, Frames, frameOf, TEXT } from './frames.js';

const { natives, use } = core;

/** The content of a close frame; empty without a code. */
function closeContent(code, reason) {
  if (code === 1005) return new Uint8Array(0);
  const bytes = new Uint8Array(natives.utf8Encode(`  ${reason}`));
  bytes[0] = code >>> 8;
  bytes[1] = code;
  return bytes;
}

/**
 * Speaks for the peer. `end` is the WebSocket's end that hears it: `end.isOpen()` tells whether it takes messages now,
 * `end.receive(data)` is given one, `end.closed(code, reason, clean)` is called once, at last; `end.sent(bytes)` when as
 * many have gone out.
 */
export class Remote {
  #id;
  #end;
  #sender;
  #frames = new Frames();
  /** What came and was not handed on yet. */
  #came = makeList();
  #next = 0;
  #scheduled = false;
  #reading = false;
  #over = false;
  #going = makeList();
  #pumping = false;
  #closing = false;

  #queued = 0;

  constructor(id, end) {
    this.#id = id;
    this.#end = end;
    this.#sender = use('outbound').open(id);
  }

  /** Bytes that wait to go out. */
  get queued() {
    return this.#queued;
  }

  /** From now on another end hears the peer. */
  attach(end) {
    this.#end = end;
  }

  /** Goes on, if it can: after the end has begun to take messages, and after each of them. */
  resume() {
    if (this.#over || this.#scheduled || !this.#end.isOpen()) return;
    if (this.#next < this.#came.length) {
      this.#scheduled = true;
      use('timers').background(() => this.#handOn(), 0);
    } else if (!this.#reading) {
      this.#reading = true;
      this.#came = makeList();
      this.#next = 0;
      use('inbound').read(this.#id, this);
    }
  }

  /** One message a task. */
  #handOn() {
    this.#scheduled = false;
    const { kind, bytes } = this.#came[this.#next];
    this.#came[this.#next++] = undefined;
    if (kind === CLOSE) {
      this.#finish(bytes);
      return;
    }
    this.resume();
    this.#end.receive(kind === TEXT ? natives.utf8Decode(bytes) : bytes);
  }

  // What the stream says.

  chunk(bytes) {
    this.#reading = false;
    this.#frames.feed(bytes, (kind, content) => {
      this.#came[this.#came.length] = { kind, bytes: content };
    });
    this.resume();
  }

  end() {
    this.#lose();
  }

  fail() {
    this.#lose();
  }

  #lose() {
    if (this.#over) return;
    this.#over = true;
    use('outbound').cancel(this.#id, 'the connection was lost');
    this.#end.closed(1006, '', false);
  }

  #finish(content) {
    this.#over = true;
    use('inbound').cancel(this.#id);
    use('outbound').finish(this.#sender);
    if (typedArrayByteLength(content) < 2) {
      this.#end.closed(1005, '', true);
      return;
    }
    const code = content[0] * 256 + content[1];
    const reason = natives.utf8Decode(typedArraySubarray(content, 2));
    this.#end.closed(code, reason, code !== 1006);
  }

  // What goes out.

  send(kind, bytes) {
    if (this.#closing || this.#over) return;
    const size = typedArrayByteLength(bytes);
    this.#queued += size;
    this.#going[this.#going.length] = { frame: frameOf(kind, bytes), size };
    if (!this.#pumping) this.#pump();
  }

  close(code, reason) {
    this.send(CLOSE, closeContent(code, reason));
    this.#closing = true;
    // Its answer is wanted, whatever becomes of messages.
    this.resume();
  }

  async #pump() {
    this.#pumping = true;
    while (this.#going.length > 0) {
      const list = this.#going;
      this.#going = makeList();
      for (let i = 0; i < list.length && !this.#over; i++) {
        await this.#sender.send(list[i].frame);
        this.#queued -= list[i].size;
        this.#end.sent(list[i].size);
      }
    }
    this.#pumping = false;
  }
}
