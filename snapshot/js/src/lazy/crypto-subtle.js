// SubtleCrypto (https://w3c.github.io/webcrypto/#subtlecrypto-interface): arguments, and the checks that all algorithms have in
// common. What promises are resolved with between two steps is a box without a prototype: tenant code could have put a `then` on
// all others, and would be given the bytes of keys.

import { aes } from '../crypto/aes.js';
import { identifier, isExportable, normalize } from '../crypto/algorithms.js';
import { asymmetric } from '../crypto/asymmetric.js';
import { bytesOf, viewed } from '../crypto/bytes.js';
import { dataError, invalidAccess, notSupported, syntaxError } from '../crypto/faults.js';
import { digest, hkdf, hmac, importSource, pbkdf2 } from '../crypto/hash.js';
import { jwkObject, jwkOf, jwkText } from '../crypto/jwk.js';
import {
  CryptoKey,
  cloneKey,
  DECRYPT,
  DERIVE_BITS,
  DERIVE_KEY,
  ENCRYPT,
  requireKey,
  SIGN,
  stateOf,
  UNWRAP_KEY,
  usagesOf,
  VERIFY,
  WRAP_KEY,
} from '../crypto/key.js';
import { own } from '../crypto/promises.js';
import { isArrayBuffer } from '../buffers.js';
import { brandInterface } from '../interface.js';
import {
  isView,
  parseJSON,
  setPrototypeOf,
  stringRepeat,
  TypeError,
  Uint8Array,
} from '../primordials.js';
import { domString, isObject, requireArguments, unsignedLong } from '../webidl.js';

export { CryptoKey, cloneKey, stateOf };

const { natives } = core;

const internally = { __proto__: null };

/** The functions of an algorithm: keys, and what else it has. */
function familyOf(name) {
  switch (name) {
    case 'HMAC':
      return hmac;
    case 'AES-CBC':
    case 'AES-CTR':
    case 'AES-GCM':
    case 'AES-KW':
      return aes;
    case 'HKDF':
    case 'PBKDF2':
      return sources;
    default:
      return asymmetric;
  }
}

const sources = { __proto__: null, importKey: importSource, keyLength: () => null };

function formatOf(value) {
  const format = domString(value);
  if (format === 'raw' || format === 'spki' || format === 'pkcs8' || format === 'jwk') {
    return format;
  }
  throw new TypeError(`'${format}' is no format of keys: raw, spki, pkcs8, jwk`);
}

/**
 * The bytes of an argument beside an algorithm. They are copied only if tenant code runs before they are used: an
 * algorithm that is an object may have getters.
 */
function dataOf(value, algorithm, what) {
  return typeof algorithm === 'string' ? viewed(value, what) : bytesOf(value, what);
}

/** Checks that a key is for what it is going to be used for. */
function requireUse(key, name, usage, what) {
  if (key.algorithm.name !== name) {
    throw invalidAccess(`${what}: the key is one for ${key.algorithm.name}, not for ${name}`);
  }
  if ((key.usages & usage) === 0) throw invalidAccess(`${what}: the key's usages do not allow it`);
}

/** What is imported, as arguments are converted: bytes that may still change, or the members of a JWK. */
function keyDataOf(value) {
  if (isView(value) || isArrayBuffer(value)) return value;
  if (value !== undefined && value !== null && !isObject(value)) {
    throw new TypeError('SubtleCrypto.importKey: keyData must be bytes or a JWK');
  }
  return jwkOf(value);
}

function requireSomeUsages(key) {
  const state = stateOf(key);
  if (state.type !== 'public' && state.usages === 0) {
    throw syntaxError(`a ${state.type} key needs usages`);
  }
  return key;
}

/**
 * What comes after the algorithms are known: `work` answers something or a promise for it. It is done at once, while buffers are as
 * they were given, but is never told at once, nor is that it failed. To be awaited by `await own(...)`.
 */
async function perform(work) {
  let value;
  let error;
  let failed = false;
  try {
    value = work();
  } catch (thrown) {
    error = thrown;
    failed = true;
  }
  await undefined;
  if (failed) throw error;
  return await value;
}

/** A box with the result, or a promise for one. `direction` is encrypt or decrypt. */
function crypt(direction, algorithm, key, data) {
  const { name } = algorithm;
  if (name === 'AES-KW') return aes.wrap(direction, key, data);
  return (name === 'RSA-OAEP' ? asymmetric : aes).crypt(direction, algorithm, key, data);
}

function bitsOf(algorithm, key, length) {
  switch (algorithm.name) {
    case 'HKDF':
      return hkdf(algorithm, key, length);
    case 'PBKDF2':
      return pbkdf2(algorithm, key, length);
    default:
      return asymmetric.agree(algorithm, key, length);
  }
}

/** Normalizes for `wrapKey` or `unwrapKey`, else for what comes to the same. */
function normalizeWrapping(algorithm, operation, instead) {
  try {
    return normalize(algorithm, operation);
  } catch {
    return normalize(algorithm, instead);
  }
}

