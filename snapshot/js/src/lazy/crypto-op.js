// The op `crypto` (docs/boundary.md): primitives that the isolate's host has not.

import { joined } from '../crypto/bytes.js';
import { own } from '../crypto/promises.js';
import { ArrayBuffer, Promise, typedArrayByteLength } from '../primordials.js';

const { attach, use } = core;

/**
 * Asks for `action`, with `members` (JSON text without braces, may be empty) and a list of byte arrays. A promise for
 * `read(value, buffer)` of the answer; an answer without bytes comes with an empty buffer.
 */
export function ask(action, members, parts, read) {
  let sizes = '';
  for (let i = 0; i < parts.length; i++) {
    sizes += `${i === 0 ? '' : ','}${typedArrayByteLength(parts[i])}`;
  }
  const more = members === '' ? '' : `,${members}`;
  const bytes = joined(parts);
  const promise = new Promise((resolve, reject) => {
    start('crypto', () => `{"action":"${action}","sizes":[${sizes}]${more}},${attach(bytes)}`, {
      __proto__: null,
      resolve(value, buffer) {
        try {
          resolve(read(value, buffer ?? new ArrayBuffer(0)));
        } catch (error) {
          reject(error);
        }
      },
      reject,
    });
  });
  return own(promise);
}

function start(name, describe, answer) {
  use('ops').start(name, describe, answer);
}
