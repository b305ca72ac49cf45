// URLs that name their own content: `data:` (https://fetch.spec.whatwg.org/#data-urls) and `blob:`.

import { parseType, serializeType, trimmed } from '../mime.js';
import {
  fromCharCode,
  Map,
  mapDelete,
  mapGet,
  mapSet,
  regExpExec,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  TypeError,
  typedArrayLength,
  typedArraySlice,
  Uint8Array,
} from '../primordials.js';

const { BYTES, made, makeBody, makeResponse, makeResponseState, natives, quote, use } = core;

const blobs = new Map();

export function register(blob) {
  if (!(made.blob?.isBlob(blob) ?? false)) {
    throw new TypeError('URL.createObjectURL: the argument must be a Blob');
  }
  const url = `blob:null/${use('crypto').crypto.randomUUID()}`;
  mapSet(blobs, url, blob);
  return url;
}

export function revoke(url) {
  mapDelete(blobs, url);
}

function respond(url, bytes, type) {
  const state = makeResponseState(200, 'OK', null, makeBody(BYTES, bytes, type));
  state.type = 'basic';
  state.url = url;
  state.guard = 'immutable';
  return makeResponse(state);
}

export function fetchBlob({ method, url }) {
  const blob = mapGet(blobs, use('url').withoutFragment(url));
  if (blob === undefined) throw new TypeError(`fetch: there is no blob ${quote(url)}`);
  if (method !== 'GET') throw new TypeError(`fetch: a blob: URL can not be asked with ${method}`);
  return respond(url, made.blob.bytesOf(blob), made.blob.typeOf(blob));
}

function hexValue(code) {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 70) return code - 55;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

function percentDecoded(text) {
  const bytes = new Uint8Array(natives.utf8Encode(text));
  const size = typedArrayLength(bytes);
  let length = 0;
  for (let i = 0; i < size; i++) {
    const high = bytes[i] === 37 && i + 2 < size ? hexValue(bytes[i + 1]) : -1;
    const low = high === -1 ? -1 : hexValue(bytes[i + 2]);
    if (low === -1) bytes[length++] = bytes[i];
    else {
      bytes[length++] = high * 16 + low;
      i += 2;
    }
  }
  return typedArraySlice(bytes, 0, length);
}

function bytesOfBase64(bytes) {
  let text = '';
  const size = typedArrayLength(bytes);
  for (let i = 0; i < size; i++) text += fromCharCode(bytes[i]);
  const decoded = use('base64').decode(text);
  if (decoded === undefined)
    throw new TypeError('fetch: the data: URL has no base64 after ;base64,');
  const result = new Uint8Array(decoded.length);
  for (let i = 0; i < decoded.length; i++) result[i] = stringCharCodeAt(decoded, i);
  return result;
}

export function fetchData({ url }) {
  const text = stringSlice(use('url').withoutFragment(url), 5);
  const comma = stringIndexOf(text, ',');
  if (comma === -1) throw new TypeError('fetch: the data: URL has no comma');
  let type = trimmed(stringSlice(text, 0, comma));
  let bytes = percentDecoded(stringSlice(text, comma + 1));
  const base64 = regExpExec(/; *base64$/i, type);
  if (base64 !== null) {
    bytes = bytesOfBase64(bytes);
    type = stringSlice(type, 0, base64.index);
  }
  if (stringCharCodeAt(type, 0) === 59) type = `text/plain${type}`;
  const found = parseType(type);
  return respond(url, bytes, found === null ? 'text/plain;charset=US-ASCII' : serializeType(found));
}
