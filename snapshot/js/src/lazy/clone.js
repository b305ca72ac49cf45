// structuredClone (https://html.spec.whatwg.org/#structured-cloning), for one realm.

import { isArrayBuffer } from '../buffers.js';
import { makeList } from '../list.js';
import { isError, messageOfError, nameOfError, ownProperty } from '../looking.js';
import {
  Array,
  arrayBufferByteLength,
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
  typedArrayBuffer,
  typedArrayByteOffset,
  typedArrayLength,
  typedArrayTag,
  TypeError,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  Uint8ClampedArray,
  URIError,
} from '../primordials.js';
import { isOpaque, kindOfObject } from '../inspect/kinds.js';
import { isObject, iteratorMethod, requireArguments } from '../webidl.js';

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
      return this.remember(value, new domException.DOMException(parts.message, parts.name));
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
        return this.remember(value, arrayBufferSlice(value, 0, arrayBufferByteLength(value)));
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
    if (isError(value)) return this.#error(value);
    if (isOpaque(value)) throw refusal(use('inspect').kindOf(value));
    return this.#properties(value, {});
  }

  #view(view) {
    const tag = typedArrayTag(view);
    if (tag === undefined) {
      const buffer = this.clone(dataViewBuffer(view));
      return this.remember(
        view,
        new DataView(buffer, dataViewByteOffset(view), dataViewByteLength(view)),
      );
    }
    const length = typedArrayLength(view);
    const offset = typedArrayByteOffset(view);
    const buffer = this.clone(typedArrayBuffer(view));
    return this.remember(view, new views[tag](buffer, offset, length));
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
    const copy = this.remember(error, new Constructor(messageOfError(error)));
    const message = ownProperty(error, 'message');
    if (message === undefined) delete copy.message;
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

/** The buffers to hand over; each must be one, and named once. */
function transfers(options) {
  const list = makeList();
  const given = options === undefined || options === null ? undefined : options.transfer;
  if (given === undefined) return list;
  if (!isObject(given) || iteratorMethod(given, 'structuredClone: transfer') === undefined) {
    throw new TypeError('structuredClone: transfer must be an iterable');
  }
  for (const item of given) {
    if (!isArrayBuffer(item)) throw refusal(`${use('inspect').kindOf(item)} in transfer`);
    for (let i = 0; i < list.length; i++)
      if (list[i] === item) throw refusal('a buffer named twice in transfer');
    list[list.length] = item;
  }
  return list;
}

export function structuredClone(value, options, count) {
  requireArguments(count, 1, 'structuredClone');
  const buffers = transfers(options);
  const cloner = new Cloner();
  // The clone is made of the buffers as they are, which are given up only when nothing can fail any more.
  for (let i = 0; i < buffers.length; i++) {
    const buffer = buffers[i];
    cloner.remember(buffer, arrayBufferSlice(buffer, 0, arrayBufferByteLength(buffer)));
  }
  const copy = cloner.clone(value);
  for (let i = 0; i < buffers.length; i++) arrayBufferTransfer(buffers[i]);
  return copy;
}