function requireExportable({ algorithm: { name }, extractable }, what) {
  if (!isExportable(name)) throw notSupported(`${what}: keys of ${name} can not be exported`);
  if (!extractable) throw invalidAccess(`${what}: the key is not extractable`);
}

/** JSON in bytes; AES-KW wraps only multiples of eight, and space behind JSON means nothing. */
function textBytes(text, name) {
  const missing = name === 'AES-KW' ? (8 - (text.length % 8)) % 8 : 0;
  return natives.utf8Encode(text + stringRepeat(' ', missing));
}

/** The JWK in bytes that were unwrapped. */
function parsedJwk(bytes) {
  let value;
  try {
    value = parseJSON(natives.utf8Decode(bytes));
  } catch {
    throw dataError('what was unwrapped is no JWK');
  }
  if (!isObject(value)) throw dataError('what was unwrapped is no JWK');
  // Nobody has seen the object: what it does not have must not come from Object.prototype.
  const jwk = jwkOf(setPrototypeOf(value, null));
  if (jwk.kty === undefined) throw dataError('the JWK has no kty');
  return jwk;
}

export class SubtleCrypto {
  #brand = undefined;

  constructor(token = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
  }

  async encrypt(algorithm, key, data) {
    this.#brand;
    requireArguments(arguments.length, 3, 'SubtleCrypto.encrypt');
    const asked = identifier(algorithm);
    const state = requireKey(key, 'SubtleCrypto.encrypt: key');
    const bytes = dataOf(data, asked, 'SubtleCrypto.encrypt: data');
    const normalized = normalize(asked, 'encrypt');
    const work = () => {
      requireUse(state, normalized.name, ENCRYPT, 'SubtleCrypto.encrypt');
      return crypt('encrypt', normalized, state, bytes);
    };
    return (await own(perform(work))).buffer;
  }

  async decrypt(algorithm, key, data) {
    this.#brand;
    requireArguments(arguments.length, 3, 'SubtleCrypto.decrypt');
    const asked = identifier(algorithm);
    const state = requireKey(key, 'SubtleCrypto.decrypt: key');
    const bytes = dataOf(data, asked, 'SubtleCrypto.decrypt: data');
    const normalized = normalize(asked, 'decrypt');
    const work = () => {
      requireUse(state, normalized.name, DECRYPT, 'SubtleCrypto.decrypt');
      return crypt('decrypt', normalized, state, bytes);
    };
    return (await own(perform(work))).buffer;
  }

  async sign(algorithm, key, data) {
    this.#brand;
    requireArguments(arguments.length, 3, 'SubtleCrypto.sign');
    const asked = identifier(algorithm);
    const state = requireKey(key, 'SubtleCrypto.sign: key');
    const bytes = dataOf(data, asked, 'SubtleCrypto.sign: data');
    const normalized = normalize(asked, 'sign');
    const work = () => {
      requireUse(state, normalized.name, SIGN, 'SubtleCrypto.sign');
      return familyOf(normalized.name).sign(normalized, state, bytes);
    };
    return (await own(perform(work))).buffer;
  }

  async verify(algorithm, key, signature, data) {
    this.#brand;
    requireArguments(arguments.length, 4, 'SubtleCrypto.verify');
    const asked = identifier(algorithm);
    const state = requireKey(key, 'SubtleCrypto.verify: key');
    const signed = bytesOf(signature, 'SubtleCrypto.verify: signature');
    const bytes = dataOf(data, asked, 'SubtleCrypto.verify: data');
    const normalized = normalize(asked, 'verify');
    const work = () => {
      requireUse(state, normalized.name, VERIFY, 'SubtleCrypto.verify');
      return familyOf(normalized.name).verify(normalized, state, signed, bytes);
    };
    return await own(perform(work));
  }

  async digest(algorithm, data) {
    this.#brand;
    requireArguments(arguments.length, 2, 'SubtleCrypto.digest');
    const asked = identifier(algorithm);
    const bytes = dataOf(data, asked, 'SubtleCrypto.digest: data');
    const { name } = normalize(asked, 'digest');
    const buffer = digest(name, bytes);
    await undefined;
    return buffer;
  }

  async generateKey(algorithm, extractable, keyUsages) {
    this.#brand;
    requireArguments(arguments.length, 3, 'SubtleCrypto.generateKey');
    const asked = identifier(algorithm);
    const usages = usagesOf(keyUsages, 'SubtleCrypto.generateKey: keyUsages');
    const normalized = normalize(asked, 'generateKey');
    const family = familyOf(normalized.name);
    return await own(perform(() => family.generateKey(normalized, !!extractable, usages)));
  }

