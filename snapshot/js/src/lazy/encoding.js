// TextEncoder and TextDecoder (https://encoding.spec.whatwg.org/). UTF-8 is the host's; other encodings are in a chunk
// of their own, with their tables.

import { copyBytes, viewOf } from '../buffers.js';
import { brandInterface } from '../interface.js';
import {
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  TypeError,
  typedArrayLength,
  typedArraySet,
  typedArraySlice,
  typedArraySubarray,
  typedArrayTag,
  Uint8Array,
} from '../primordials.js';
import { dictionary, domString, requireArguments } from '../webidl.js';
import { unfinished } from '../utf8.js';

const { natives, use } = core;

export class TextEncoder {
  #brand = undefined;

  get encoding() {
    this.#brand;
    return 'utf-8';
  }

  encode(input = '') {
    this.#brand;
    return new Uint8Array(natives.utf8Encode(domString(input)));
  }

  encodeInto(source, destination) {
    this.#brand;
    requireArguments(arguments.length, 2, 'TextEncoder.encodeInto');
    const text = domString(source);
    if (typeof destination !== 'object' || typedArrayTag(destination) !== 'Uint8Array') {
      throw new TypeError('TextEncoder.encodeInto: the destination must be a Uint8Array');
    }
    const room = typedArrayLength(destination);
    // It may be detached, too.
    if (room === 0) return { read: 0, written: 0 };
    const fitting = text.length > room ? stringSlice(text, 0, room) : text;
    const bytes = new Uint8Array(natives.utf8Encode(fitting));
    if (typedArrayLength(bytes) <= room && fitting.length === text.length) {
      typedArraySet(destination, bytes);
      return { read: text.length, written: typedArrayLength(bytes) };
    }
    const { read, written } = measure(text, room);
    typedArraySet(destination, typedArraySubarray(bytes, 0, written));
    return { read, written };
  }
}

brandInterface(TextEncoder, 'TextEncoder');

/** How many code units fit into so many bytes, and how many bytes they take. */
function measure(text, room) {
  let read = 0;
  let written = 0;
  while (read < text.length) {
    const code = stringCharCodeAt(text, read);
    const next = stringCharCodeAt(text, read + 1);
    const isPair = code >= 0xd800 && code < 0xdc00 && next >= 0xdc00 && next < 0xe000;
    const size = isPair ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    if (written + size > room) break;
    written += size;
    read += isPair ? 2 : 1;
  }
  return { read, written };
}

/** How often U+FFFD is in a text, and how often its bytes are in bytes. */
function replacements(text) {
  let count = 0;
  for (let i = stringIndexOf(text, '\ufffd'); i !== -1; i = stringIndexOf(text, '\ufffd', i + 1)) {
    count += 1;
  }
  return count;
}

function encodedReplacements(bytes) {
  let count = 0;
  const last = typedArrayLength(bytes) - 2;
  for (let i = 0; i < last; i++) {
    if (bytes[i] === 0xef && bytes[i + 1] === 0xbf && bytes[i + 2] === 0xbd) count += 1;
  }
  return count;
}

function joined(a, b) {
  const length = typedArrayLength(a);
  const bytes = new Uint8Array(length + typedArrayLength(b));
  typedArraySet(bytes, a);
  typedArraySet(bytes, b, length);
  return bytes;
}

/** A decoder for UTF-8 with the state of a stream. */
class Utf8Decoder {
  #fatal;
  #ignoreBOM;
  /** Bytes of a character that is not complete yet, or null. */
  #rest = null;
  #begun = false;

  constructor(fatal, ignoreBOM) {
    this.#fatal = fatal;
    this.#ignoreBOM = ignoreBOM;
  }

  decode(given, stream) {
    let bytes = this.#rest === null ? given : joined(this.#rest, given);
    this.#rest = null;
    if (stream) {
      const size = typedArrayLength(bytes);
      const complete = size - unfinished(bytes, size);
      if (complete < size) {
        this.#rest = typedArraySlice(bytes, complete);
        bytes = typedArraySubarray(bytes, 0, complete);
      }
    }
    let text = natives.utf8Decode(bytes);
    const begun = this.#begun;
    this.#begun = stream && (begun || text !== '');
    if (this.#fatal && replacements(text) !== encodedReplacements(bytes)) {
      this.#begun = false;
      throw new TypeError('TextDecoder: the bytes are no UTF-8');
    }
    if (!begun && !this.#ignoreBOM && stringCharCodeAt(text, 0) === 0xfeff)
      text = stringSlice(text, 1);
    return text;
  }
}

/** The labels of UTF-8 that need no table, as nearly all write them. */
function isUtf8(label) {
  return label === 'utf-8' || label === 'utf8' || label === 'UTF-8';
}

/** `decode(bytes, stream)` of a TextDecoder, whatever its prototype has become. */
let decoderOf;

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #decoder;

