// Request (https://fetch.spec.whatwg.org/#request-class). In the snapshot, because every fetch handler
// gets one; what its constructor does is in a chunk, because few call it.

import { consume, isUsed, streamOf } from './body.js';
import { use } from './chunks.js';
import { brandInterface } from '../interface.js';

/** First argument of a constructor that is called by the core itself. */
const internally = { __proto__: null };

/** The record behind a Request; undefined when `value` is something else. */
export let requestState;

/**
 * What a Request is made of. `pairs` are header pairs of the lane's that nobody has looked at, `list` a
 * header list, `headers` the Headers object over it; each is made of the one before when it is asked for.
 * `follows` is the signal given to the constructor, or null.
 */
export function makeRequestState(method, url, pairs, guard, body) {
  return {
    __proto__: null,
    method,
    url,
    pairs,
    list: null,
    headers: null,
    guard,
    body,
    signal: null,
    follows: null,
    redirect: 'follow',
    mode: 'cors',
    credentials: 'same-origin',
    cache: 'default',
    referrer: 'about:client',
    referrerPolicy: '',
    integrity: '',
    keepalive: false,
  };
}

/** A Request for the core: the one that a handler is called with, and clones. */
export function makeRequest(state) {
  return new Request(internally, state);
}

export class Request {
  #state;

  static {
    requestState = value => (#state in value ? value.#state : undefined);
  }

  constructor(input, init = undefined) {
    this.#state =
      input === internally ? init : use('request').initialize(input, init, arguments.length);
  }

  get method() {
    return this.#state.method;
  }

  get url() {
    return this.#state.url;
  }

  get headers() {
    const state = this.#state;
    return (state.headers ??= use('headers').headersFor(state));
  }

  get destination() {
    this.#state;
    return '';
  }

  get referrer() {
    return this.#state.referrer;
  }

  get referrerPolicy() {
    return this.#state.referrerPolicy;
  }

  get mode() {
    return this.#state.mode;
  }

  get credentials() {
    return this.#state.credentials;
  }

  get cache() {
    return this.#state.cache;
  }

  get redirect() {
    return this.#state.redirect;
  }

  get integrity() {
    return this.#state.integrity;
  }

  get keepalive() {
    return this.#state.keepalive;
  }

  get isReloadNavigation() {
    this.#state;
    return false;
  }

  get isHistoryNavigation() {
    this.#state;
    return false;
  }

  get signal() {
    const state = this.#state;
    return (state.signal ??= use('abort').signalOf(state));
  }

  get duplex() {
    this.#state;
    return 'half';
  }

  get body() {
    return streamOf(this.#state.body);
  }

  get bodyUsed() {
    return isUsed(this.#state.body);
  }

  clone() {
    return makeRequest(use('body').cloneState(this.#state, 'Request'));
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

brandInterface(Request, 'Request');
