// structuredClone (https://html.spec.whatwg.org/#structured-cloning), for one realm.

import { isArrayBuffer } from '../buffers.js';
import { append, makeList } from '../list.js';
import { isError, isProxy, nameOfError, ownProperty, stackOf } from '../looking.js';
import {
  Array,
  ArrayBuffer,
  arrayBufferByteLength,
  arrayBufferDetached,
  arrayBufferMaxByteLength,
  arrayBufferResizable,
  arrayBufferResize,
  arrayBufferSlice,
  arrayBufferTransfer,
  BigInt64Array,
  bigIntValueOf,
  BigUint64Array,
  booleanValueOf,
  DataView,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  Date,
  dateGetTime,
  defineProperty,
  Error,
  EvalError,
  Float32Array,
  Float64Array,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  Int16Array,
  Int32Array,
  Int8Array,
  Map,
  mapForEach,
  mapGet,
  mapSet,
  Number,
  numberValueOf,
  Object,
  objectToString,
  ownKeys,
  RangeError,
  ReferenceError,
  RegExp,
  regExpFlags,
  regExpSource,
  Set,
  setAdd,
  setForEach,
  String,
  stringValueOf,
  SyntaxError,
  symbolToStringTag,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayLength,
  typedArraySet,
  typedArrayTag,
  TypeError,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  Uint8ClampedArray,
  URIError,
} from '../primordials.js';
import { isOpaque, kindOfObject } from '../inspect/kinds.js';
import { domString, isObject, iteratorMethod, requireArguments } from '../webidl.js';

const { natives, use } = core;

function refusal(what) {
  const { DOMException } = use('dom-exception');
  return new DOMException(`structuredClone: ${what} can not be cloned`, 'DataCloneError');
}

