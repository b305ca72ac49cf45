// Response (https://fetch.spec.whatwg.org/#response-class). It is in the snapshot, not in a chunk,
// because nearly every fetch handler makes one.

import { RangeError, stringify, TypeError } from '../primordials.js';
import { bodyOf, consume, isUsed, makeBody, streamOf, TEXT } from './body.js';
import { use } from './chunks.js';
import { brandInterface } from '../interface.js';

/** First argument of a constructor that is called by the core itself. */
const internally = { __proto__: null };

/** The record behind a Response; undefined when `value` is something else. */
export let responseState;

/**
 * What a Response is made of. `pairs` are header pairs of the lane's that nobody has looked at; `list` a
 * header list, or null when there is no header but the body's type; `headers` the Headers object over it.
 */
export function makeResponseState(status, statusText, list, body) {
  return {
    __proto__: null,
    type: 'default',
    url: '',
    redirected: false,
    status,
    statusText,
    pairs: null,
    list,
    headers: null,
    guard: 'response',
    body,
  };
}

/** A Response for the core: what fetch() answers, and clones. */
export function makeResponse(state) {
  return new Response(internally, state);
}

const isNullBodyStatus = status =>
  status === 101 || status === 103 || status === 204 || status === 205 || status === 304;

const isRedirectStatus = status =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

function initialized(init, body) {
  let status = 200;
  let statusText = '';
  let headers;
  let socket;
  if (init !== undefined && init !== null) {
    if (typeof init !== 'object' && typeof init !== 'function') {
      throw new TypeError('Response: the second argument must be an object');
    }
    // WebIDL reads a dictionary's members in this order.
    headers = init.headers;
    const givenStatus = init.status;
    const givenText = init.statusText;
    if (givenStatus !== undefined) {
      status = givenStatus & 0xffff;
      if (status !== givenStatus) status = use('webidl').unsignedShort(givenStatus);
    }
    // Not of the standard: the answer to a request for a WebSocket.
    if (status === 101) socket = use('websocket').checkSocket(init.webSocket);
    else if (status < 200 || status > 599) {
      throw new RangeError(`Response: status must be from 200 to 599, not ${status}`);
    }
    if (givenText !== undefined) statusText = use('webidl').reasonPhrase(givenText);
  }
  const list = headers === undefined ? null : use('headers').listFrom(headers, 'response');
  if (body !== null && isNullBodyStatus(status)) {
    throw new TypeError(`Response: a response with status ${status} can not have a body`);
  }
  if (body !== null && body.type !== null && list !== null)
    use('headers').setDefaultType(list, body.type);
  const state = makeResponseState(status, statusText, list, body);
  if (socket !== undefined) state.webSocket = socket;
  return state;
}

export class Response {
  #state;

  static {
    responseState = value => (#state in value ? value.#state : undefined);
  }

  constructor(body = null, init = undefined) {
    if (body === internally) {
      this.#state = init;
    } else {
      this.#state = initialized(init, body === null ? null : bodyOf(body));
      if (this.#state.status === 101) use('websocket').show(this, this.#state.webSocket);
    }
  }

  static error() {
    const state = makeResponseState(0, '', null, null);
    state.type = 'error';
    state.guard = 'immutable';
    return makeResponse(state);
  }

  static redirect(url, status = 302) {
    if (arguments.length === 0) throw new TypeError('Response.redirect: a URL is needed');
    const location = use('url').serializeURL(url);
    const code = use('webidl').unsignedShort(status);
    if (!isRedirectStatus(code)) {
      throw new RangeError(
        `Response.redirect: status must be 301, 302, 303, 307 or 308, not ${code}`,
      );
    }
    const state = makeResponseState(code, '', use('headers').listOf('location', location), null);
    state.guard = 'immutable';
    return makeResponse(state);
  }

  static json(data, init = undefined) {
    if (arguments.length === 0) throw new TypeError('Response.json: a value is needed');
    const text = stringify(data);
    if (text === undefined) {
      throw new TypeError(`Response.json: a ${typeof data} can not be expressed as JSON`);
    }
    return makeResponse(initialized(init, makeBody(TEXT, text, 'application/json')));
  }

  get type() {
    return this.#state.type;
  }

  get url() {
    return this.#state.url;
  }

  get redirected() {
    return this.#state.redirected;
  }

  get status() {
    return this.#state.status;
  }

  get ok() {
    const { status } = this.#state;
    return status >= 200 && status <= 299;
  }

  get statusText() {
    return this.#state.statusText;
  }

  get headers() {
    const state = this.#state;
    return (state.headers ??= use('headers').headersFor(state));
  }

  get body() {
    return streamOf(this.#state.body);
  }

  get bodyUsed() {
    return isUsed(this.#state.body);
  }

  clone() {
    const state = this.#state;
    return makeResponse(use('body').cloneState(state, 'Response'));
  }

  async arrayBuffer() {
    return await consume(this.#state, 'arrayBuffer');
  }

  async blob() {
    return await consume(this.#state, 'blob');
  }

  async bytes() {
    return await consume(this.#state, 'bytes');
  }

  async formData() {
    return await consume(this.#state, 'formData');
  }

  async json() {
    return await consume(this.#state, 'json');
  }

  async text() {
    return await consume(this.#state, 'text');
  }
}

brandInterface(Response, 'Response');
