// Blob and File (https://w3c.github.io/FileAPI/). A blob's bytes are whole, in memory, and never change.

import { copyBytes } from '../buffers.js';
import { brandInterface } from '../interface.js';
import { makeList } from '../list.js';
import {
  dateNow,
  stringCharCodeAt,
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

function bytesOfPart(part, endings) {
  if (isBlob(part)) return slotsOf(part).bytes;
  if (isObject(part)) {
    const bytes = copyBytes(part);
    if (bytes !== undefined) return bytes;
  }
  const text = usvString(part);
  return new Uint8Array(natives.utf8Encode(endings === 'native' ? withNativeLineEnds(text) : text));
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

function bytesFrom(given, options) {
  if (given === undefined) return new Uint8Array(0);
  if (!isObject(given) || iteratorMethod(given, 'Blob: the parts') === undefined) {
    throw new TypeError('Blob: the parts must be in an array, or another iterable');
  }
  const items = makeList();
  for (const item of given) items[items.length] = item;
  const endings = options?.endings === undefined ? 'transparent' : domString(options.endings);
  if (endings !== 'transparent' && endings !== 'native') {
    throw new TypeError(`Blob: endings can not be ${core.quote(endings)}`);
  }
  const parts = makeList();
  for (let i = 0; i < items.length; i++) parts[i] = bytesOfPart(items[i], endings);
  return concatenate(parts);
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
    const given = dictionary(options, 'Blob: the second argument');
    const bytes = bytesFrom(parts, given);
    this.#slots = { bytes, type: given?.type === undefined ? '' : typeFrom(given.type) };
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
    const { bytes } = this.#slots;
    const size = typedArrayByteLength(bytes);
    let offset = 0;
    return use('streams').makeByteStream(controller => {
      const end = offset + 65536 < size ? offset + 65536 : size;
      if (end > offset) controller.enqueue(typedArraySlice(bytes, offset, end));
      offset = end;
      if (offset < size) return;
      controller.close();
      controller.byobRequest?.respond(0);
    });
  }

  async text() {
    return natives.utf8Decode(this.#slots.bytes);
  }

  async arrayBuffer() {
    return typedArrayBuffer(copyBytes(this.#slots.bytes));
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
    const given = dictionary(options, 'File: the third argument');
    super(parts, given);
    const { lastModified } = given ?? {};
    this.#file = {
      name: usvString(name),
      lastModified: lastModified === undefined ? dateNow() : clampedInteger(lastModified),
    };
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
  return new Blob(internally, { bytes, type: typeFrom(type) });
}

/** A File over bytes that nobody will change. */
export function fileFromBytes(bytes, type, name, lastModified = dateNow()) {
  return new File(internally, { bytes, type: typeFrom(type) }, { name, lastModified });
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
