// Objects in a bucket, in `env`: op `storage` (docs/boundary.md). Where the bucket is, and what a key may be, is the
// runner's to know.

import {
  Date,
  dateGetTime,
  dateToISOString,
  Error,
  floor,
  freeze,
  isNaN,
  ownKeys,
  Promise,
  RangeError,
  stringIndexOf,
  stringSlice,
  stringStartsWith,
  stringToWellFormed,
  TypeError,
  typedArrayByteLength,
} from '../primordials.js';
import { dictionary, isObject, usvString } from '../webidl.js';
import { append } from '../list.js';

const { attach, BYTES, bodyOf, inboundBody, isUsed, makeBody, quote, TEXT, use } = core;
const { ask, brandBinding } = use('bindings');

/** What goes with the record, and not as a stream: 256 KiB. */
const WHOLE = 262144;
const MAX_LIST = 1000;
const META = 'x-amz-meta-';

const internally = { __proto__: null };

/** An object that was read: what is known of it, and its body. */
class StorageObject {
  #holder;

  constructor(token, key, answer, body) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#holder = { __proto__: null, body, headers: null, pairs: answer.headers, list: null };
    describe(this, key, answer);
  }

  get body() {
    return use('body').toStream(this.#holder.body);
  }

  get bodyUsed() {
    return isUsed(this.#holder.body);
  }

  async text() {
    return await use('body').consume(this.#holder, 'text');
  }

  async json() {
    return await use('body').consume(this.#holder, 'json');
  }

  async arrayBuffer() {
    return await use('body').consume(this.#holder, 'arrayBuffer');
  }

  async bytes() {
    return await use('body').consume(this.#holder, 'bytes');
  }

  async blob() {
    return await use('body').consume(this.#holder, 'blob');
  }
}

brandBinding(StorageObject, 'StorageObject');

class StorageBucket {
  #name;

  constructor(token, name) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#name = name;
  }

  /** The text of an object; with options, the object. Null when there is none. */
  async get(key, options = undefined) {
    const given = dictionary(options, 'Storage get: options');
    const object = await get(this.#name, keyOf(key), given?.range);
    if (given !== undefined || object === null) return object;
    return await object.text();
  }

  /** What is known of an object. */
  async head(key) {
    const name = keyOf(key);
    const answer = await ask(
      'storage',
      this.#name,
      `"action":"get","method":"HEAD","key":${quote(name)}`,
    );
    if (answer.status !== 200) throw new Error('Object not found');
    return describe({}, name, answer);
  }

  /** Writes an object: a string, bytes, a Blob or a ReadableStream. */
  async put(key, value, options = undefined) {
    const name = keyOf(key);
    const given = dictionary(options, 'Storage put: options') ?? { __proto__: null };
    const body = contentOf(value);
    const members = `"action":"put","key":${quote(name)}${about(body, given)}`;
    const { etag } = await send(this.#name, members, body);
    return { key: name, etag };
  }

  /** Deletes an object, if there is one. */
  async delete(key) {
    await ask('storage', this.#name, `"action":"delete","key":${quote(keyOf(key))}`);
  }

  /** Keys in the order of their bytes; `cursor` leads to those that follow, if it is not null. */
  async list(options = undefined) {
    const {
      cursor,
      delimiter,
      limit = MAX_LIST,
      prefix,
    } = dictionary(options, 'Storage list: options') ?? { __proto__: null };
    if (!(limit >= 1 && floor(limit) === limit)) {
      throw new TypeError(`Storage list: limit must be an integer from 1 to ${MAX_LIST}`);
    }
    let members = `"action":"list","limit":${limit > MAX_LIST ? MAX_LIST : limit}`;
    if ((prefix ?? '') !== '') members += `,"prefix":${textOf(prefix)}`;
    if ((cursor ?? '') !== '') members += `,"cursor":${textOf(cursor)}`;
    if ((delimiter ?? '') !== '') members += `,"delimiter":${textOf(delimiter)}`;
    return pageOf(await ask('storage', this.#name, members));
  }

  /** An object as a Response. Of a URL, the path is the key. */
  async fetch(input, init = undefined) {
    const count = arguments.length;
    const isKey = typeof input === 'string' && stringIndexOf(input, '://') === -1;
    const path = isKey && !stringStartsWith(input, '/') ? `/${input}` : input;
    return await use('fetch').fetchThrough('storage', this.#name, path, init, count);
  }
}

brandBinding(StorageBucket, 'StorageBucket');

function keyOf(key) {
  if (typeof key !== 'string') throw new TypeError('Storage: a key must be a string');
  return stringToWellFormed(key);
}

function textOf(value) {
  return quote(usvString(value));
}

// --- reading ---

async function get(binding, key, range) {
  let members = `"action":"get","key":${quote(key)}`;
  if (range !== undefined && range !== null)
    members += `,"headers":[["range",${quote(rangeOf(range))}]]`;
  return await ask('storage', binding, members, (answer, buffer, id) => {
    if (answer.status === 404) return null;
    if (answer.status === 416) throw new RangeError('Storage get: the range is beyond the object');
    const body = inboundBody(answer.body, buffer, id) ?? makeBody(TEXT, '', null);
    body.type = headerOf(answer, 'content-type') ?? null;
    return freeze(new StorageObject(internally, key, answer, body));
  });
}

/** A Range header for `{offset, length}`, `{suffix}`, or a header's own text. */
function rangeOf(range) {
  if (typeof range === 'string') return range;
  const { length, offset, suffix } = dictionary(range, 'Storage get: range');
  if (suffix !== undefined) return `bytes=-${count(suffix, 'suffix')}`;
  const first = offset === undefined ? 0 : count(offset, 'offset');
  if (length === undefined) return `bytes=${first}-`;
  if (count(length, 'length') === 0)
    throw new TypeError('Storage get: length must be greater than 0');
  return `bytes=${first}-${first + length - 1}`;
}

function count(value, what) {
  if (typeof value === 'number' && value >= 0 && value <= 2 ** 53 && floor(value) === value)
    return value;
  throw new TypeError(`Storage get: ${what} must be a whole number`);
}

function headerOf({ headers }, name) {
  for (let i = 0; i < headers.length; i++) if (headers[i][0] === name) return headers[i][1];
  return undefined;
}

/** Gives an object of the tenant's what the headers tell of a stored one. */
function describe(target, key, answer) {
  const range = headerOf(answer, 'content-range');
  const total = range === undefined ? undefined : stringSlice(range, stringIndexOf(range, '/') + 1);
  target.key = key;
  target.size = +(total ?? headerOf(answer, 'content-length') ?? 0);
  target.etag = unquoted(headerOf(answer, 'etag') ?? '');
  target.contentType = headerOf(answer, 'content-type') ?? '';
  target.uploaded = momentOf(headerOf(answer, 'last-modified') ?? '');
  target.metadata = {};
  for (let i = 0; i < answer.headers.length; i++) {
    const name = answer.headers[i][0];
    if (stringStartsWith(name, META)) {
      target.metadata[stringSlice(name, META.length)] = answer.headers[i][1];
    }
  }
  return target;
}

function unquoted(etag) {
  return stringStartsWith(etag, '"') ? stringSlice(etag, 1, -1) : etag;
}

/** A header's date, or one of a list, in ISO 8601; nothing when it is none. */
function momentOf(text) {
  const date = new Date(text);
  return isNaN(dateGetTime(date)) ? '' : dateToISOString(date);
}

/** Names alone, as the original gives them, with what is known of each beside. */
function pageOf({ cursor, objects, prefixes }) {
  const keys = [];
  for (let i = 0; i < objects.length; i++) {
    objects[i].uploaded = momentOf(objects[i].uploaded);
    append(keys, objects[i].key);
  }
  return {
    keys,
    truncated: cursor !== '',
    cursor: cursor === '' ? null : cursor,
    objects,
    prefixes,
  };
}

// --- writing ---

function contentOf(value) {
  const body = value === undefined || value === null ? null : bodyOf(value);
  const known = typeof value === 'string' || body?.type !== 'text/plain;charset=UTF-8';
  if (body === null || (!known && body.kind === TEXT)) {
    throw new TypeError(
      `Storage put: a value is a string, bytes, a Blob or a ReadableStream, not ${use('inspect').kindOf(value)}`,
    );
  }
  if (body.kind === TEXT && body.source.length * 3 > WHOLE) use('body').encode(body);
  return body;
}

function about(body, { contentType, metadata }) {
  let members = '';
  const type = contentType ?? body.type;
  if (type !== null) members += `,"contentType":${textOf(type)}`;
  if (metadata === undefined || metadata === null) return members;
  if (!isObject(metadata)) throw new TypeError('Storage put: metadata must be an object');
  const names = ownKeys(metadata);
  let pairs = '';
  for (let i = 0; i < names.length; i++) {
    if (typeof names[i] !== 'string') continue;
    if (pairs !== '') pairs += ',';
    pairs += `[${quote(stringToWellFormed(names[i]))},${textOf(metadata[names[i]])}]`;
  }
  return `${members},"metadata":[${pairs}]`;
}

/** A promise for the answer, when all of the body was sent. */
function send(binding, members, body) {
  const isBytes = body.kind === BYTES;
  const size = isBytes ? typedArrayByteLength(body.source) : -1;
  const inline = body.kind === TEXT || (isBytes && size <= WHOLE);
  return new Promise((resolve, reject) => {
    use('ops').start(
      'storage',
      () => {
        const head = `{"binding":${quote(binding)},${members},"body":`;
        body.used = true;
        if (body.kind === TEXT)
          return `${head}"text","text":${quote(stringToWellFormed(body.source))}}`;
        if (inline) return `${head}"bytes"},${attach(body.source)}`;
        return isBytes ? `${head}"stream","size":${size}}` : `${head}"stream"}`;
      },
      {
        __proto__: null,
        sent(id) {
          if (!inline) pump(id, body, reject);
        },
        resolve,
        reject,
      },
    );
  });
}

/** A body that fails ends its upload, too. */
async function pump(id, body, reject) {
  try {
    await use('outbound').send(id, body);
  } catch (error) {
    use('ops').abort(id);
    reject(error);
  }
}

export function make(name) {
  return freeze(new StorageBucket(internally, name));
}