const errors = {
  __proto__: null,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const views = {
  __proto__: null,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
  Int16Array,
  Int32Array,
  Int8Array,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  Uint8ClampedArray,
};

function define(object, key, value) {
  defineProperty(object, key, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** A copy that can grow as far as its original. */
function copyBuffer(buffer) {
  const length = arrayBufferByteLength(buffer);
  if (!arrayBufferResizable(buffer)) return arrayBufferSlice(buffer, 0, length);
  const maxByteLength = arrayBufferMaxByteLength(buffer);
  const copy = new ArrayBuffer(length, { __proto__: null, maxByteLength });
  typedArraySet(new Uint8Array(copy), new Uint8Array(buffer), 0);
  return copy;
}

/** Whether it is born as an error; of what hides that with a tag of its own, whether it inherits from one. */
function isBornError(value) {
  for (let it = value; it !== null; it = getPrototypeOf(it)) {
    if (isProxy(it) || ownProperty(it, symbolToStringTag) !== undefined) return isError(value);
  }
  return objectToString(value) === '[object Error]';
}

/**
 * Whether a view of a buffer that can be resized is as long as the buffer lets it be, now and later. Only resizing tells: the
 * buffer gets larger by as much as it may, or smaller when it is as large as it can be, and then what it was.
 */
function isTracking(lengthOf, buffer, size) {
  const before = lengthOf();
  const length = arrayBufferByteLength(buffer);
  const most = arrayBufferMaxByteLength(buffer);
  const changed = length + size <= most ? length + size : length - size;
  if (changed < 0) return false;
  const lost = new Uint8Array(
    arrayBufferSlice(buffer, changed < length ? changed : length, length),
  );
  arrayBufferResize(buffer, changed);
  let isOther;
  try {
    isOther = lengthOf() !== before;
  } catch {
    // Out of bounds: it is as long as it was made.
    isOther = false;
  }
  arrayBufferResize(buffer, length);
  if (changed < length) typedArraySet(new Uint8Array(buffer), lost, changed);
  return isOther;
}

/** One call: what was cloned already, and which buffers go over instead. */
class Cloner {
  #known = new Map();

  /** Transferred buffers are cloned as what they have become. */
  remember(original, copy) {
    mapSet(this.#known, original, copy);
    return copy;
  }

  clone(value) {
    if (!isObject(value)) {
      if (typeof value === 'symbol') throw refusal(use('inspect').inspect(value));
      return value;
    }
    const known = mapGet(this.#known, value);
    if (known !== undefined) return known;
    if (typeof value === 'function' || natives.isProxy(value)) {
      throw refusal(use('inspect').kindOf(value));
    }
    return this.#platform(value) ?? this.#byKind(value, kindOfObject(value));
  }

  /** Objects of this platform that can be cloned, and those that can not. */
  #platform(value) {
    const { blob, 'dom-exception': domException } = core.made;
    if (blob?.isBlob(value)) {
      const bytes = blob.bytesOf(value);
      const type = blob.typeOf(value);
      const copy = blob.isFile(value)
        ? blob.fileFromBytes(bytes, type, blob.nameOf(value), blob.lastModifiedOf(value))
        : blob.fromBytes(bytes, type);
      return this.remember(value, copy);
    }
    const parts = domException?.partsOf(value);
    if (parts !== undefined) {
      const copy = new domException.DOMException(parts.message, parts.name);
      defineHidden(copy, 'stack', stackOf(value));
      return this.remember(value, copy);
    }
    const key = core.made['crypto-subtle']?.stateOf(value);
    if (key !== undefined) return this.remember(value, core.made['crypto-subtle'].cloneKey(key));
    if (isPlatformObject(value)) throw refusal(use('inspect').kindOf(value));
    return undefined;
  }

  #byKind(value, kind) {
    switch (kind) {
      case 'Boolean':
        return this.remember(value, Object(booleanValueOf(value)));
      case 'Number':
        return this.remember(value, new Number(numberValueOf(value)));
      case 'BigInt':
        return this.remember(value, Object(bigIntValueOf(value)));
      case 'String':
        return this.remember(value, new String(stringValueOf(value)));
      case 'Symbol':
        throw refusal('a Symbol object');
      case 'Date':
        return this.remember(value, new Date(dateGetTime(value)));
      case 'RegExp':
        return this.remember(value, new RegExp(regExpSource(value), regExpFlags(value)));
      case 'ArrayBuffer':
        if (arrayBufferDetached(value)) throw refusal('an ArrayBuffer that is detached');
        return this.remember(value, copyBuffer(value));
      case 'View':
        return this.#view(value);
      case 'Map':
        return this.#map(value);
      case 'Set':
        return this.#set(value);
      case 'Array':
        return this.#properties(value, new Array(value.length));
      default:
        break;
    }
    if (isBornError(value)) return this.#error(value);
    if (isOpaque(value)) throw refusal(use('inspect').kindOf(value));
    return this.#properties(value, {});
  }

  #view(view) {
    const tag = typedArrayTag(view);
    const Constructor = tag === undefined ? DataView : views[tag];
    const buffer = tag === undefined ? dataViewBuffer(view) : typedArrayBuffer(view);
    const copy = this.clone(buffer);
    const lengthOf = () => {
      if (tag === undefined) return dataViewByteLength(view);
      const length = typedArrayLength(view);
      // Nothing can be written to a view that is out of bounds, not even nothing.
      if (length === 0) typedArraySet(view, new Constructor(0), 0);
      return length;
    };
    let length;
    try {
      length = lengthOf();
    } catch {
      throw refusal('a view that is out of the bounds of its buffer');
    }
    const offset = tag === undefined ? dataViewByteOffset(view) : typedArrayByteOffset(view);
    if (arrayBufferResizable(buffer)) {
      const size = tag === undefined ? 1 : typedArrayByteLength(new Constructor(1));
      if (isTracking(lengthOf, buffer, size)) length = undefined;
    }
    return this.remember(view, new Constructor(copy, offset, length));
  }

  #map(map) {
    const copy = this.remember(map, new Map());
    const entries = makeList();
    mapForEach(map, (value, key) => {
      entries[entries.length] = { key, value };
    });
    for (let i = 0; i < entries.length; i++) {
      mapSet(copy, this.clone(entries[i].key), this.clone(entries[i].value));
    }
    return copy;
  }

  #set(set) {
    const copy = this.remember(set, new Set());
    const items = makeList();
    setForEach(set, item => {
      items[items.length] = item;
    });
    for (let i = 0; i < items.length; i++) setAdd(copy, this.clone(items[i]));
    return copy;
  }

  #error(error) {
    const Constructor = errors[nameOfError(error)] ?? Error;
    const copy = this.remember(error, new Constructor());
    const message = ownProperty(error, 'message');
    if (message !== undefined && 'value' in message) {
      defineHidden(copy, 'message', domString(message.value));
    }
    const stack = error.stack;
    if (typeof stack === 'string') defineHidden(copy, 'stack', stack);
    const cause = ownProperty(error, 'cause');
    if (cause !== undefined && 'value' in cause) {
      defineHidden(copy, 'cause', this.clone(cause.value));
    }
    return copy;
  }

  /** Own enumerable properties with strings for keys; getters are called, as the standard has it. */
  #properties(object, copy) {
    this.remember(object, copy);
    const keys = ownKeys(object);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key !== 'string') continue;
      if (getOwnPropertyDescriptor(object, key)?.enumerable) {
        define(copy, key, this.clone(object[key]));
      }
    }
    return copy;
  }
}

