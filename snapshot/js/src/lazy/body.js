// Bodies that are more than a string: making them, reading them, cloning them
// (https://fetch.spec.whatwg.org/#bodies). Which fields a body has: core/body.js.

import { copyBytes } from '../buffers.js';
import { extractType, serializeType } from '../mime.js';
import {
  arrayBufferByteLength,
  arrayBufferSlice,
  Promise,
  parseJSON,
  stringCharCodeAt,
  stringSlice,
  stringToWellFormed,
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArraySet,
  Uint8Array,
  WeakMap,
  weakMapGet,
  weakMapSet,
} from '../primordials.js';
import { domString } from '../webidl.js';

const { BYTES, INBOUND, isUsed, makeBody, natives, STREAM, TEXT, use } = core;

/** Which body a stream was made of, so that passing the stream on passes the body. */
const origins = new WeakMap();

export function isDisturbed(stream) {
  return use('streams').isDisturbed(stream);
}

export function isLocked(stream) {
  return use('streams').isLocked(stream);
}

/** https://fetch.spec.whatwg.org/#concept-bodyinit-extract, for all but strings. */
export function extract(object) {
  if (typeof object === 'object' || typeof object === 'function') {
    const bytes = copyBytes(object);
    if (bytes !== undefined) return makeBody(BYTES, bytes, null);
    const given = core.made.streams;
    if (given?.isReadableStream(object)) return fromStream(object);
    const { blob, formdata, url } = core.made;
    if (blob?.isBlob(object))
      return makeBody(BYTES, blob.bytesOf(object), blob.typeOf(object) || null);
    if (formdata?.isFormData(object)) return formdata.encode(object);
    if (url?.isURLSearchParams(object)) {
      const type = 'application/x-www-form-urlencoded;charset=UTF-8';
      return makeBody(TEXT, url.serializeParams(object), type);
    }
  }
  return makeBody(TEXT, domString(object), 'text/plain;charset=UTF-8');
}

function fromStream(stream) {
  if (isDisturbed(stream) || isLocked(stream)) {
    throw new TypeError('A stream that was read from or is locked can not become a body');
  }
  const origin = weakMapGet(origins, stream);
  const body = origin === undefined ? makeBody(STREAM, null, null) : likeBody(origin, null);
  body.stream = stream;
  return body;
}

/** A body made of what another one was made of. */
function likeBody({ kind, source, held }, type) {
  const body = makeBody(kind, source, type);
  if (held !== undefined) body.held = held;
  return body;
}

/** The ReadableStream of a body. */
export function toStream(body) {
  if (body.stream !== null) return body.stream;
  const { kind, source } = body;
  const stream = kind === INBOUND ? inboundStream(source) : bytesStream(bytesOfSource(body));
  weakMapSet(origins, stream, body);
  body.stream = stream;
  if (body.used) use('streams').cancelStream(stream);
  return stream;
}

function bytesStream(bytes) {
  const source = use('byte-source');
  return use('streams').makeByteStream(controller => {
    // A copy: a byte stream takes away the buffer of what it is given.
    if (typedArrayByteLength(bytes) > 0) source.give(controller, copyBytes(bytes));
    source.finish(controller);
  });
}

function inboundStream(id) {
  const source = use('byte-source');
  const inbound = use('inbound');
  return use('streams').makeByteStream(
    controller =>
      new Promise((resolve, reject) => {
        inbound.read(id, {
          chunk(bytes) {
            source.give(controller, bytes);
            resolve();
          },
          end() {
            source.finish(controller);
            resolve();
          },
          fail: reject,
        });
      }),
    () => inbound.cancel(id),
  );
}

/** Gives `to`, a copy of the body `from`, a stream with the contents of `from`, which is then used up. */
export function moveStream(to, from) {
  const streams = use('streams');
  const { stream } = from;
  if (weakMapGet(origins, stream) !== undefined) {
    // What the stream was made of is still whole.
    to.stream = null;
    streams.useUp(stream);
    return;
  }
  to.stream = streams.proxy(stream);
}

/** Has whoever reads a response's body from now on get an error; what was read stays read. */
export function abandon(body, error) {
  const { stream } = body;
  if (body.kind === INBOUND) use('inbound').abandon(body.source, error);
  if (stream === null ? body.used : isEmpty(body)) return;
  if (stream === null) body.stream = failedStream(error);
  else use('streams').failStream(stream, error);
  body.kind = STREAM;
  body.source = null;
}

/** Whether a stream has nothing to give, and so has ended already whether it was asked or not. */
function isEmpty({ kind, source }) {
  return kind === BYTES && typedArrayByteLength(source) === 0;
}

