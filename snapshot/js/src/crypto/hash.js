// Digests, HMAC and what is derived by it: hashed in the host, at once. It takes the lane less than to send the bytes to the runner
// would, however many they are (docs/decisions/013).

import {
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArraySet,
  Uint8Array,
} from '../primordials.js';
import { areEqual, EMPTY, firstOf, within } from './bytes.js';
import { dataError, operationError, syntaxError } from './faults.js';
import { DERIVE_BITS, DERIVE_KEY, makeKey, SIGN, VERIFY } from './key.js';
import { asBox, ask, boxed, list } from './op.js';
import { exportSecret, requireFormat, requireSome, requireUsages, secretOf } from './secret.js';

const { natives } = core;

const hostNames = {
  __proto__: null,
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

const blockBits = hash => (hash === 'SHA-1' || hash === 'SHA-256' ? 512 : 1024);

/** A buffer. */
export function digest(name, data) {
  return natives.hash(data, hostNames[name]);
}

// --- HMAC ---

const jwkName = hash => `HS${hash === 'SHA-1' ? '1' : hash[4] + hash[5] + hash[6]}`;

/** The first `bits` bits of `bytes`; what is left in the last byte is zero. */
function make({ hash }, bytes, bits, extractable, usages) {
  const rest = bits % 8;
  if (rest !== 0) bytes[typedArrayByteLength(bytes) - 1] &= 0xff << (8 - rest);
  const algorithm = { __proto__: null, name: 'HMAC', hash, length: bits };
  return makeKey('secret', algorithm, extractable, usages, bytes);
}

function generateKey(algorithm, extractable, usages) {
  requireUsages(usages, SIGN | VERIFY, 'HMAC');
  const { hash, length = blockBits(hash) } = algorithm;
  if (length === 0) throw operationError('HMAC: a key has at least one bit');
  requireSome(usages, 'HMAC');
  const bytes = new Uint8Array((length - (length % 8)) / 8 + (length % 8 === 0 ? 0 : 1));
  for (let start = 0, size = typedArrayByteLength(bytes); start < size; start += 65536) {
    natives.randomFill(within(bytes, start, start + 65536 < size ? start + 65536 : size));
  }
  return make(algorithm, bytes, length, extractable, usages);
}

function importKey(algorithm, format, data, extractable, usages) {
  requireUsages(usages, SIGN | VERIFY, 'HMAC');
  const bytes = secretOf('HMAC', format, data, 'sig', extractable, usages, jwk => {
    if (jwk.alg !== undefined && jwk.alg !== jwkName(algorithm.hash)) {
      throw dataError(`the JWK's alg is not that of HMAC with ${algorithm.hash}`);
    }
  });
  const most = typedArrayByteLength(bytes) * 8;
  const { length = most } = algorithm;
  if (most === 0) throw dataError('HMAC: a key has at least one bit');
  if (length > most || length <= most - 8) {
    throw dataError(`HMAC: ${most} bits are no key of ${length} bits`);
  }
  return make(algorithm, bytes, length, extractable, usages);
}

function exportKey(key, format) {
  return exportSecret(key, format, jwkName(key.algorithm.hash));
}

function keyLength({ hash, length = blockBits(hash) }) {
  if (length === 0) throw new TypeError('HMAC: a key has at least one bit');
  return length;
}

function authenticate({ algorithm: { hash }, material }, data) {
  return natives.hash(data, hostNames[hash], material);
}

export const hmac = {
  __proto__: null,
  generateKey,
  importKey,
  exportKey,
  keyLength,
  sign: (_, key, data) => boxed(authenticate(key, data)),
  verify: (_, key, signature, data) => areEqual(new Uint8Array(authenticate(key, data)), signature),
};

// --- HKDF and PBKDF2 ---

/** Importing what keys are derived from. */
export function importSource({ name }, format, data, extractable, usages) {
  if (format !== 'raw') requireFormat(format, name);
  requireUsages(usages, DERIVE_KEY | DERIVE_BITS, name);
  if (extractable) throw syntaxError(`${name}: a key can not be extractable`);
  return makeKey('secret', { __proto__: null, name }, false, usages, data);
}

function requireLength(length, name) {
  if (length === null || length % 8 !== 0) {
    throw operationError(`${name}: the length must be given, and a multiple of 8`);
  }
}

/** RFC 5869. */
export function hkdf({ hash, info, salt }, key, length) {
  requireLength(length, 'HKDF');
  const name = hostNames[hash];
  const size = length / 8;
  const pseudorandom = new Uint8Array(natives.hash(key.material, name, salt));
  const step = typedArrayByteLength(pseudorandom);
  if (size > 255 * step) throw operationError(`HKDF: ${length} bits are more than ${hash} gives`);
  const infoSize = typedArrayByteLength(info);
  const derived = new Uint8Array(size + step);
  let last = EMPTY;
  for (let count = 1, start = 0; start < size; count++, start += step) {
    const lastSize = typedArrayByteLength(last);
    const input = new Uint8Array(lastSize + infoSize + 1);
    typedArraySet(input, last);
    typedArraySet(input, info, lastSize);
    input[lastSize + infoSize] = count;
    last = new Uint8Array(natives.hash(input, name, pseudorandom));
    typedArraySet(derived, last, start);
  }
  return boxed(firstOf(typedArrayBuffer(derived), size));
}

export function pbkdf2({ hash, iterations, salt }, key, length) {
  requireLength(length, 'PBKDF2');
  if (iterations === 0) throw operationError('PBKDF2: there must be iterations');
  if (length === 0) return boxed(firstOf(typedArrayBuffer(EMPTY), 0));
  const members = `"hash":"${hash}","iterations":${iterations},"bytes":${length / 8}`;
  return ask('pbkdf2', members, list(key.material, salt), asBox);
}