function defineHidden(object, key, value) {
  defineProperty(object, key, { __proto__: null, value, writable: true, configurable: true });
}

/** Instances of classes of this platform that are not serializable. */
function isPlatformObject(value) {
  const { abort, events, formdata, headers, streams, url } = core.made;
  return (
    core.requestState(value) !== undefined ||
    core.responseState(value) !== undefined ||
    (headers?.isHeaders(value) ?? false) ||
    (formdata?.isFormData(value) ?? false) ||
    (url?.isURLSearchParams(value) ?? false) ||
    url?.hrefOf(value) !== undefined ||
    (streams?.isStream(value) ?? false) ||
    (abort?.isSignal(value) ?? false) ||
    (events?.isEventOrTarget(value) ?? false)
  );
}

/** What `transfer` of an options argument lists, which may be the list itself where `isListAllowed`. */
export function transferList(options, isListAllowed) {
  const list = makeList();
  if (options === undefined || options === null) return list;
  if (!isObject(options)) throw new TypeError('The options must be an object');
  const isList = isListAllowed && iteratorMethod(options, 'The transfer list') !== undefined;
  const given = isList ? options : options.transfer;
  if (given === undefined) return list;
  if (!isObject(given) || iteratorMethod(given, 'transfer') === undefined) {
    throw new TypeError('transfer must be an iterable');
  }
  for (const item of given) {
    if (!isObject(item)) throw new TypeError('Each item of transfer must be an object');
    list[list.length] = item;
  }
  return list;
}

/** Begins the transfer of `item`: what stands for it in the clone, and `finish()`, which gives the original up or throws. */
function transferring(item) {
  const { messages, streams } = core.made;
  if (isArrayBuffer(item)) {
    if (arrayBufferDetached(item)) throw refusal('an ArrayBuffer that is detached');
    return { moved: copyBuffer(item), finish: () => giveUp(item) };
  }
  if (messages?.isPort(item)) {
    if (messages.isDetached(item)) throw refusal('a MessagePort that was transferred');
    const moved = messages.blankPort();
    return { moved, finish: () => messages.movePort(item, moved) };
  }
  if (streams?.isStream(item)) {
    if (streams.isHeld(item)) throw refusal('a stream that is locked');
    return { moved: streams.transfer(item), finish() {} };
  }
  throw refusal(`${use('inspect').kindOf(item)} in transfer`);
}

function giveUp(buffer) {
  if (arrayBufferDetached(buffer)) throw refusal('an ArrayBuffer that is detached');
  try {
    arrayBufferTransfer(buffer);
  } catch {
    throw refusal('the memory of a WebAssembly module');
  }
}

/**
 * https://html.spec.whatwg.org/#structuredserializewithtransfer and what undoes it, in one: a clone of `value`, in which stands
 * what the items of `list` became, and the ports among these.
 */
export function cloneWith(value, list) {
  const cloner = new Cloner();
  const transfers = makeList();
  const ports = [];
  for (let i = 0; i < list.length; i++) {
    for (let j = 0; j < i; j++) {
      if (list[i] === list[j]) throw refusal('an object that is named twice in transfer');
    }
    transfers[i] = transferring(list[i]);
    cloner.remember(list[i], transfers[i].moved);
  }
  const copy = cloner.clone(value);
  // Nothing is given up before nothing but this can fail.
  for (let i = 0; i < transfers.length; i++) {
    transfers[i].finish();
    if (core.made.messages?.isPort(list[i])) append(ports, transfers[i].moved);
  }
  return { value: copy, ports };
}

export function structuredClone(value, options, count) {
  requireArguments(count, 1, 'structuredClone');
  return cloneWith(value, transferList(options, false)).value;
}
