// Cache and CacheStorage (https://w3c.github.io/ServiceWorker/#cache-interface): op `cache` (docs/boundary.md). Entries are the
// tenant's, in the memory of this runner, as long as their Cache-Control says and there is room.

import { brandInterface } from '../interface.js';
import { append, makeList } from '../list.js';
import {
  Promise,
  stringIndexOf,
  stringSlice,
  stringToWellFormed,
  TypeError,
  typedArrayByteLength,
} from '../primordials.js';
import { dictionary, domString, isObject, requireArguments } from '../webidl.js';

const {
  attach,
  BYTES,
  inboundBody,
  isUsed,
  makeRequest,
  makeRequestState,
  makeResponse,
  makeResponseState,
  quote,
  requestState,
  responseState,
  TEXT,
  use,
} = core;

const internally = { __proto__: null };
/** Bodies of more than this go out as a stream: 256 KiB. */
const WHOLE = 262144;

/** What is asked for: method, URL and headers of a request, or of one that a URL makes. */
function targetOf(input, what) {
  let state = isObject(input) ? requestState(input) : undefined;
  state ??= use('request').initialize(input, undefined, 1);
  const { method, url } = state;
  if (stringIndexOf(url, 'http') !== 0) {
    throw new TypeError(`${what}: the scheme of ${quote(url)} is not http or https`);
  }
  const headers = use('headers');
  const hash = stringIndexOf(url, '#');
  return {
    method,
    url: hash === -1 ? url : stringSlice(url, 0, hash),
    headers: headers.listJson(headers.listOfState(state)),
  };
}

function queryOf(given, what) {
  const options = dictionary(given, `${what}: the options`);
  const ignoreMethod = !!options?.ignoreMethod;
  const ignoreSearch = !!options?.ignoreSearch;
  const ignoreVary = !!options?.ignoreVary;
  return { ignoreMethod, ignoreSearch, ignoreVary };
}

/** A promise for the op's answer, as `use(value, buffer, id)` makes it. */
function inquire(cache, action, members, answer) {
  return new Promise((resolve, reject) => {
    use('ops').start('cache', () => `{"action":"${action}","cache":${cache}${members}}`, {
      __proto__: null,
      resolve(value, buffer, id) {
        resolve(answer === undefined ? value : answer(value, buffer, id));
      },
      reject,
    });
  });
}

function lookUp(target, { ignoreSearch, ignoreVary }) {
  return `,"url":${quote(target.url)},"headers":${target.headers},"ignoreSearch":${ignoreSearch},"ignoreVary":${ignoreVary}`;
}

function responseOf(value, buffer, id) {
  if (value === null) return undefined;
  const body = inboundBody(value.body, buffer, id);
  const state = makeResponseState(value.status, value.statusText, null, body);
  state.url = value.url;
  state.pairs = value.headers;
  state.guard = 'immutable';
  return makeResponse(state);
}

async function match(name, target, query) {
  if (target.method !== 'GET' && !query.ignoreMethod) return undefined;
  return await inquire(name, 'match', lookUp(target, query), responseOf);
}

/** The requests of the entries that match; of all without a target. */
async function keysOf(name, target, query) {
  if (target === undefined) return await inquire(name, 'keys', '');
  if (target.method !== 'GET' && !query.ignoreMethod) return [];
  return await inquire(name, 'keys', lookUp(target, query));
}

function entryOf(response, what) {
  const state = isObject(response) ? responseState(response) : undefined;
  if (state === undefined) throw new TypeError(`${what}: the second argument must be a Response`);
  const { body, status, statusText, url } = state;
  if (status === 206) throw new TypeError(`${what}: a partial response can not be kept`);
  if (status < 200 || status > 599) throw new TypeError(`${what}: there is no response to keep`);
  const headers = use('headers');
  const list = headers.listOfState(state);
  const vary = headers.valueIn(list, 'vary') ?? '';
  if (stringIndexOf(vary, '*') !== -1)
    throw new TypeError(`${what}: the response varies by everything`);
  if (
    isUsed(body) ||
    (body !== null && body.stream !== null && use('body').isLocked(body.stream))
  ) {
    throw new TypeError(`${what}: the body was read already, or is locked`);
  }
  const head = `{"status":${status},"statusText":${quote(statusText)},"url":${quote(url)},"headers":${headers.listJson(list)}}`;
  return { head, body };
}

/** Sends the entry with its body; fulfilled when it is kept, or known not to be. */
function put(name, target, { head, body }) {
  return new Promise((resolve, reject) => {
    let streams = false;
    use('ops').start(
      'cache',
      () => {
        const start = `{"action":"put","cache":${name},"url":${quote(target.url)},"headers":${target.headers},"response":${head},"body":`;
        if (body === null) return `${start}null}`;
        body.used = true;
        if (body.kind === TEXT && body.source.length * 3 > WHOLE) use('body').encode(body);
        if (body.kind === TEXT)
          return `${start}"text","text":${quote(stringToWellFormed(body.source))}}`;
        if (body.kind === BYTES && typedArrayByteLength(body.source) <= WHOLE)
          return `${start}"bytes"},${attach(body.source)}`;
        streams = true;
        return `${start}"stream"}`;
      },
      {
        __proto__: null,
        sent(id) {
          if (streams) pump(id, body, reject);
        },
        resolve: () => resolve(undefined),
        reject,
      },
    );
  });
}

