// Key-value namespaces in `env`: op `kv` (docs/boundary.md). Values are JSON. The runner judges keys and values; only
// what is far too large stays here.

import {
  defineProperty,
  floor,
  freeze,
  parseJSON,
  RangeError,
  stringify,
  stringToWellFormed,
  TypeError,
} from '../primordials.js';
import { dictionary } from '../webidl.js';

const { quote, use } = core;
const { ask, brandBinding } = use('bindings');

/** Of UTF-8. */
const MAX_KEY_BYTES = 512;
/** Of JSON text in UTF-8. */
const MAX_VALUE_BYTES = 102400;
const MAX_LIST = 1000;
/** A hundred years. */
const MAX_SECONDS = 3153600000;

const internally = { __proto__: null };

class KvNamespace {
  #name;

  constructor(token, name) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#name = name;
  }

  /** The value of `key`, or null. As `text`, what is no string is its JSON; as `json`, a string is parsed. */
  async get(key, options = undefined) {
    const type = typeof options === 'string' ? options : optionsOf(options, 'get').type;
    if (type !== undefined && type !== 'json' && type !== 'text') {
      throw new TypeError("KV get: type can be 'json' or 'text'");
    }
    const members = `"action":"get","key":${textOf(key, 'a key')}`;
    const value = await ask('kv', this.#name, members);
    if (type === 'text')
      return value === null || typeof value === 'string' ? value : stringify(value);
    return type === 'json' && typeof value === 'string' ? parseJSON(value) : value;
  }

  /** Keeps `value`, for `expiresIn` seconds or until it is deleted. */
  async put(key, value, options = undefined) {
    await put(this.#name, key, value, optionsOf(options, 'put'));
  }

  async set(key, value, options = undefined) {
    await put(this.#name, key, value, optionsOf(options, 'set'));
  }

  /** Whether there was a value. */
  async delete(key) {
    return await ask('kv', this.#name, `"action":"delete","key":${textOf(key, 'a key')}`);
  }

  /**
   * The names of keys, in the order of their characters, as an array. Its `cursor` leads to those that follow; it is null
   * when there are none.
   */
  async list(options = undefined) {
    const { cursor, limit = MAX_LIST, prefix } = optionsOf(options, 'list');
    if (!(limit >= 1 && limit <= MAX_LIST && floor(limit) === limit)) {
      throw new RangeError(`KV list: limit must be an integer from 1 to ${MAX_LIST}`);
    }
    let members = `"action":"list","limit":${limit}`;
    if ((prefix ?? '') !== '') members += `,"prefix":${textOf(prefix, 'a prefix')}`;
    if ((cursor ?? '') !== '') members += `,"cursor":${textOf(cursor, 'a cursor', 2)}`;
    const { cursor: next, keys } = await ask('kv', this.#name, members);
    return defineProperty(keys, 'cursor', { __proto__: null, value: next });
  }
}

brandBinding(KvNamespace, 'KvNamespace');

async function put(binding, key, value, options) {
  const name = textOf(key, 'a key');
  const json = stringify(value);
  if (json === undefined) {
    throw new TypeError(`KV: ${typeof value} can not be expressed as JSON`);
  }
  if (json.length > MAX_VALUE_BYTES) {
    throw new RangeError(
      `Value too large: ${json.length} characters of JSON, at most ${MAX_VALUE_BYTES} bytes are allowed`,
    );
  }
  const seconds = secondsOf(options.expiresIn ?? options.expirationTtl);
  const members = `"action":"put","key":${name},"json":${quote(json)},"expiresIn":${seconds}`;
  await ask('kv', binding, members);
}

function optionsOf(options, method) {
  return dictionary(options, `KV ${method}: options`) ?? { __proto__: null };
}

/** A string that names something, as JSON text. */
function textOf(value, what, times = 1) {
  if (typeof value !== 'string') throw new TypeError(`KV: ${what} must be a string`);
  if (value.length > MAX_KEY_BYTES * times) {
    throw new RangeError(`KV: ${what} has at most ${MAX_KEY_BYTES * times} bytes of UTF-8`);
  }
  return quote(stringToWellFormed(value));
}

function secondsOf(given) {
  if (given === undefined || given === null) return 'null';
  const seconds = +given;
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new RangeError(`KV: expiresIn must be more than 0 and at most ${MAX_SECONDS} seconds`);
  }
  return `${seconds}`;
}

export function make(name) {
  return freeze(new KvNamespace(internally, name));
}
