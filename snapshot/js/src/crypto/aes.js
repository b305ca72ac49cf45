// AES in all modes: keys here, ciphers in the runner.

import { stringSlice, typedArrayByteLength, Uint8Array } from '../primordials.js';
import { EMPTY } from './bytes.js';
import { dataError, operationError } from './faults.js';
import { DECRYPT, ENCRYPT, makeKey, UNWRAP_KEY, WRAP_KEY } from './key.js';
import { asBox, ask, list } from './op.js';
import { exportSecret, requireSome, requireUsages, secretOf } from './secret.js';

const { natives } = core;

const isLength = bits => bits === 128 || bits === 192 || bits === 256;

const allowed = name =>
  name === 'AES-KW' ? WRAP_KEY | UNWRAP_KEY : ENCRYPT | DECRYPT | WRAP_KEY | UNWRAP_KEY;

/** `A128CBC`: what a JWK calls it. */
const jwkName = (name, bits) => `A${bits}${stringSlice(name, 4)}`;

function make({ name }, bytes, extractable, usages) {
  const algorithm = { __proto__: null, name, length: typedArrayByteLength(bytes) * 8 };
  return makeKey('secret', algorithm, extractable, usages, bytes);
}

function generateKey(algorithm, extractable, usages) {
  requireUsages(usages, allowed(algorithm.name), algorithm.name);
  const bytes = new Uint8Array(keyLength(algorithm) / 8);
  requireSome(usages, algorithm.name);
  natives.randomFill(bytes);
  return make(algorithm, bytes, extractable, usages);
}

function importKey(algorithm, format, data, extractable, usages) {
  const { name } = algorithm;
  requireUsages(usages, allowed(name), name);
  const bytes = secretOf(name, format, data, 'enc', extractable, usages, (jwk, size) => {
    if (isLength(size * 8) && jwk.alg !== undefined && jwk.alg !== jwkName(name, size * 8)) {
      throw dataError(`the JWK's alg is not that of ${name} with its length`);
    }
  });
  if (!isLength(typedArrayByteLength(bytes) * 8)) {
    throw dataError(`${name}: a key has 128, 192 or 256 bits`);
  }
  return make(algorithm, bytes, extractable, usages);
}

function exportKey(key, format) {
  return exportSecret(key, format, jwkName(key.algorithm.name, key.algorithm.length));
}

function keyLength({ length, name }) {
  if (!isLength(length)) throw operationError(`${name}: a key has 128, 192 or 256 bits`);
  return length;
}

/** `direction` is encrypt or decrypt; a promise for a box with the result. */
function crypt(direction, algorithm, key, data) {
  const { name } = algorithm;
  if (name === 'AES-CBC') {
    requireSize(algorithm.iv, 'AES-CBC: the iv');
    return run(direction, 'CBC', 0, key, algorithm.iv, EMPTY, data);
  }
  if (name === 'AES-CTR') {
    requireSize(algorithm.counter, 'AES-CTR: the counter');
    const { length } = algorithm;
    if (length === 0 || length > 128) {
      throw operationError('AES-CTR: the length of the counter must be from 1 to 128');
    }
    return run(direction, 'CTR', length, key, algorithm.counter, EMPTY, data);
  }
  const { additionalData = EMPTY, iv, tagLength = 128 } = algorithm;
  if (!(tagLength === 32 || tagLength === 64 || (tagLength >= 96 && tagLength <= 128))) {
    throw operationError('AES-GCM: the tag has 32, 64, 96, 104, 112, 120 or 128 bits');
  }
  if (tagLength % 8 !== 0) {
    throw operationError('AES-GCM: the tag has 32, 64, 96, 104, 112, 120 or 128 bits');
  }
  return run(direction, 'GCM', tagLength, key, iv, additionalData, data);
}

/** AES-KW. */
function wrap(direction, key, data) {
  return run(direction, 'KW', 0, key, EMPTY, EMPTY, data);
}

function requireSize(bytes, what) {
  if (typedArrayByteLength(bytes) !== 16) throw operationError(`${what} must have 16 bytes`);
}

function run(direction, mode, bits, key, iv, extra, data) {
  const members = `"mode":"${mode}","direction":"${direction}","bits":${bits}`;
  return ask('aes', members, list(key.material, iv, extra, data), asBox);
}

export const aes = {
  __proto__: null,
  generateKey,
  importKey,
  exportKey,
  keyLength,
  crypt,
  wrap,
};
