// The built-ins as they were born. Runs when the snapshot is made, before there is any tenant code
// that could patch them; `primordials.js` gives them names.

import { names } from 'isolane:raw-names';

const ArrayProto = Array.prototype;
const BufferProto = ArrayBuffer.prototype;
const DateProto = Date.prototype;
const FunctionProto = Function.prototype;
const MapProto = Map.prototype;
const RegExpProto = RegExp.prototype;
const SetProto = Set.prototype;
const StringProto = String.prototype;
const TypedArray = Object.getPrototypeOf(Uint8Array);
const TypedArrayProto = TypedArray.prototype;
const WeakMapProto = WeakMap.prototype;
const ViewProto = DataView.prototype;

const getter = (object, name) => Object.getOwnPropertyDescriptor(object, name).get;

const born = {
  __proto__: null,
  // `uncurry(method)` is `(self, ...args) => method.call(self, ...args)`, looking nothing up when it is called.
  uncurry: FunctionProto.bind.bind(FunctionProto.call),

  Array,
  ArrayBuffer,
  BigInt,
  BigIntValueOf: BigInt.prototype.valueOf,
  Boolean,
  BooleanValueOf: Boolean.prototype.valueOf,
  DataView,
  Date,
  Error,
  EvalError,
  FinalizationRegistry,
  Map,
  Number,
  NumberValueOf: Number.prototype.valueOf,
  Object,
  Promise,
  parseFloat,
  parseInt,
  RangeError,
  ReferenceError,
  RegExp,
  Set,
  String,
  StringValueOf: StringProto.valueOf,
  Symbol,
  SymbolValueOf: Symbol.prototype.valueOf,
  SyntaxError,
  TypeError,
  URIError,
  Uint8Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
  Int16Array,
  Int32Array,
  Int8Array,
  Uint16Array,
  Uint32Array,
  Uint8ClampedArray,
  WeakMap,
  WeakRef,
  WeakSet,

  ArrayBufferByteLength: getter(BufferProto, 'byteLength'),
  ArrayBufferDetached: getter(BufferProto, 'detached'),
  ArrayBufferIsView: ArrayBuffer.isView,
  ArrayBufferMaxByteLength: getter(BufferProto, 'maxByteLength'),
  ArrayBufferResizable: getter(BufferProto, 'resizable'),
  ArrayBufferResize: BufferProto.resize,
  ArrayBufferSlice: BufferProto.slice,
  ArrayBufferTransfer: BufferProto.transfer,
  ArrayIsArray: Array.isArray,
  ArraySort: ArrayProto.sort,
  AsyncIteratorProto: Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype)),
  DateGetTime: DateProto.getTime,
  DateNow: Date.now,
  DateToISOString: DateProto.toISOString,
  DataViewBuffer: getter(ViewProto, 'buffer'),
  DataViewByteLength: getter(ViewProto, 'byteLength'),
  DataViewByteOffset: getter(ViewProto, 'byteOffset'),
  // Called by this name it evaluates scripts, as in `(0, eval)(text)`.
  // biome-ignore lint/security/noGlobalEval: rare chunks come as text
  Eval: eval,
  ErrorCaptureStackTrace: Error.captureStackTrace,
  ErrorProto: Error.prototype,
  ErrorStack: getter(new Error(), 'stack'),
  FunctionToString: FunctionProto.toString,
  IteratorProto: Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())),
  JSONParse: JSON.parse,
  JSONStringify: JSON.stringify,
  MapForEach: MapProto.forEach,
  MapDelete: MapProto.delete,
  MapGet: MapProto.get,
  MapHas: MapProto.has,
  MapSet: MapProto.set,
  MapSize: getter(MapProto, 'size'),
  MathFloor: Math.floor,
  NumberIsNaN: Number.isNaN,
  NumberToString: Number.prototype.toString,
  ObjectDefineProperty: Object.defineProperty,
  ObjectFreeze: Object.freeze,
  ObjectGetOwnPropertyDescriptor: Object.getOwnPropertyDescriptor,
  ObjectGetPrototypeOf: Object.getPrototypeOf,
  ObjectHasOwn: Object.hasOwn,
  ObjectProto: Object.prototype,
  ObjectSetPrototypeOf: Object.setPrototypeOf,
  ObjectToString: Object.prototype.toString,
  PromiseResolve: Promise.resolve,
  PromiseThen: Promise.prototype.then,
  ReflectApply: Reflect.apply,
  ReflectOwnKeys: Reflect.ownKeys,
  RegExpExec: RegExpProto.exec,
  RegExpFlags: getter(RegExpProto, 'flags'),
  RegExpSource: getter(RegExpProto, 'source'),
  SetAdd: SetProto.add,
  SetForEach: SetProto.forEach,
  SetSize: getter(SetProto, 'size'),
  StringCharCodeAt: StringProto.charCodeAt,
  StringFromCharCode: String.fromCharCode,
  StringIncludes: StringProto.includes,
  StringIndexOf: StringProto.indexOf,
  StringRepeat: StringProto.repeat,
  StringSlice: StringProto.slice,
  StringSplit: StringProto.split,
  StringStartsWith: StringProto.startsWith,
  StringToLowerCase: StringProto.toLowerCase,
  StringToUpperCase: StringProto.toUpperCase,
  StringToWellFormed: StringProto.toWellFormed,
  StringTrim: StringProto.trim,
  SymbolAsyncIterator: Symbol.asyncIterator,
  SymbolIterator: Symbol.iterator,
  SymbolToString: Symbol.prototype.toString,
  SymbolToStringTag: Symbol.toStringTag,
  TypedArrayBuffer: getter(TypedArrayProto, 'buffer'),
  TypedArrayByteLength: getter(TypedArrayProto, 'byteLength'),
  TypedArrayByteOffset: getter(TypedArrayProto, 'byteOffset'),
  TypedArrayLength: getter(TypedArrayProto, 'length'),
  TypedArraySet: TypedArrayProto.set,
  TypedArraySlice: TypedArrayProto.slice,
  TypedArraySubarray: TypedArrayProto.subarray,
  TypedArrayTag: getter(TypedArrayProto, Symbol.toStringTag),
  WeakMapGet: WeakMapProto.get,
  WeakMapSet: WeakMapProto.set,
  WeakRefDeref: WeakRef.prototype.deref,
  WeakSetAdd: WeakSet.prototype.add,
  WeakSetHas: WeakSet.prototype.has,
};

// No closure may see `born`: it would keep it alive.
core.raw = [];
for (const name of names) {
  if (born[name] === undefined) throw new Error(`primordials.js names ${name}: add it to raw.js`);
  core.raw.push(born[name]);
}
core.raw = core.raw.slice();