function failedStream(error) {
  const streams = use('streams');
  const stream = streams.makeByteStream(() => {});
  streams.failStream(stream, error);
  return stream;
}

/** Makes the bytes of a body that has text. */
export function encode(body) {
  body.source = bytesOfSource(body);
  body.kind = BYTES;
}

function bytesOfSource(body) {
  return body.kind === TEXT ? new Uint8Array(natives.utf8Encode(body.source)) : body.source;
}

/** https://fetch.spec.whatwg.org/#concept-body-consume-body */
export async function consume(holder, form) {
  const { body } = holder;
  if (body !== null) {
    if (isUsed(body)) throw new TypeError(`${form}: the body was read already`);
    if (body.stream !== null && isLocked(body.stream))
      throw new TypeError(`${form}: the body is locked`);
  }
  if (form === 'text' || form === 'json') {
    const text = await textOf(body);
    return form === 'text' ? text : parseJSON(text);
  }
  const bytes = await wholeOf(body);
  switch (form) {
    case 'bytes':
      return bytes;
    case 'arrayBuffer':
      return exactBuffer(bytes);
    case 'blob':
      return use('blob').fromBytes(bytes, serializedType(typeOf(holder)));
    default:
      return use('formdata').parse(bytes, typeOf(holder));
  }
}

function serializedType(values) {
  const type = extractType(values);
  return type === null ? '' : serializeType(type);
}

function typeOf(holder) {
  const headers = use('headers');
  return headers.valueIn(headers.listOfState(holder), 'content-type') ?? '';
}

function exactBuffer(bytes) {
  const buffer = typedArrayBuffer(bytes);
  const start = typedArrayByteOffset(bytes);
  const size = typedArrayByteLength(bytes);
  return start === 0 && size === arrayBufferByteLength(buffer)
    ? buffer
    : arrayBufferSlice(buffer, start, start + size);
}

async function textOf(body) {
  if (body !== null && body.kind === TEXT && body.stream === null) {
    body.used = true;
    return withoutMark(stringToWellFormed(body.source));
  }
  return withoutMark(natives.utf8Decode(await wholeOf(body)));
}

/** Without a byte order mark. */
function withoutMark(text) {
  return text.length > 0 && stringCharCodeAt(text, 0) === 0xfeff ? stringSlice(text, 1) : text;
}

/** All bytes of a body, in an array of the reader's own. */
async function wholeOf(body) {
  if (body === null) return new Uint8Array(0);
  if (body.stream !== null) return await collectStream(body.stream);
  body.used = true;
  if (body.kind === INBOUND) {
    return await new Promise((resolve, reject) =>
      use('inbound').collect(body.source, resolve, reject),
    );
  }
  // A clone may share the bytes.
  return body.kind === TEXT ? bytesOfSource(body) : copyBytes(body.source);
}

/** Reads a stream to its end. */
export async function collectStream(stream) {
  const streams = use('streams');
  const reader = streams.acquireReader(stream);
  let first = null;
  let last = null;
  let size = 0;
  for (;;) {
    const { done, value } = await streams.readFrom(reader);
    if (done) break;
    const bytes = copyBytes(value);
    if (bytes === undefined || typeof value !== 'object') {
      const error = new TypeError('A chunk of a body must be a Uint8Array');
      streams.cancelReader(reader, error);
      throw error;
    }
    const node = { bytes, next: null };
    if (last === null) first = node;
    else last.next = node;
    last = node;
    size += typedArrayByteLength(bytes);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (let node = first; node !== null; node = node.next) {
    typedArraySet(whole, node.bytes, offset);
    offset += typedArrayByteLength(node.bytes);
  }
  return whole;
}

/** The state of a clone, https://fetch.spec.whatwg.org/#concept-body-clone */
export function cloneState(state, what) {
  const { body } = state;
  if (isUsed(body) || (body !== null && body.stream !== null && isLocked(body.stream))) {
    throw new TypeError(`${what}.clone: the body was read already, or is locked`);
  }
  const headers = use('headers');
  const list = headers.copyOf(headers.listOfState(state));
  return { ...state, headers: null, pairs: null, list, signal: null, body: cloneBody(body) };
}

function cloneBody(body) {
  if (body === null) return null;
  if (body.stream === null && body.kind !== INBOUND) {
    return likeBody(body, body.type);
  }
  const branches = use('streams').tee(toStream(body));
  body.kind = STREAM;
  body.source = null;
  body.stream = branches[0];
  const clone = makeBody(STREAM, null, body.type);
  clone.stream = branches[1];
  return clone;
}
