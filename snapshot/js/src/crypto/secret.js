// What keys of AES and HMAC have in common: bytes, as they are or in a JWK.

import { typedArrayByteLength } from '../primordials.js';
import { bufferOf } from './bytes.js';
import { notSupported, syntaxError } from './faults.js';
import { boxed } from './op.js';
import { addParts, checkJwk, exported, jwkBytes } from './jwk.js';

export function requireUsages(usages, allowed, name) {
  if (usages & ~allowed) throw syntaxError(`${name}: a key has usages that it can not have`);
}

/** A secret or private key that is made has to be good for something. */
export function requireSome(usages, name) {
  if (usages === 0) throw syntaxError(`${name}: a key needs usages`);
}

export function requireFormat(format, name) {
  throw notSupported(`${name}: keys have no format '${format}'`);
}

/** The bytes that are imported. `check(jwk, bytes)` is called for a JWK. */
export function secretOf(name, format, data, use, extractable, usages, check) {
  if (format === 'raw') return data;
  if (format !== 'jwk') requireFormat(format, name);
  checkJwk(data, 'oct', use, extractable, usages);
  const bytes = jwkBytes(data, 'k');
  check(data, typedArrayByteLength(bytes));
  return bytes;
}

/** `alg` is the JWK's. */
export function exportSecret(key, format, alg) {
  if (format === 'raw') return boxed(bufferOf(key.material));
  if (format !== 'jwk') requireFormat(format, key.algorithm.name);
  const jwk = exported('oct', key);
  jwk.alg = alg;
  const names = ['k'];
  return addParts(jwk, names, [key.material]);
}
