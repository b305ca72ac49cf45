// fetch() (https://fetch.spec.whatwg.org/#fetch-method): an op, and what becomes of its answer.

import {
  Promise,
  stringIndexOf,
  stringSlice,
  stringToWellFormed,
  TypeError,
  typedArrayByteLength,
} from '../primordials.js';

const { attach, BYTES, inboundBody, makeResponse, makeResponseState, quote, TEXT, use } = core;

/** Bodies of more than this go out as a stream: 256 KiB. */
const WHOLE = 262144;

export async function fetch(input, init, count) {
  const request = use('request').initialize(input, init, count);
  const signal = request.follows;
  if (signal !== null && use('abort').isAborted(signal)) throw use('abort').reasonOf(signal);
  const colon = stringIndexOf(request.url, ':');
  const scheme = stringSlice(request.url, 0, colon);
  if (scheme === 'data') return use('data-url').fetchData(request);
  if (scheme === 'blob') return use('data-url').fetchBlob(request);
  if (scheme !== 'http' && scheme !== 'https') {
    throw new TypeError(`fetch: the scheme ${scheme}: is not supported (${request.url})`);
  }
  return await new Promise((resolve, reject) => start(request, signal, resolve, reject));
}

/** The op's arguments, and its attachment, as JSON text. */
function record(request) {
  const { body, list, method, redirect, url } = request;
  const headers = list === null ? '[]' : use('headers').listJson(list);
  const head = `{"method":${quote(method)},"url":${quote(url)},"headers":${headers},"redirect":"${redirect}","body":`;
  if (body === null) return `${head}null}`;
  if (body.kind === TEXT && body.source.length * 3 > WHOLE) use('body').encode(body);
  if (body.kind === TEXT) return `${head}"text","text":${quote(stringToWellFormed(body.source))}}`;
  if (isWhole(body)) return `${head}"bytes"},${attach(body.source)}`;
  return `${head}"stream"}`;
}

function isWhole(body) {
  return body.kind === BYTES && typedArrayByteLength(body.source) <= WHOLE;
}

function start(request, signal, resolve, reject) {
  const { body } = request;
  let stopListening = null;
  let streaming = false;
  let streamed = false;

  const id = use('ops').start(
    'fetch',
    () => {
      const text = record(request);
      streaming = body !== null && body.kind !== TEXT && !isWhole(body);
      return text;
    },
    {
      sent(op) {
        if (body === null) return;
        body.used = true;
        if (streaming) sendBody(op, body, reject);
      },
      resolve(value, buffer, op) {
        const response = responseOf(value, buffer, op);
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
