// The two functions of WebAssembly that V8 leaves to those who have a fetch
// (https://webassembly.github.io/spec/web-api/#streaming-modules).

import { use } from './chunks.js';

let installed = false;
let compile;
let instantiate;

const { compileStreaming, instantiateStreaming } = {
  compileStreaming(source) {
    return use('wasm').compileStreaming(source, compile);
  },
  instantiateStreaming(source, importObject = undefined) {
    return use('wasm').instantiateStreaming(source, importObject, instantiate);
  },
};

/**
 * Adds them, before there is any tenant code. V8 puts WebAssembly into each context that is made of the snapshot, but not
 * into the one that the snapshot is made of; without a compiler there is none.
 */
export function installStreaming() {
  if (installed) return;
  installed = true;
  if (typeof WebAssembly === 'undefined') return;
  compile = WebAssembly.compile;
  instantiate = WebAssembly.instantiate;
  WebAssembly.compileStreaming = compileStreaming;
  WebAssembly.instantiateStreaming = instantiateStreaming;
}
