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
  throwIfAborted(request.follows);
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
  throwIfAborted(request.follows);
  return await send(op, `"binding":${quote(binding)},`, request, schemeOf(request));
}

function throwIfAborted(signal) {
  if (signal !== null && use('abort').isAborted(signal)) throw use('abort').reasonOf(signal);
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
  let streamed = false;
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
        const response = responseOf(value, buffer, id);
        // From here on the signal ends the body.
        streamed = value.body === 'stream';
        if (!streamed) stopListening?.();
        resolve(response);
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
    use('outbound').cancel(id, 'aborted');
    if (streamed) use('inbound').abandon(id, reason);
    reject(reason);
  });
}

/** A body that fails ends its request, too. */
async function sendBody(op, body, reject) {
  try {
    await use('outbound').send(op, body);
  } catch (error) {
    use('ops').abort(op);
    reject(error);
  }
}

function responseOf(value, buffer, op) {
  const body = inboundBody(value.body, buffer, op);
  const state = makeResponseState(value.status, value.statusText, null, body);
  state.type = 'basic';
  state.url = value.url;
  state.redirected = value.redirected;
  state.pairs = value.headers;
  state.guard = 'immutable';
  return makeResponse(state);
}
