// Algorithms by name and operation, and what their parameters are converted to
// (https://w3c.github.io/webcrypto/#algorithm-normalization).

import {
  ownKeys,
  stringCharCodeAt,
  stringToLowerCase,
  TypeError,
  typedArrayTag,
} from '../primordials.js';
import { domString, isObject } from '../webidl.js';
import { bytesOf } from './bytes.js';
import { notSupported } from './faults.js';
import { requireKey } from './key.js';

/** Members of the dictionaries: lists of [name, type], `?` behind the type of one that may be left out, in WebIDL's order. */
const none = [];
const hash = [['hash', 'hash']];
const hmac = [
  ['hash', 'hash'],
  ['length', 'long?'],
];
const aesLength = [['length', 'short']];
const curve = [['namedCurve', 'string']];
const iv = [['iv', 'bytes']];
const ctr = [
  ['counter', 'bytes'],
  ['length', 'octet'],
];
const gcm = [
  ['additionalData', 'bytes?'],
  ['iv', 'bytes'],
  ['tagLength', 'octet?'],
];
const rsaGeneration = [
  ['modulusLength', 'long'],
  ['publicExponent', 'integer'],
  ['hash', 'hash'],
];
const label = [['label', 'bytes?']];
const salted = [['saltLength', 'long']];
const agreement = [['public', 'key']];
const hkdf = [
  ['hash', 'hash'],
  ['info', 'bytes'],
  ['salt', 'bytes'],
];
const pbkdf2 = [
  ['hash', 'hash'],
  ['iterations', 'long'],
  ['salt', 'bytes'],
];

const digest = { __proto__: null, digest: none };

const aes = parameters => ({
  __proto__: null,
  encrypt: parameters,
  decrypt: parameters,
  generateKey: aesLength,
  importKey: none,
  exportKey: none,
  'get key length': aesLength,
});

const signing = (parameters, generation, importing) => ({
  __proto__: null,
  sign: parameters,
  verify: parameters,
  generateKey: generation,
  importKey: importing,
  exportKey: none,
});

const agreeing = parameters => ({
  __proto__: null,
  deriveBits: agreement,
  generateKey: parameters,
  importKey: parameters,
  exportKey: none,
});

const deriving = parameters => ({
  __proto__: null,
  deriveBits: parameters,
  importKey: none,
  'get key length': none,
});

const registry = {
  __proto__: null,
  'SHA-1': digest,
  'SHA-256': digest,
  'SHA-384': digest,
  'SHA-512': digest,
  HMAC: { ...signing(none, hmac, hmac), __proto__: null, 'get key length': hmac },
  'AES-CBC': aes(iv),
  'AES-CTR': aes(ctr),
  'AES-GCM': aes(gcm),
  'AES-KW': {
    __proto__: null,
    wrapKey: none,
    unwrapKey: none,
    generateKey: aesLength,
    importKey: none,
    exportKey: none,
    'get key length': aesLength,
  },
  'RSASSA-PKCS1-v1_5': signing(none, rsaGeneration, hash),
  'RSA-PSS': signing(salted, rsaGeneration, hash),
  'RSA-OAEP': {
    __proto__: null,
    encrypt: label,
    decrypt: label,
    generateKey: rsaGeneration,
    importKey: hash,
    exportKey: none,
  },
  ECDSA: signing(hash, curve, curve),
  ECDH: agreeing(curve),
  Ed25519: signing(none, none, none),
  X25519: agreeing(none),
  HKDF: deriving(hkdf),
  PBKDF2: deriving(pbkdf2),
};

const names = ownKeys(registry);

/** The name as the standard writes it, whatever its case, or undefined. */
function canonical(name) {
  // Some characters beyond ASCII become ASCII in lower case.
  for (let i = 0; i < name.length; i++) if (stringCharCodeAt(name, i) > 127) return undefined;
  const lower = stringToLowerCase(name);
  for (let i = 0; i < names.length; i++) {
    if (stringToLowerCase(names[i]) === lower) return names[i];
  }
  return undefined;
}

/** An AlgorithmIdentifier argument: an object as it is, or a string. */
export function identifier(value) {
  return isObject(value) ? value : domString(value);
}

/**
 * The algorithm that an AlgorithmIdentifier means for an operation: an object without prototype with its canonical `name` and
 * its members, `hash` as a name, buffers copied.
 */
export function normalize(given, operation) {
  const isName = typeof given === 'string';
  const first = isName ? given : given.name;
  if (first === undefined) throw new TypeError('Algorithm: name is required');
  const asked = domString(first);
  const name = canonical(asked);
  const members = name === undefined ? undefined : registry[name][operation];
  if (members === undefined) {
    throw notSupported(`${operation} is not supported for the algorithm '${asked}'`);
  }
  const normalized = { __proto__: null, name };
  if (members.length === 0) return normalized;
  // The conversion to the algorithm's own dictionary.
  if (!isName) domString(given.name);
  for (let i = 0; i < members.length; i++) {
    const member = members[i][0];
    const type = members[i][1];
    const value = isName ? undefined : given[member];
    if (value !== undefined) normalized[member] = converted(value, type, `${name}: ${member}`);
    else if (type[type.length - 1] !== '?') throw new TypeError(`${name}: ${member} is required`);
  }
  if (normalized.hash !== undefined) normalized.hash = normalize(normalized.hash, 'digest').name;
  return normalized;
}

function converted(value, type, what) {
  switch (type) {
    case 'bytes':
    case 'bytes?':
      return bytesOf(value, what);
    case 'octet':
    case 'octet?':
      return enforced(value, 255, what);
    case 'short':
      return enforced(value, 65535, what);
    case 'long':
    case 'long?':
      return enforced(value, 4294967295, what);
    case 'string':
      return domString(value);
    case 'hash':
      return identifier(value);
    case 'key':
      return requireKey(value, what);
    default:
      // BigInteger is a Uint8Array, no other view.
      if (typeof value !== 'object' || value === null || typedArrayTag(value) !== 'Uint8Array') {
        throw new TypeError(`${what} must be a Uint8Array`);
      }
      return bytesOf(value, what);
  }
}

/** Whether keys of an algorithm can be exported. */
export function isExportable(name) {
  return registry[name].exportKey !== undefined;
}

/** An integer with `[EnforceRange]`. */
export function enforced(value, most, what) {
  const number = +value;
  // Also for NaN and infinities.
  const truncated = number - (number % 1);
  if (!(truncated >= 0 && truncated <= most)) {
    throw new TypeError(`${what}: ${number} is not an integer from 0 to ${most}`);
  }
  return truncated + 0;
}
