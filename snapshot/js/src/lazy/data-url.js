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

function respond({ method, url }, bytes, type, change) {
  const headers = use('headers').listOf('content-type', type);
  const body = method === 'HEAD' ? null : makeBody(BYTES, bytes, null);
  const state = makeResponseState(200, 'OK', headers, body);
  state.type = 'basic';
  state.url = use('url').withoutFragment(url);
  state.guard = 'immutable';
  change?.(state);
  return makeResponse(state);
}

export function fetchBlob(request) {
  const { list, method, url } = request;
  const blob = mapGet(blobs, use('url').withoutFragment(url));
  if (blob === undefined) throw new TypeError(`fetch: there is no blob ${quote(url)}`);
  if (method !== 'GET') throw new TypeError(`fetch: a blob: URL can not be asked with ${method}`);
  const bytes = made.blob.bytesOf(blob);
  const size = typedArrayLength(bytes);
  const asked = list === null ? null : use('headers').valueIn(list, 'range');
  if (asked === null) return respondWith(request, bytes, made.blob.typeOf(blob), size, null);
  const range = rangeOf(asked, size);
  if (range === null) throw new TypeError(`fetch: the blob has no range ${quote(asked)}`);
  const part = typedArraySlice(bytes, range.start, range.end + 1);
  const said = `bytes ${range.start}-${range.end}/${size}`;
  return respondWith(request, part, made.blob.typeOf(blob), range.end + 1 - range.start, said);
}

/** The response of a blob; `range` is what it says of the part that it is, or null. */
function respondWith(request, bytes, type, size, range) {
  return respond(request, bytes, type, state => {
    use('headers').addTo(state.list, 'content-length', `${size}`);
    if (range === null) return;
    use('headers').addTo(state.list, 'content-range', range);
    state.status = 206;
    state.statusText = 'Partial Content';
  });
}

/** https://fetch.spec.whatwg.org/#simple-range-header-value: first and last place, or null for none that can be had. */
function rangeOf(text, size) {
  const found = regExpExec(/^bytes[\t ]*=[\t ]*([0-9]*)[\t ]*-[\t ]*([0-9]*)$/, text);
  if (found === null || (found[1] === '' && found[2] === '')) return null;
  let start;
  let end = size - 1;
  if (found[1] === '') {
    start = size - +found[2];
    if (start < 0) start = 0;
  } else {
    start = +found[1];
    if (found[2] !== '') {
      if (+found[2] < start) return null;
      if (+found[2] < end) end = +found[2];
    }
  }
  return start > end ? null : { start, end };
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

export function fetchData(request) {
  const { url } = request;
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
  return respond(
    request,
    bytes,
    found === null ? 'text/plain;charset=US-ASCII' : serializeType(found),
  );
}
