// Keys of two halves: RSA, elliptic curves, Ed25519 and X25519. The runner makes, reads and uses them; here they are SPKI and PKCS#8.

import { stringSlice, typedArrayByteLength, Uint8Array } from '../primordials.js';
import { bufferOf, copyOf, EMPTY, firstOf, within } from './bytes.js';
import { dataError, invalidAccess, notSupported, operationError } from './faults.js';
import {
  DECRYPT,
  DERIVE_BITS,
  DERIVE_KEY,
  ENCRYPT,
  makeKey,
  put,
  SIGN,
  UNWRAP_KEY,
  VERIFY,
  WRAP_KEY,
} from './key.js';
import { addParts, checkJwk, exported, jwkParts } from './jwk.js';
import { asBox, ask, boxed, list, partsOf } from './op.js';
import { requireFormat, requireSome, requireUsages } from './secret.js';

/** What the keys of an algorithm are for: usages of the public and the private one, and a JWK's `use`. */
const signing = { __proto__: null, publicUsages: VERIFY, privateUsages: SIGN, use: 'sig' };
const sealing = {
  __proto__: null,
  publicUsages: ENCRYPT | WRAP_KEY,
  privateUsages: DECRYPT | UNWRAP_KEY,
  use: 'enc',
};
const agreeing = {
  __proto__: null,
  publicUsages: 0,
  privateUsages: DERIVE_KEY | DERIVE_BITS,
  use: 'enc',
};

function purposeOf(name) {
  if (name === 'RSA-OAEP') return sealing;
  return name === 'ECDH' || name === 'X25519' ? agreeing : signing;
}

const isRsa = name => stringSlice(name, 0, 3) === 'RSA';

/** The runner's word for what a key is. */
function kindOf({ name, namedCurve }) {
  if (isRsa(name)) return 'RSA';
  if (name !== 'ECDSA' && name !== 'ECDH') return name;
  if (namedCurve !== 'P-256' && namedCurve !== 'P-384' && namedCurve !== 'P-521') {
    throw notSupported(`${name}: the curve '${namedCurve}' is not supported`);
  }
  return namedCurve;
}

/** `algorithm` of a key: `bits` and `exponent` are RSA's. */
function described({ hash, name, namedCurve }, bits, exponent) {
  const algorithm = { __proto__: null, name };
  if (hash !== undefined && bits !== undefined) {
    algorithm.modulusLength = bits;
    algorithm.publicExponent = exponent;
    algorithm.hash = hash;
  }
  if (namedCurve !== undefined) algorithm.namedCurve = namedCurve;
  return algorithm;
}

// --- making ---

/** A promise for `{publicKey, privateKey}`. */
function generateKey(algorithm, extractable, usages) {
  const { modulusLength, name, publicExponent } = algorithm;
  const { privateUsages, publicUsages } = purposeOf(name);
  requireUsages(usages, publicUsages | privateUsages, name);
  const kind = kindOf(algorithm);
  let members = `"kind":"${kind}"`;
  if (kind === 'RSA') members += `,"bits":${modulusLength},"exponent":${valueOf(publicExponent)}`;
  requireSome(usages & privateUsages, name);
  return ask('generate', members, list(), ({ sizes }, buffer) => {
    const parts = partsOf(sizes, buffer);
    const its = described(algorithm, modulusLength, publicExponent);
    const pair = {};
    const privateKey = makeKey(
      'private',
      its,
      extractable,
      usages & privateUsages,
      copyOf(parts[1]),
    );
    const publicKey = makeKey('public', its, true, usages & publicUsages, copyOf(parts[0]));
    // A dictionary's members are in the order of their names.
    put(pair, 'privateKey', privateKey);
    put(pair, 'publicKey', publicKey);
    return pair;
  });
}

/** A public exponent as a number; those that no key is made with are refused. */
function valueOf(bytes) {
  let value = 0;
  for (let i = 0; i < typedArrayByteLength(bytes); i++) value = value * 256 + bytes[i];
  if (value !== 3 && value !== 65537) {
    throw operationError('RSA: keys are made with the public exponent 3 or 65537');
  }
  return value;
}

