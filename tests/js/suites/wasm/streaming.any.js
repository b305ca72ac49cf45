// https://webassembly.github.io/spec/web-api/#streaming-modules

// (module (import "m" "f" (func (param i32) (result i32))) (export "g" (func 0)))
const bytes = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 2, 7, 1, 1, 0x6d, 1, 0x66, 0, 0, 7, 5, 1, 1, 0x67, 0, 0,
]);
const respond = (type = 'application/wasm', init = {}) => new Response(bytes, { headers: type ? { 'content-type': type } : {}, ...init });
const methods = { compileStreaming: {}, instantiateStreaming: { m: { f: x => x + 1 } } };

promise_test(async () => {
  const module = await WebAssembly.compileStreaming(respond());
  assert_true(module instanceof WebAssembly.Module);
  const { instance, module: other } = await WebAssembly.instantiateStreaming(Promise.resolve(respond(' Application/WASM\t')), { m: { f: x => x * 2 } });
  assert_equals(instance.exports.g(4), 8);
  assert_true(other instanceof WebAssembly.Module);
}, 'modules and instances of responses');

promise_test(async () => {
  const data = await fetch(`data:application/wasm;base64,${bytes.toBase64?.() ?? btoa(String.fromCharCode(...bytes))}`);
  assert_true((await WebAssembly.compileStreaming(data)) instanceof WebAssembly.Module);
  const stream = new Response(new Blob([bytes]).stream(), { headers: { 'content-type': 'application/wasm' } });
  assert_true((await WebAssembly.compileStreaming(stream)) instanceof WebAssembly.Module);
}, 'of what was fetched, and of streams');

for (const [name, imports] of Object.entries(methods)) {
  for (const [what, source] of Object.entries({
    nothing: () => undefined,
    bytes: () => bytes,
    'an object': () => ({}),
    'another type': () => respond('text/wasm'),
    'no type': () => respond(null),
    'a parameter': () => respond('application/wasm;x=1'),
    'a status that is not ok': () => respond('application/wasm', { status: 404, headers: { 'content-type': 'application/wasm' } }),
    'an error response': () => Response.error(),
    'a Response prototype': () => Response.prototype,
  })) {
    promise_test(t => promise_rejects_js(t, TypeError, WebAssembly[name](source(), imports)), `${name} refuses ${what}`);
  }
  promise_test(async t => {
    const response = respond();
    await response.arrayBuffer();
    await promise_rejects_js(t, TypeError, WebAssembly[name](response, imports));
    const reason = new Error('mine');
    await promise_rejects_exactly(t, reason, WebAssembly[name](Promise.reject(reason), imports));
    const wrong = new Response(bytes.slice(0, 9), { headers: { 'content-type': 'application/wasm' } });
    await promise_rejects_js(t, WebAssembly.CompileError, WebAssembly[name](wrong, imports));
  }, `${name}: used, rejected and wrong`);
}

promise_test(async t => {
  await promise_rejects_js(t, TypeError, WebAssembly.instantiateStreaming(respond()));
  await promise_rejects_js(t, WebAssembly.LinkError, WebAssembly.instantiateStreaming(respond(), { m: { f: 1 } }));
}, 'imports that are missing');
