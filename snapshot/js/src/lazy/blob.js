// Blob and File (https://w3c.github.io/FileAPI/). A blob's bytes are whole, in memory, and never change.

import { copyBytes, viewOf } from '../buffers.js';
import { brandInterface } from '../interface.js';
import { makeList } from '../list.js';
import {
  dateNow,
  stringCharCodeAt,
  stringSlice,
  stringToLowerCase,
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArraySet,
  typedArraySlice,
  typedArraySubarray,
  Uint8Array,
} from '../primordials.js';
import {
  clampedInteger,
  dictionary,
  domString,
  isObject,
  iteratorMethod,
  longLong,
  requireArguments,
  usvString,
} from '../webidl.js';

const { natives, use } = core;

const internally = { __proto__: null };
let slotsOf;
/** Whether a value is a Blob. */
export let isBlob;

/** A type with characters from U+0020 to U+007E alone, in lower case; else none. */
function typeFrom(given) {
  const text = domString(given);
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code < 0x20 || code > 0x7e) return '';
  }
  return stringToLowerCase(text);
}

const withNativeLineEnds = text => {
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code === 13) {
      result += '\n';
      if (stringCharCodeAt(text, i + 1) === 10) i += 1;
    } else {
      result += text[i];
    }
  }
  return result;
};

/** A part as WebIDL has it, whose bytes are taken later: a Blob, a buffer or view, or a string. */
function partFrom(value) {
  return isBlob(value) || viewOf(value) !== undefined ? value : usvString(value);
}

function bytesOfPart(part, endings) {
  if (isBlob(part)) return slotsOf(part).bytes;
  if (typeof part !== 'string') return copyBytes(part);
  return new Uint8Array(natives.utf8Encode(endings === 'native' ? withNativeLineEnds(part) : part));
}

function concatenate(parts) {
  let size = 0;
  for (let i = 0; i < parts.length; i++) size += typedArrayByteLength(parts[i]);
  const whole = new Uint8Array(size);
  let offset = 0;
  for (let i = 0; i < parts.length; i++) {
    typedArraySet(whole, parts[i], offset);
    offset += typedArrayByteLength(parts[i]);
  }
  return whole;
}

function partsFrom(given, what) {
  const items = makeList();
  if (!isObject(given) || iteratorMethod(given, `${what}: the parts`) === undefined) {
    throw new TypeError(`${what}: the parts must be in an array, or another iterable`);
  }
  for (const item of given) items[items.length] = partFrom(item);
  return items;
}

/** The members of a BlobPropertyBag, read in the order of their names. */
function bagFrom(given, what) {
  const bag = dictionary(given, `${what}: the options`);
  const endings = bag?.endings;
  const mode = endings === undefined ? 'transparent' : domString(endings);
  if (mode !== 'transparent' && mode !== 'native') {
    throw new TypeError(`${what}: endings can not be ${core.quote(mode)}`);
  }
  const type = bag?.type;
  return { mode, type: type === undefined ? '' : typeFrom(type) };
}

function slotsFrom(items, { mode, type }) {
  const parts = makeList();
  for (let i = 0; i < items.length; i++) parts[i] = bytesOfPart(items[i], mode);
  return { bytes: concatenate(parts), type };
}

function streamOfBytes(bytes) {
  const size = typedArrayByteLength(bytes);
  let offset = 0;
  const source = use('byte-source');
  return use('streams').makeByteStream(controller => {
    const end = offset + 65536 < size ? offset + 65536 : size;
    if (end > offset) source.give(controller, typedArraySlice(bytes, offset, end));
    offset = end;
    if (offset === size) source.finish(controller);
  });
}

export class Blob {
  #slots;

  static {
    slotsOf = blob => blob.#slots;
    isBlob = value => isObject(value) && #slots in value;
  }

  constructor(parts = undefined, options = undefined) {
    if (parts === internally) {
      this.#slots = options;
      return;
    }
    const items = parts === undefined ? makeList() : partsFrom(parts, 'Blob');
    this.#slots = slotsFrom(items, bagFrom(options, 'Blob'));
  }

  get size() {
    return typedArrayByteLength(this.#slots.bytes);
  }

  get type() {
    return this.#slots.type;
  }

  slice(start = undefined, end = undefined, type = '') {
    const { bytes } = this.#slots;
    const size = typedArrayByteLength(bytes);
    const from = start === undefined ? 0 : placeIn(clampedInteger(start), size);
    const to = end === undefined ? size : placeIn(clampedInteger(end), size);
    const part = typedArraySubarray(bytes, from, to < from ? from : to);
    return new Blob(internally, { bytes: part, type: typeFrom(type) });
  }

  stream() {
    return streamOfBytes(this.#slots.bytes);
  }

  async text() {
    const text = natives.utf8Decode(this.#slots.bytes);
    // Decoding takes a byte order mark away.
    return stringCharCodeAt(text, 0) === 0xfeff ? stringSlice(text, 1) : text;
  }

  async arrayBuffer() {
    return typedArrayBuffer(copyBytes(this.#slots.bytes));
  }

  textStream() {
    return use('encoding').textStreamOf(streamOfBytes(this.#slots.bytes));
  }

  async bytes() {
    return copyBytes(this.#slots.bytes);
  }
}

brandInterface(Blob, 'Blob');

function placeIn(position, size) {
  if (position < 0) return size + position < 0 ? 0 : size + position;
  return position > size ? size : position;
}

let fileOf;
/** Whether a value is a File. */
export let isFile;

export class File extends Blob {
  #file;

  static {
    fileOf = value => value.#file;
    isFile = value => isObject(value) && #file in value;
  }

  constructor(parts, name, options = undefined) {
    if (parts === internally) {
      super(internally, name);
      this.#file = options;
      return;
    }
    requireArguments(arguments.length, 2, 'File');
    const items = partsFrom(parts, 'File');
    const text = usvString(name);
    const bag = bagFrom(options, 'File');
    const lastModified = options?.lastModified;
    const time = lastModified === undefined ? dateNow() : longLong(lastModified);
    super(internally, slotsFrom(items, bag));
    this.#file = { name: text, lastModified: time };
  }

  get name() {
    return this.#file.name;
  }

  get lastModified() {
    return this.#file.lastModified;
  }

  get webkitRelativePath() {
    this.#file;
    return '';
  }
}

brandInterface(File, 'File');

/** A Blob over bytes that nobody will change. */
export function fromBytes(bytes, type) {
  return new Blob(internally, { bytes, type });
}

/** A File over bytes that nobody will change. */
export function fileFromBytes(bytes, type, name, lastModified = dateNow()) {
  return new File(internally, { bytes, type }, { name, lastModified });
}

export function bytesOf(blob) {
  return slotsOf(blob).bytes;
}

export function typeOf(blob) {
  return slotsOf(blob).type;
}

export function nameOf(file) {
  return fileOf(file).name;
}

export function lastModifiedOf(file) {
  return fileOf(file).lastModified;
}