  async deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages) {
    this.#brand;
    requireArguments(arguments.length, 5, 'SubtleCrypto.deriveKey');
    const asked = identifier(algorithm);
    const state = requireKey(baseKey, 'SubtleCrypto.deriveKey: baseKey');
    const wanted = identifier(derivedKeyType);
    const usages = usagesOf(keyUsages, 'SubtleCrypto.deriveKey: keyUsages');
    const normalized = normalize(asked, 'deriveBits');
    const importing = normalize(wanted, 'importKey');
    const lengthAlgorithm = normalize(wanted, 'get key length');
    const family = familyOf(importing.name);
    const work = () => {
      requireUse(state, normalized.name, DERIVE_KEY, 'SubtleCrypto.deriveKey');
      return bitsOf(normalized, state, family.keyLength(lengthAlgorithm));
    };
    const bytes = new Uint8Array((await own(perform(work))).buffer);
    return requireSomeUsages(family.importKey(importing, 'raw', bytes, !!extractable, usages));
  }

  async deriveBits(algorithm, baseKey, length = null) {
    this.#brand;
    requireArguments(arguments.length, 2, 'SubtleCrypto.deriveBits');
    const asked = identifier(algorithm);
    const state = requireKey(baseKey, 'SubtleCrypto.deriveBits: baseKey');
    const bits = length === null ? null : unsignedLong(length);
    const normalized = normalize(asked, 'deriveBits');
    const work = () => {
      requireUse(state, normalized.name, DERIVE_BITS, 'SubtleCrypto.deriveBits');
      return bitsOf(normalized, state, bits);
    };
    return (await own(perform(work))).buffer;
  }

  async importKey(format, keyData, algorithm, extractable, keyUsages) {
    this.#brand;
    requireArguments(arguments.length, 5, 'SubtleCrypto.importKey');
    const form = formatOf(format);
    const given = keyDataOf(keyData);
    const asked = identifier(algorithm);
    const usages = usagesOf(keyUsages, 'SubtleCrypto.importKey: keyUsages');
    const isBytes = isView(given) || isArrayBuffer(given);
    if (isBytes === (form === 'jwk')) {
      const what = isBytes ? 'a JWK, not bytes' : 'bytes, not a JWK';
      throw new TypeError(`SubtleCrypto.importKey: keyData must be ${what}`);
    }
    const data = isBytes ? bytesOf(given, 'SubtleCrypto.importKey: keyData') : given;
    const normalized = normalize(asked, 'importKey');
    const family = familyOf(normalized.name);
    const work = () => family.importKey(normalized, form, data, !!extractable, usages);
    return requireSomeUsages(await own(perform(work)));
  }

  async exportKey(format, key) {
    this.#brand;
    requireArguments(arguments.length, 2, 'SubtleCrypto.exportKey');
    const form = formatOf(format);
    const state = requireKey(key, 'SubtleCrypto.exportKey: key');
    const work = () => {
      requireExportable(state, 'SubtleCrypto.exportKey');
      return familyOf(state.algorithm.name).exportKey(state, form);
    };
    const exported = await own(perform(work));
    return form === 'jwk' ? jwkObject(exported) : exported.buffer;
  }

  async wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    this.#brand;
    requireArguments(arguments.length, 4, 'SubtleCrypto.wrapKey');
    const form = formatOf(format);
    const state = requireKey(key, 'SubtleCrypto.wrapKey: key');
    const wrapping = requireKey(wrappingKey, 'SubtleCrypto.wrapKey: wrappingKey');
    const asked = identifier(wrapAlgorithm);
    const normalized = normalizeWrapping(asked, 'wrapKey', 'encrypt');
    const work = () => {
      requireUse(wrapping, normalized.name, WRAP_KEY, 'SubtleCrypto.wrapKey');
      requireExportable(state, 'SubtleCrypto.wrapKey');
      return familyOf(state.algorithm.name).exportKey(state, form);
    };
    const exported = await own(perform(work));
    const buffer = form === 'jwk' ? textBytes(jwkText(exported), normalized.name) : exported.buffer;
    return (await crypt('encrypt', normalized, wrapping, new Uint8Array(buffer))).buffer;
  }

  async unwrapKey(
    format,
    wrappedKey,
    unwrappingKey,
    unwrapAlgorithm,
    unwrappedKeyAlgorithm,
    extractable,
    keyUsages,
  ) {
    this.#brand;
    requireArguments(arguments.length, 7, 'SubtleCrypto.unwrapKey');
    const form = formatOf(format);
    const bytes = bytesOf(wrappedKey, 'SubtleCrypto.unwrapKey: wrappedKey');
    const unwrapping = requireKey(unwrappingKey, 'SubtleCrypto.unwrapKey: unwrappingKey');
    const asked = identifier(unwrapAlgorithm);
    const wanted = identifier(unwrappedKeyAlgorithm);
    const usages = usagesOf(keyUsages, 'SubtleCrypto.unwrapKey: keyUsages');
    const normalized = normalizeWrapping(asked, 'unwrapKey', 'decrypt');
    const importing = normalize(wanted, 'importKey');
    const work = () => {
      requireUse(unwrapping, normalized.name, UNWRAP_KEY, 'SubtleCrypto.unwrapKey');
      return crypt('decrypt', normalized, unwrapping, bytes);
    };
    const unwrapped = new Uint8Array((await own(perform(work))).buffer);
    const data = form === 'jwk' ? parsedJwk(unwrapped) : unwrapped;
    const family = familyOf(importing.name);
    return requireSomeUsages(await family.importKey(importing, form, data, !!extractable, usages));
  }
}

brandInterface(SubtleCrypto, 'SubtleCrypto');

export const subtle = new SubtleCrypto(internally);
