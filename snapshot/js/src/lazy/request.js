// What the Request constructor does (https://fetch.spec.whatwg.org/#dom-request).

import { stringToUpperCase, TypeError } from '../primordials.js';
import { byteString, dictionary, domString, requireArguments } from '../webidl.js';

const { bodyOf, isUsed, makeRequestState, requestState, use } = core;

const modes = ['same-origin', 'no-cors', 'cors', 'navigate'];
const credentials = ['omit', 'same-origin', 'include'];
const caches = ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'];
const priorities = ['high', 'low', 'auto'];
const redirects = ['follow', 'error', 'manual'];
const policies = [
  '',
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
];

/** An enumeration's value: one of `allowed`. */
function oneOf(value, allowed, what) {
  const text = domString(value);
  for (let i = 0; i < allowed.length; i++) if (allowed[i] === text) return text;
  throw new TypeError(`Request: ${what} can not be ${core.quote(text)}`);
}

/** https://fetch.spec.whatwg.org/#concept-method */
function methodOf(value) {
  const method = byteString(value, 'Request: method');
  if (!use('headers').isToken(method)) {
    throw new TypeError(`Request: ${core.quote(method)} is not a method`);
  }
  const upper = stringToUpperCase(method);
  if (upper === 'CONNECT' || upper === 'TRACE' || upper === 'TRACK') {
    throw new TypeError(`Request: the method ${upper} is forbidden`);
  }
  const known =
    upper === 'GET' ||
    upper === 'POST' ||
    upper === 'PUT' ||
    upper === 'DELETE' ||
    upper === 'HEAD' ||
    upper === 'OPTIONS';
  return known ? upper : method;
}

/** The state for `input` (a Request, a URL, or a string) and `init`. */
export function initialize(input, init, count) {
  requireArguments(count, 1, 'Request');
  const given = typeof input === 'object' && input !== null ? requestState(input) : undefined;
  const options = dictionary(init, 'Request: the second argument');
  const state = given === undefined ? fromURL(domString(input)) : fromRequest(given);
  if (options !== undefined) applyOptions(state, options);
  if (given !== undefined && state.body === null && (options?.body ?? null) === null)
    takeBody(state, given);
  if (state.body !== null && (state.method === 'GET' || state.method === 'HEAD')) {
    throw new TypeError(`Request: a ${state.method} request can not have a body`);
  }
  return state;
}

function fromURL(text) {
  const url = use('url').parseForRequest(text);
  return makeRequestState('GET', url, null, 'request', null);
}

/** A copy of another request's state; its body is taken later, when nothing can fail any more. */
function fromRequest(given) {
  const state = {
    ...given,
    pairs: null,
    headers: null,
    guard: 'request',
    body: null,
    signal: null,
  };
  const headers = use('headers');
  state.list = headers.copyOf(headers.listOfState(given));
  state.follows = given.signal ?? given.follows;
  if (given.guard === 'immutable') state.follows = use('abort').signalOf(given);
  return state;
}

function takeBody(state, given) {
  const { body } = given;
  if (body === null) return;
  if (isUsed(body) || (body.stream !== null && use('body').isLocked(body.stream))) {
    throw new TypeError("Request: the given request's body was read already, or is locked");
  }
  state.body = { ...body };
  if (body.stream === null) body.used = true;
  else use('body').moveStream(state.body, body);
}

/** Reads the members of a RequestInit in the order of WebIDL. */
function applyOptions(state, options) {
  const { body, cache, credentials: credential, duplex, headers, integrity, keepalive } = options;
  const { method, mode, priority, redirect, referrer, referrerPolicy, signal, window } = options;
  if (window !== undefined && window !== null) throw new TypeError('Request: window must be null');
  if (duplex !== undefined) oneOf(duplex, ['half'], 'duplex');
  if (cache !== undefined) state.cache = oneOf(cache, caches, 'cache');
  if (credential !== undefined) state.credentials = oneOf(credential, credentials, 'credentials');
  if (integrity !== undefined) state.integrity = domString(integrity);
  if (keepalive !== undefined) state.keepalive = !!keepalive;
  if (mode !== undefined) {
    state.mode = oneOf(mode, modes, 'mode');
    if (state.mode === 'navigate') throw new TypeError('Request: mode can not be navigate');
  }
  // Here it changes nothing, and a Request does not show it.
  if (priority !== undefined) oneOf(priority, priorities, 'priority');
  if (redirect !== undefined) state.redirect = oneOf(redirect, redirects, 'redirect');
  if (referrerPolicy !== undefined) {
    state.referrerPolicy = oneOf(referrerPolicy, policies, 'referrerPolicy');
  }
  if (referrer !== undefined) state.referrer = referrerOf(domString(referrer));
  if (method !== undefined) state.method = methodOf(method);
  if (signal !== undefined) {
    if (signal !== null && !use('abort').isSignal(signal)) {
      throw new TypeError('Request: signal must be an AbortSignal');
    }
    state.follows = signal;
  }
  if (headers !== undefined) state.list = use('headers').listFrom(headers);
  if (state.cache === 'only-if-cached' && state.mode !== 'same-origin') {
    throw new TypeError("Request: cache can be only-if-cached where mode is 'same-origin' alone");
  }
  if (body !== undefined && body !== null) setBody(state, body, duplex);
}

function referrerOf(text) {
  return text === '' ? '' : use('url').parseForRequest(text);
}

function setBody(state, given, duplex) {
  const body = bodyOf(given);
  if (body.kind === core.STREAM && duplex === undefined) {
    throw new TypeError("Request: a stream as body needs duplex: 'half'");
  }
  state.body = body;
  if (body.type === null) return;
  state.list ??= use('headers').listOfState(state);
  use('headers').setDefaultType(state.list, body.type);
}