// --- reading ---

function importKey(algorithm, format, data, extractable, usages) {
  const { name } = algorithm;
  const { privateUsages, publicUsages } = purposeOf(name);
  const isPrivate = format === 'pkcs8' || (format === 'jwk' && data.d !== undefined);
  if (format === 'raw' && isRsa(name)) requireFormat(format, name);
  requireUsages(usages, isPrivate ? privateUsages : publicUsages, name);
  const kind = kindOf(algorithm);
  const parts = format === 'jwk' ? partsOfJwk(algorithm, data, extractable, usages) : list(data);
  return ask('import', `"kind":"${kind}","format":"${format}"`, parts, (value, buffer) => {
    const read = partsOf(value.sizes, buffer);
    const exponent = read.length > 1 ? copyOf(read[1]) : undefined;
    const its = described(algorithm, value.bits, exponent);
    return makeKey(isPrivate ? 'private' : 'public', its, extractable, usages, copyOf(read[0]));
  });
}

const rsaPublic = ['n', 'e'];
const rsaPrivate = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'];
const pointPublic = ['x', 'y'];
const pointPrivate = ['x', 'y', 'd'];
const bytesPublic = ['x'];
const bytesPrivate = ['x', 'd'];

function memberNames(name, isPrivate) {
  if (isRsa(name)) return isPrivate ? rsaPrivate : rsaPublic;
  if (name === 'ECDSA' || name === 'ECDH') return isPrivate ? pointPrivate : pointPublic;
  return isPrivate ? bytesPrivate : bytesPublic;
}

function partsOfJwk(algorithm, jwk, extractable, usages) {
  const { name, namedCurve } = algorithm;
  const kty = isRsa(name) ? 'RSA' : namedCurve === undefined ? 'OKP' : 'EC';
  checkJwk(jwk, kty, purposeOf(name).use, extractable, usages);
  if (kty !== 'RSA' && jwk.crv !== (namedCurve ?? name)) {
    throw dataError(`the JWK's crv must be '${namedCurve ?? name}'`);
  }
  checkAlgorithm(algorithm, jwk);
  const names = memberNames(name, jwk.d !== undefined);
  if (names === rsaPrivate && jwk.oth !== undefined) {
    throw notSupported('RSA: a key has two primes');
  }
  return jwkParts(jwk, names);
}

/** What a JWK's `alg` is; undefined when it may be anything. */
function jwkName({ hash, name, namedCurve }) {
  if (name === 'RSASSA-PKCS1-v1_5') return `RS${digits(hash)}`;
  if (name === 'RSA-PSS') return `PS${digits(hash)}`;
  if (name === 'RSA-OAEP') return hash === 'SHA-1' ? name : `${name}-${digits(hash)}`;
  if (name === 'ECDSA') {
    return namedCurve === 'P-256' ? 'ES256' : namedCurve === 'P-384' ? 'ES384' : 'ES512';
  }
  return undefined;
}

const digits = hash => (hash === 'SHA-1' ? '1' : stringSlice(hash, 4));

function checkAlgorithm(algorithm, { alg }) {
  if (alg === undefined) return;
  const { name } = algorithm;
  const expected = jwkName(algorithm);
  const isRight =
    name === 'Ed25519'
      ? alg === 'Ed25519' || alg === 'EdDSA'
      : expected === undefined || alg === expected;
  if (!isRight) throw dataError(`the JWK's alg is not that of ${name} with these parameters`);
}

// --- writing ---