  static {
    decoderOf = decoder => (bytes, stream) => decoder.#decoder.decode(bytes, stream);
  }

  constructor(label = 'utf-8', options = undefined) {
    const text = domString(label);
    const given = dictionary(options, 'TextDecoder: the second argument');
    this.#fatal = !!given?.fatal;
    this.#ignoreBOM = !!given?.ignoreBOM;
    this.#encoding = isUtf8(text) ? 'utf-8' : use('legacy-encodings').nameOf(text);
    this.#decoder =
      this.#encoding === 'utf-8'
        ? new Utf8Decoder(this.#fatal, this.#ignoreBOM)
        : use('legacy-encodings').makeDecoder(this.#encoding, this.#fatal, this.#ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = undefined, options = undefined) {
    const decoder = this.#decoder;
    const given = dictionary(options, 'TextDecoder.decode: the second argument');
    const stream = !!given?.stream;
    const bytes = input === undefined ? new Uint8Array(0) : viewOf(input);
    if (bytes === undefined) {
      throw new TypeError(
        'TextDecoder.decode: the argument must be an ArrayBuffer or a view of one',
      );
    }
    return decoder.decode(bytes, stream);
  }
}

brandInterface(TextDecoder, 'TextDecoder');

function enqueueText(it, text) {
  if (text !== '') use('transform').enqueue(it, text);
}

function decoding(decoder) {
  const decode = decoderOf(decoder);
  return use('transform').makeTransform({
    __proto__: null,
    transform(chunk, it) {
      const bytes = copyBytes(chunk);
      if (bytes === undefined) throw new TypeError('TextDecoderStream: a chunk must be bytes');
      enqueueText(it, decode(bytes, true));
    },
    flush: it => enqueueText(it, decode(new Uint8Array(0), false)),
  });
}

/** The text of a stream of bytes, which is UTF-8. */
export function textStreamOf(stream) {
  const transform = decoding(new TextDecoder());
  use('streams').pipeInto(stream, transform.writable);
  return use('transform').readableOf(transform);
}

export class TextDecoderStream {
  #decoder;
  #transform;

  constructor(label = 'utf-8', options = undefined) {
    this.#decoder = new TextDecoder(label, options);
    this.#transform = decoding(this.#decoder);
  }

  get encoding() {
    return this.#decoder.encoding;
  }

  get fatal() {
    return this.#decoder.fatal;
  }

  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }

  get readable() {
    return use('transform').readableOf(this.#transform);
  }

  get writable() {
    return use('transform').writableOf(this.#transform);
  }
}

brandInterface(TextDecoderStream, 'TextDecoderStream');

export class TextEncoderStream {
  #transform;

  constructor() {
    // The first half of a pair, of which the other half is in the next chunk.
    let high = '';
    const enqueue = (it, text) => {
      use('transform').enqueue(it, new Uint8Array(natives.utf8Encode(text)));
    };
    this.#transform = use('transform').makeTransform({
      __proto__: null,
      transform(chunk, it) {
        const text = high + domString(chunk);
        const code = stringCharCodeAt(text, text.length - 1);
        const isSplit = code >= 0xd800 && code < 0xdc00;
        high = isSplit ? stringSlice(text, text.length - 1) : '';
        const whole = isSplit ? stringSlice(text, 0, text.length - 1) : text;
        if (whole !== '') enqueue(it, whole);
      },
      flush(it) {
        if (high !== '') enqueue(it, high);
      },
    });
  }

  get encoding() {
    this.#transform;
    return 'utf-8';
  }

  get readable() {
    return use('transform').readableOf(this.#transform);
  }

  get writable() {
    return use('transform').writableOf(this.#transform);
  }
}

brandInterface(TextEncoderStream, 'TextEncoderStream');
