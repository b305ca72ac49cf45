// Modules of WebAssembly out of responses (https://webassembly.github.io/spec/web-api/#streaming-modules).

import { stringToLowerCase, stringTrim, TypeError } from '../primordials.js';
import { isObject } from '../webidl.js';

const { responseState, use } = core;

/** The bytes of a potential WebAssembly response. */
async function bytesOf(source, what) {
  const response = await source;
  const state = isObject(response) ? responseState(response) : undefined;
  if (state === undefined)
    throw new TypeError(`${what}: a Response is needed, or a promise for one`);
  const headers = use('headers');
  const type = headers.valueIn(headers.listOfState(state), 'content-type') ?? '';
  // Parameters are not allowed.
  if (stringToLowerCase(stringTrim(type)) !== 'application/wasm') {
    throw new TypeError(
      `${what}: the response's type must be application/wasm, not ${core.quote(type)}`,
    );
  }
  if (state.status < 200 || state.status > 299) {
    throw new TypeError(`${what}: the response's status is ${state.status}`);
  }
  return await use('body').consume(state, 'arrayBuffer');
}

export async function compileStreaming(source, compile) {
  return await compile(await bytesOf(source, 'WebAssembly.compileStreaming'));
}

export async function instantiateStreaming(source, importObject, instantiate) {
  return await instantiate(await bytesOf(source, 'WebAssembly.instantiateStreaming'), importObject);
}