/** A box, or a promise for the members of a JWK. */
function exportKey(key, format) {
  const { algorithm, material, type } = key;
  const { name, namedCurve } = algorithm;
  if (format === 'jwk') return exportJwk(key);
  if (format === 'raw' && isRsa(name)) requireFormat(format, name);
  const wanted = format === 'pkcs8' ? 'private' : 'public';
  if (type !== wanted) throw invalidAccess(`${format} is a format for ${wanted} keys`);
  if (format !== 'raw') return boxed(bufferOf(material));
  // The end of SPKI is the point, or the bytes.
  const size = typedArrayByteLength(material);
  const start = size - (namedCurve === undefined ? 32 : 2 * fieldBytes(namedCurve) + 1);
  return boxed(bufferOf(within(material, start, size)));
}

const fieldBytes = curve => (curve === 'P-256' ? 32 : curve === 'P-384' ? 48 : 66);

function exportJwk(key) {
  const { algorithm, material, type } = key;
  const { name, namedCurve } = algorithm;
  const isPrivate = type === 'private';
  const members = `"kind":"${kindOf(algorithm)}","private":${isPrivate}`;
  return ask('export', members, list(material), ({ sizes }, buffer) => {
    const jwk = exported(isRsa(name) ? 'RSA' : namedCurve === undefined ? 'OKP' : 'EC', key);
    if (isRsa(name)) jwk.alg = jwkName(algorithm);
    else jwk.crv = namedCurve ?? name;
    if (name === 'Ed25519') jwk.alg = name;
    return addParts(jwk, memberNames(name, isPrivate), partsOf(sizes, buffer));
  });
}

// --- using ---

function schemeMembers({ hash, name, saltLength = 0 }, key) {
  const chosen = hash ?? key.algorithm.hash ?? 'SHA-512';
  return `"kind":"${kindOf(key.algorithm)}","scheme":"${name}","hash":"${chosen}","salt":${saltLength}`;
}

function sign(algorithm, key, data) {
  if (key.type !== 'private') throw invalidAccess(`${algorithm.name}: a private key signs`);
  return ask('sign', schemeMembers(algorithm, key), list(key.material, data), asBox);
}

/** A promise for a boolean. */
function verify(algorithm, key, signature, data) {
  if (key.type !== 'public') throw invalidAccess(`${algorithm.name}: a public key verifies`);
  const parts = list(key.material, signature, data);
  return ask('verify', schemeMembers(algorithm, key), parts, good => good === true);
}

/** RSA-OAEP. */
function crypt(direction, { label = EMPTY }, key, data) {
  const wanted = direction === 'encrypt' ? 'public' : 'private';
  if (key.type !== wanted) throw invalidAccess(`RSA-OAEP: a ${wanted} key is needed`);
  const members = `"direction":"${direction}","hash":"${key.algorithm.hash}"`;
  return ask('oaep', members, list(key.material, label, data), asBox);
}

/** ECDH and X25519: the first `length` bits of the secret, all of them for null. */
function agree({ name, public: other }, key, length) {
  if (key.type !== 'private') throw invalidAccess(`${name}: a private key derives`);
  if (other.type !== 'public') throw invalidAccess(`${name}: the other key must be public`);
  if (other.algorithm.name !== name) throw invalidAccess(`${name}: the other key is none for it`);
  if (other.algorithm.namedCurve !== key.algorithm.namedCurve) {
    throw invalidAccess(`${name}: the keys are on different curves`);
  }
  const kind = kindOf(key.algorithm);
  const most = 8 * (kind === 'X25519' ? 32 : fieldBytes(kind));
  if (length !== null && length > most) {
    throw operationError(`${name}: the secret has ${most} bits`);
  }
  const parts = list(key.material, other.material);
  return ask('agree', `"kind":"${kind}"`, parts, (_, buffer) => {
    return boxed(length === null ? buffer : firstBits(buffer, length));
  });
}

function firstBits(buffer, bits) {
  const rest = bits % 8;
  const size = (bits - rest) / 8 + (rest === 0 ? 0 : 1);
  const first = firstOf(buffer, size);
  if (rest !== 0) new Uint8Array(first)[size - 1] &= 0xff << (8 - rest);
  return first;
}

export const asymmetric = {
  __proto__: null,
  generateKey,
  importKey,
  exportKey,
  sign,
  verify,
  crypt,
  agree,
};
