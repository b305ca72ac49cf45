// JSON Web Keys: the dictionary, and what all algorithms check of one (https://w3c.github.io/webcrypto/#JsonWebKey-dictionary).

import { makeList } from '../list.js';
import { TypeError } from '../primordials.js';
import { domString, isObject, iteratorMethod } from '../webidl.js';
import { fromBase64url, toBase64url } from './base64url.js';
import { dataError } from './faults.js';
import { namesOf, put, stringsOf, usageOf } from './key.js';

const { quote } = core;

/** In WebIDL's order. */
const members = [
  'alg',
  'crv',
  'd',
  'dp',
  'dq',
  'e',
  'ext',
  'k',
  'key_ops',
  'kty',
  'n',
  'oth',
  'p',
  'q',
  'qi',
  'use',
  'x',
  'y',
];

/** The dictionary that an argument becomes, without a prototype. */
export function jwkOf(given) {
  const jwk = { __proto__: null };
  if (given === undefined || given === null) return jwk;
  if (!isObject(given)) throw new TypeError('JsonWebKey: an object is needed');
  for (let i = 0; i < members.length; i++) {
    const name = members[i];
    const value = given[name];
    if (value !== undefined) jwk[name] = converted(name, value);
  }
  return jwk;
}

function converted(name, value) {
  switch (name) {
    case 'ext':
      return !!value;
    case 'key_ops':
      return stringsOf(value, 'JsonWebKey: key_ops');
    case 'oth':
      if (!isObject(value) || iteratorMethod(value, 'JsonWebKey: oth') === undefined) {
        throw new TypeError('JsonWebKey: oth must be iterable');
      }
      return true;
    default:
      return domString(value);
  }
}

/** Checks `kty`, `use`, `key_ops` and `ext`; `use` is what it has to be, if it is there. */
export function checkJwk(jwk, kty, use, extractable, usages) {
  if (jwk.kty !== kty) throw dataError(`the JWK's kty must be '${kty}'`);
  if (usages !== 0 && jwk.use !== undefined && jwk.use !== use) {
    throw dataError(`the JWK's use must be '${use}'`);
  }
  if (jwk.key_ops !== undefined) checkOperations(jwk.key_ops, usages);
  if (jwk.ext === false && extractable) {
    throw dataError("the JWK's ext does not allow an extractable key");
  }
}

function checkOperations(operations, usages) {
  let allowed = 0;
  for (let i = 0; i < operations.length; i++) {
    for (let j = 0; j < i; j++) {
      if (operations[i] === operations[j]) {
        throw dataError(`the JWK's key_ops has '${operations[i]}' twice`);
      }
    }
    allowed |= usageOf(operations[i]);
  }
  if (usages & ~allowed) throw dataError("the JWK's key_ops does not allow all usages");
}

/** The bytes of a member that has to be there. */
export function jwkBytes(jwk, name) {
  const bytes = jwk[name] === undefined ? undefined : fromBase64url(jwk[name]);
  if (bytes === undefined) throw dataError(`the JWK's ${name} must be base64url`);
  return bytes;
}

/** Those of several, in a list. */
export function jwkParts(jwk, names) {
  const parts = makeList();
  for (let i = 0; i < names.length; i++) parts[i] = jwkBytes(jwk, names[i]);
  return parts;
}

/** Members of a key that is exported, without a prototype. */
export function exported(kty, key) {
  return { __proto__: null, kty, ext: key.extractable, key_ops: namesOf(key.usages) };
}

/** Adds bytes by the names of their members. */
export function addParts(jwk, names, parts) {
  for (let i = 0; i < parts.length; i++) jwk[names[i]] = toBase64url(parts[i]);
  return jwk;
}

/** As tenants get it. */
export function jwkObject(jwk) {
  const object = {};
  for (let i = 0; i < members.length; i++) {
    if (jwk[members[i]] !== undefined) put(object, members[i], jwk[members[i]]);
  }
  return object;
}

/** As JSON text; no `toJSON` is asked. */
export function jwkText(jwk) {
  let text = '';
  for (let i = 0; i < members.length; i++) {
    const value = jwk[members[i]];
    if (value === undefined) continue;
    text += `${text === '' ? '' : ','}"${members[i]}":${valueText(value)}`;
  }
  return `{${text}}`;
}

function valueText(value) {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'boolean') return `${value}`;
  let items = '';
  for (let i = 0; i < value.length; i++) items += `${i === 0 ? '' : ','}${quote(value[i])}`;
  return `[${items}]`;
}
