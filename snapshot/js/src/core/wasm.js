// The two functions of WebAssembly that V8 leaves to those who have a fetch
// (https://webassembly.github.io/spec/web-api/#streaming-modules).

import { use } from './chunks.js';

// Without a compiler there is no WebAssembly.
if (typeof WebAssembly !== 'undefined') {
  const { compile, instantiate } = WebAssembly;
  Object.assign(WebAssembly, {
    compileStreaming(source) {
      return use('wasm').compileStreaming(source, compile);
    },
    instantiateStreaming(source, importObject = undefined) {
      return use('wasm').instantiateStreaming(source, importObject, instantiate);
    },
  });
}
