// Names for the built-ins of `core.raw`, for the core and for each lazy chunk: a module that imports
// from here works whatever tenant code did to the globals and their prototypes since.
// A method takes its receiver as first argument: `stringSlice(text, 1)`.
//
// The bundler drops what a chunk does not import, so a chunk pays for what it uses. It also writes the place in
// `core.raw` where a name stands here, and hands all names in their order to core/raw.js: every context has that
// list, and a list without names is a sixth of the object that it would be with them.

const { raw } = core;

const plain = place => raw[place];

/** `(self, ...args) => method.call(self, ...args)`. */
const uncurry = /* @__PURE__ */ plain('uncurry');

const method = place => uncurry(raw[place]);

export const Array = /* @__PURE__ */ plain('Array');
export const ArrayBuffer = /* @__PURE__ */ plain('ArrayBuffer');
export const BigInt = /* @__PURE__ */ plain('BigInt');
export const bigIntValueOf = /* @__PURE__ */ method('BigIntValueOf');
export const Boolean = /* @__PURE__ */ plain('Boolean');
export const booleanValueOf = /* @__PURE__ */ method('BooleanValueOf');
export const DataView = /* @__PURE__ */ plain('DataView');
export const Date = /* @__PURE__ */ plain('Date');
export const Error = /* @__PURE__ */ plain('Error');
export const EvalError = /* @__PURE__ */ plain('EvalError');
export const Map = /* @__PURE__ */ plain('Map');
export const Number = /* @__PURE__ */ plain('Number');
export const numberValueOf = /* @__PURE__ */ method('NumberValueOf');
export const Object = /* @__PURE__ */ plain('Object');
export const Promise = /* @__PURE__ */ plain('Promise');
export const parseFloat = /* @__PURE__ */ plain('parseFloat');
export const parseInt = /* @__PURE__ */ plain('parseInt');
export const RangeError = /* @__PURE__ */ plain('RangeError');
export const ReferenceError = /* @__PURE__ */ plain('ReferenceError');
export const RegExp = /* @__PURE__ */ plain('RegExp');
export const Set = /* @__PURE__ */ plain('Set');
export const String = /* @__PURE__ */ plain('String');
export const stringValueOf = /* @__PURE__ */ method('StringValueOf');
export const Symbol = /* @__PURE__ */ plain('Symbol');
export const symbolValueOf = /* @__PURE__ */ method('SymbolValueOf');
export const SyntaxError = /* @__PURE__ */ plain('SyntaxError');
export const TypeError = /* @__PURE__ */ plain('TypeError');
export const URIError = /* @__PURE__ */ plain('URIError');
export const BigInt64Array = /* @__PURE__ */ plain('BigInt64Array');
export const BigUint64Array = /* @__PURE__ */ plain('BigUint64Array');
export const Float32Array = /* @__PURE__ */ plain('Float32Array');
export const Float64Array = /* @__PURE__ */ plain('Float64Array');
export const Int16Array = /* @__PURE__ */ plain('Int16Array');
export const Int32Array = /* @__PURE__ */ plain('Int32Array');
export const Int8Array = /* @__PURE__ */ plain('Int8Array');
export const Uint16Array = /* @__PURE__ */ plain('Uint16Array');
export const Uint32Array = /* @__PURE__ */ plain('Uint32Array');
export const Uint8Array = /* @__PURE__ */ plain('Uint8Array');
export const Uint8ClampedArray = /* @__PURE__ */ plain('Uint8ClampedArray');
export const WeakMap = /* @__PURE__ */ plain('WeakMap');
export const WeakSet = /* @__PURE__ */ plain('WeakSet');
export const arrayBufferByteLength = /* @__PURE__ */ method('ArrayBufferByteLength');
export const arrayBufferDetached = /* @__PURE__ */ method('ArrayBufferDetached');
export const isView = /* @__PURE__ */ plain('ArrayBufferIsView');
export const arrayBufferMaxByteLength = /* @__PURE__ */ method('ArrayBufferMaxByteLength');
export const arrayBufferResizable = /* @__PURE__ */ method('ArrayBufferResizable');
export const arrayBufferSlice = /* @__PURE__ */ method('ArrayBufferSlice');
export const arrayBufferTransfer = /* @__PURE__ */ method('ArrayBufferTransfer');
export const isArray = /* @__PURE__ */ plain('ArrayIsArray');
export const arraySort = /* @__PURE__ */ method('ArraySort');
export const asyncIteratorProto = /* @__PURE__ */ plain('AsyncIteratorProto');
export const dateGetTime = /* @__PURE__ */ method('DateGetTime');
export const dateNow = /* @__PURE__ */ plain('DateNow');
export const dateToISOString = /* @__PURE__ */ method('DateToISOString');
export const dataViewBuffer = /* @__PURE__ */ method('DataViewBuffer');
export const dataViewByteLength = /* @__PURE__ */ method('DataViewByteLength');
export const dataViewByteOffset = /* @__PURE__ */ method('DataViewByteOffset');
export const evaluate = /* @__PURE__ */ plain('Eval');
export const captureStackTrace = /* @__PURE__ */ plain('ErrorCaptureStackTrace');
export const errorProto = /* @__PURE__ */ plain('ErrorProto');
export const errorStackGetter = /* @__PURE__ */ plain('ErrorStack');
export const functionToString = /* @__PURE__ */ method('FunctionToString');
export const iteratorProto = /* @__PURE__ */ plain('IteratorProto');
export const parseJSON = /* @__PURE__ */ plain('JSONParse');
export const stringify = /* @__PURE__ */ plain('JSONStringify');
export const mapForEach = /* @__PURE__ */ method('MapForEach');
export const mapDelete = /* @__PURE__ */ method('MapDelete');
export const mapGet = /* @__PURE__ */ method('MapGet');
export const mapHas = /* @__PURE__ */ method('MapHas');
export const mapSet = /* @__PURE__ */ method('MapSet');
export const mapSize = /* @__PURE__ */ method('MapSize');
export const floor = /* @__PURE__ */ plain('MathFloor');
export const isNaN = /* @__PURE__ */ plain('NumberIsNaN');
export const numberToString = /* @__PURE__ */ method('NumberToString');
export const defineProperty = /* @__PURE__ */ plain('ObjectDefineProperty');
export const freeze = /* @__PURE__ */ plain('ObjectFreeze');
export const getOwnPropertyDescriptor = /* @__PURE__ */ plain('ObjectGetOwnPropertyDescriptor');
export const getPrototypeOf = /* @__PURE__ */ plain('ObjectGetPrototypeOf');
export const hasOwn = /* @__PURE__ */ plain('ObjectHasOwn');
export const objectProto = /* @__PURE__ */ plain('ObjectProto');
export const setPrototypeOf = /* @__PURE__ */ plain('ObjectSetPrototypeOf');
export const promiseResolve = /* @__PURE__ */ method('PromiseResolve');
export const promiseThen = /* @__PURE__ */ method('PromiseThen');
export const apply = /* @__PURE__ */ plain('ReflectApply');
export const ownKeys = /* @__PURE__ */ plain('ReflectOwnKeys');
export const regExpExec = /* @__PURE__ */ method('RegExpExec');
export const regExpFlags = /* @__PURE__ */ method('RegExpFlags');
export const regExpSource = /* @__PURE__ */ method('RegExpSource');
export const setAdd = /* @__PURE__ */ method('SetAdd');
export const setForEach = /* @__PURE__ */ method('SetForEach');
export const setSize = /* @__PURE__ */ method('SetSize');
export const stringCharCodeAt = /* @__PURE__ */ method('StringCharCodeAt');
export const fromCharCode = /* @__PURE__ */ plain('StringFromCharCode');
export const stringIncludes = /* @__PURE__ */ method('StringIncludes');
export const stringIndexOf = /* @__PURE__ */ method('StringIndexOf');
export const stringRepeat = /* @__PURE__ */ method('StringRepeat');
export const stringSlice = /* @__PURE__ */ method('StringSlice');
export const stringSplit = /* @__PURE__ */ method('StringSplit');
export const stringStartsWith = /* @__PURE__ */ method('StringStartsWith');
export const stringToLowerCase = /* @__PURE__ */ method('StringToLowerCase');
export const stringToUpperCase = /* @__PURE__ */ method('StringToUpperCase');
export const stringToWellFormed = /* @__PURE__ */ method('StringToWellFormed');
export const stringTrim = /* @__PURE__ */ method('StringTrim');
export const symbolAsyncIterator = /* @__PURE__ */ plain('SymbolAsyncIterator');
export const symbolIterator = /* @__PURE__ */ plain('SymbolIterator');
export const symbolToString = /* @__PURE__ */ method('SymbolToString');
export const symbolToStringTag = /* @__PURE__ */ plain('SymbolToStringTag');
export const typedArrayBuffer = /* @__PURE__ */ method('TypedArrayBuffer');
export const typedArrayByteLength = /* @__PURE__ */ method('TypedArrayByteLength');
export const typedArrayByteOffset = /* @__PURE__ */ method('TypedArrayByteOffset');
export const typedArrayLength = /* @__PURE__ */ method('TypedArrayLength');
export const typedArraySet = /* @__PURE__ */ method('TypedArraySet');
export const typedArraySlice = /* @__PURE__ */ method('TypedArraySlice');
export const typedArraySubarray = /* @__PURE__ */ method('TypedArraySubarray');
export const typedArrayTag = /* @__PURE__ */ method('TypedArrayTag');
export const weakMapGet = /* @__PURE__ */ method('WeakMapGet');
export const weakMapSet = /* @__PURE__ */ method('WeakMapSet');
export const weakSetAdd = /* @__PURE__ */ method('WeakSetAdd');
export const weakSetHas = /* @__PURE__ */ method('WeakSetHas');