async function pump(id, body, reject) {
  try {
    await use('outbound').send(id, body);
  } catch (error) {
    use('ops').abort(id);
    reject(error);
  }
}

export class Cache {
  /** As JSON text; null for the default one. */
  #name;

  constructor(token = undefined, name = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor: use caches');
    this.#name = name;
  }

  async match(request, options = undefined) {
    const name = this.#name;
    requireArguments(arguments.length, 1, 'Cache.match');
    return await match(name, targetOf(request, 'Cache.match'), queryOf(options, 'Cache.match'));
  }

  async matchAll(request = undefined, options = undefined) {
    const name = this.#name;
    const query = queryOf(options, 'Cache.matchAll');
    const target = request === undefined ? undefined : targetOf(request, 'Cache.matchAll');
    const keys = await keysOf(name, target, query);
    const found = [];
    for (let i = 0; i < keys.length; i++) {
      const { url, headers } = keys[i];
      const key = { url, headers: use('headers').pairsJson(headers) };
      const exact = { ignoreSearch: false, ignoreVary: false };
      const response = await inquire(name, 'match', lookUp(key, exact), responseOf);
      if (response !== undefined) append(found, response);
    }
    return found;
  }

  async add(request) {
    const name = this.#name;
    requireArguments(arguments.length, 1, 'Cache.add');
    await addAll(name, [request]);
  }

  async addAll(requests) {
    const name = this.#name;
    requireArguments(arguments.length, 1, 'Cache.addAll');
    const list = makeList();
    for (const request of requests) list[list.length] = request;
    await addAll(name, list);
  }

  async put(request, response) {
    const name = this.#name;
    requireArguments(arguments.length, 2, 'Cache.put');
    const target = targetOf(request, 'Cache.put');
    if (target.method !== 'GET') throw new TypeError('Cache.put: the method must be GET');
    await put(name, target, entryOf(response, 'Cache.put'));
  }

  async delete(request, options = undefined) {
    const name = this.#name;
    requireArguments(arguments.length, 1, 'Cache.delete');
    const query = queryOf(options, 'Cache.delete');
    const target = targetOf(request, 'Cache.delete');
    if (target.method !== 'GET' && !query.ignoreMethod) return false;
    return await inquire(name, 'delete', lookUp(target, query));
  }

  async keys(request = undefined, options = undefined) {
    const name = this.#name;
    const query = queryOf(options, 'Cache.keys');
    const target = request === undefined ? undefined : targetOf(request, 'Cache.keys');
    const keys = await keysOf(name, target, query);
    const found = [];
    for (let i = 0; i < keys.length; i++) {
      const { url, headers } = keys[i];
      append(found, makeRequest(makeRequestState('GET', url, headers, 'request', null)));
    }
    return found;
  }
}

/** All of them or none: nothing is kept before every answer is there. */
async function addAll(name, requests) {
  const targets = makeList();
  for (let i = 0; i < requests.length; i++) {
    targets[i] = targetOf(requests[i], 'Cache.add');
    if (targets[i].method !== 'GET') throw new TypeError('Cache.add: the method must be GET');
  }
  const entries = makeList();
  for (let i = 0; i < requests.length; i++) {
    const response = await use('fetch').fetch(requests[i], undefined, 1);
    const { status } = responseState(response);
    if (status < 200 || status > 299) {
      throw new TypeError(`Cache.add: ${quote(targets[i].url)} was answered with ${status}`);
    }
    entries[i] = entryOf(response, 'Cache.add');
  }
  for (let i = 0; i < entries.length; i++) await put(name, targets[i], entries[i]);
}

brandInterface(Cache, 'Cache');

export class CacheStorage {
  #default = new Cache(internally, 'null');

  constructor(token = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
  }

  /** Not of the standard, but of every worker's platform. */
  get default() {
    return this.#default;
  }

  async match(request, options = undefined) {
    const first = this.#default;
    requireArguments(arguments.length, 1, 'CacheStorage.match');
    const query = queryOf(options, 'CacheStorage.match');
    const named = options?.cacheName;
    const target = targetOf(request, 'CacheStorage.match');
    if (named !== undefined) return await match(quote(wellFormed(named)), target, query);
    const names = await inquire('null', 'names', '');
    for (let i = 0; i < names.length; i++) {
      const response = await match(quote(names[i]), target, query);
      if (response !== undefined) return response;
    }
    return first === undefined ? undefined : await match('null', target, query);
  }

  async has(cacheName) {
    this.#default;
    requireArguments(arguments.length, 1, 'CacheStorage.has');
    return await inquire(quote(wellFormed(cacheName)), 'has', '');
  }

  async open(cacheName) {
    this.#default;
    requireArguments(arguments.length, 1, 'CacheStorage.open');
    const name = quote(wellFormed(cacheName));
    await inquire(name, 'open', '');
    return new Cache(internally, name);
  }

  async delete(cacheName) {
    this.#default;
    requireArguments(arguments.length, 1, 'CacheStorage.delete');
    return await inquire(quote(wellFormed(cacheName)), 'drop', '');
  }

  async keys() {
    this.#default;
    return await inquire('null', 'names', '');
  }
}

brandInterface(CacheStorage, 'CacheStorage');

function wellFormed(name) {
  return stringToWellFormed(domString(name));
}

export const caches = new CacheStorage(internally);
