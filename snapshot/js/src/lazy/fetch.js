// fetch() (https://fetch.spec.whatwg.org/#fetch-method): an op, and what becomes of its answer.

import {
  Promise,
  stringIndexOf,
  stringSlice,
  stringStartsWith,
  stringToLowerCase,
  stringToWellFormed,
  TypeError,
  typedArrayByteLength,
} from '../primordials.js';

const { attach, BYTES, inboundBody, makeResponse, makeResponseState, quote, TEXT, use, waitUntil } =
  core;

/** Bodies of more than this go out as a stream: 256 KiB. */
const WHOLE = 262144;

export async function fetch(input, init, count) {
  const request = use('request').initialize(input, init, count);
  throwIfAborted(request);
  const scheme = schemeOf(request);
  if (scheme === 'data') return use('data-url').fetchData(request);
  if (scheme === 'blob') return use('data-url').fetchBlob(request);
  if (wantsSocket(request) && (scheme === 'http' || scheme === 'https')) {
    const { list, follows, url } = request;
    const headers = use('headers').listJson(list);
    const record = `{"url":${quote(url)},"headers":${headers},"protocols":[]}`;
    return await use('websocket').fetchSocket(record, follows);
  }
  return await send('fetch', '', request, scheme);
}

/** Whether the answer is to be a WebSocket; the standard has no such requests. */
function wantsSocket({ body, list }) {
  if (list === null || body !== null) return false;
  const upgrade = use('headers').valueIn(list, 'upgrade');
  return upgrade !== null && stringToLowerCase(upgrade) === 'websocket';
}

/** What `fetch` of a binding does: the same by op `op`. A string may be a path alone. */
export async function fetchThrough(op, binding, input, init, count) {
  const isPath = typeof input === 'string' && stringStartsWith(input, '/');
  const url = isPath ? `https://binding.internal${input}` : input;
  const request = use('request').initialize(url, init, count);
  throwIfAborted(request);
  return await send(op, `"binding":${quote(binding)},`, request, schemeOf(request));
}

function throwIfAborted({ body, follows: signal }) {
  if (signal === null || !use('abort').isAborted(signal)) return;
  const reason = use('abort').reasonOf(signal);
  leaveUnsent(body, reason);
  throw reason;
}

/** Tells the source of a body that nobody has begun to send. */
function leaveUnsent(body, reason) {
  if (body === null || body.stream === null || use('streams').isLocked(body.stream)) return;
  use('streams').cancelStream(body.stream, reason);
}

function schemeOf({ url }) {
  return stringSlice(url, 0, stringIndexOf(url, ':'));
}

/** A promise for the response. `members` are further arguments of the op, each with a comma behind. */
function send(op, members, request, scheme) {
  if (scheme !== 'http' && scheme !== 'https') {
    throw new TypeError(`fetch: the scheme ${scheme}: is not supported (${request.url})`);
  }
  return new Promise((resolve, reject) => start(op, members, request, resolve, reject));
}

/** The op's arguments, and its attachment, as JSON text. */
function record(members, request) {
  const { body, list, method, redirect, url } = request;
  const headers = list === null ? '[]' : use('headers').listJson(list);
  const head = `{${members}"method":${quote(method)},"url":${quote(url)},"headers":${headers},"redirect":"${redirect}","body":`;
  if (body === null) return `${head}null}`;
  if (body.kind === TEXT && body.source.length * 3 > WHOLE) use('body').encode(body);
  if (body.kind === TEXT) return `${head}"text","text":${quote(stringToWellFormed(body.source))}}`;
  if (isWhole(body)) return `${head}"bytes"},${attach(body.source)}`;
  return `${head}"stream"}`;
}

function isWhole(body) {
  return body.kind === BYTES && typedArrayByteLength(body.source) <= WHOLE;
}

function start(op, members, request, resolve, reject) {
  const { body, follows: signal } = request;
  let stopListening = null;
  let streaming = false;
  let received = null;
  let sending = null;

  const id = use('ops').start(
    op,
    () => {
      const text = record(members, request);
      streaming = body !== null && body.kind !== TEXT && !isWhole(body);
      return text;
    },
    {
      sent(id) {
        if (body === null) return;
        body.used = true;
        if (streaming) sending = sendBody(id, body, reject);
      },
      resolve(value, buffer, id) {
        // The answer may come before all of the body is sent, and be passed on: the execution lasts until then.
        if (sending !== null) waitUntil(sending);
        // From here on the signal ends the body.
        received = inboundBody(value.body, buffer, id);
        if (received === null) stopListening?.();
        resolve(responseOf(value, received));
      },
      reject(error) {
        stopListening?.();
        reject(error);
      },
    },
  );
  if (signal === null) return;
  stopListening = use('abort').whenAborted(signal, () => {
    const reason = use('abort').reasonOf(signal);
    use('ops').abort(id);
    if (sending !== null) use('outbound').abandon(id, reason);
    else leaveUnsent(body, reason);
    if (received !== null) use('body').abandon(received, reason);
    reject(reason);
  });
}

/** A body that fails ends its request, too. */
async function sendBody(op, body, reject) {
  try {
    await use('outbound').send(op, body);
  } catch (error) {
    use('ops').abort(op);
    const failed = new TypeError('fetch failed: the body of the request could not be read');
    use('ops').setCause(failed, error);
    reject(failed);
  }
}

function responseOf(value, body) {
  const state = makeResponseState(value.status, value.statusText, null, body);
  state.type = 'basic';
  state.url = value.url;
  state.redirected = value.redirected;
  state.pairs = value.headers;
  state.guard = 'immutable';
  return makeResponse(state);
}
