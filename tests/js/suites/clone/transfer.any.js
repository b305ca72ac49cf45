// https://html.spec.whatwg.org/#structured-cloning

test(() => {
  assert_throws_js(TypeError, () => structuredClone());
  assert_throws_js(TypeError, () => structuredClone(1, 1));
  assert_equals(structuredClone(1, null), 1);
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  const copy = structuredClone({ buffer, view: new Uint8Array(buffer, 1) }, { transfer: [buffer] });
  assert_true(buffer.detached);
  assert_equals(copy.view.buffer, copy.buffer);
  assert_array_equals(copy.view, [2, 3]);
  assert_throws_dom('DataCloneError', () => structuredClone(buffer));
  assert_throws_dom('DataCloneError', () => structuredClone(0, { transfer: [buffer] }));
}, 'a buffer is transferred with its views');

test(() => {
  const buffer = new ArrayBuffer(4);
  assert_throws_dom('DataCloneError', () => structuredClone(() => {}, { transfer: [buffer] }));
  assert_throws_dom('DataCloneError', () => structuredClone(0, { transfer: [buffer, buffer] }));
  assert_throws_dom('DataCloneError', () => structuredClone(0, { transfer: [{}] }));
  assert_throws_dom('DataCloneError', () => structuredClone(0, { transfer: [new Blob()] }));
  assert_throws_js(TypeError, () => structuredClone(0, { transfer: [1] }));
  assert_equals(buffer.byteLength, 4);
  const memory = new WebAssembly.Memory({ initial: 1 });
  assert_throws_dom('DataCloneError', () => structuredClone(0, { transfer: [memory.buffer] }));
}, 'what fails gives nothing up');

test(() => {
  const buffer = new ArrayBuffer(2, { maxByteLength: 8 });
  new Uint8Array(buffer).set([7, 8]);
  for (const copy of [structuredClone(buffer), structuredClone(buffer, { transfer: [buffer] })]) {
    assert_array_equals([copy.resizable, copy.maxByteLength, ...new Uint8Array(copy)], [true, 8, 7, 8]);
  }
}, 'a buffer that can grow is cloned as one');

promise_test(async () => {
  const { port1, port2 } = new MessageChannel();
  assert_throws_dom('DataCloneError', () => structuredClone(port2));
  const copy = structuredClone({ port2 }, { transfer: [port2] }).port2;
  assert_true(copy instanceof MessagePort);
  assert_throws_dom('DataCloneError', () => structuredClone(0, { transfer: [port2] }));
  const got = new Promise(resolve => {
    copy.onmessage = event => resolve(event.data);
  });
  port1.postMessage('through');
  assert_equals(await got, 'through');
  port1.close();
}, 'a port is transferred');

test(() => {
  for (const [error, name] of [[new RangeError('m'), 'RangeError'], [new (class Own extends TypeError {})('m'), 'TypeError']]) {
    const copy = structuredClone(error);
    assert_equals(Object.getPrototypeOf(copy), globalThis[name].prototype);
    assert_equals(copy.message, 'm');
    assert_false(Object.keys(copy).includes('message'));
  }
  const odd = new Error('m');
  odd.name = 'Odd';
  assert_equals(structuredClone(odd).name, 'Error');
  assert_not_own_property(structuredClone(new Error()), 'message');
  const cause = { why: 1 };
  assert_object_equals(structuredClone(new Error('m', { cause })).cause, cause);
}, 'errors keep their kind and message');

promise_test(async () => {
  const blob = new Blob(['ab'], { type: 'text/x' });
  const file = new File(['c'], 'n', { lastModified: 3 });
  const copy = structuredClone([blob, file, blob]);
  assert_equals(copy[0], copy[2]);
  assert_array_equals([await copy[0].text(), copy[0].type], ['ab', 'text/x']);
  assert_array_equals([await copy[1].text(), copy[1].name, copy[1].lastModified], ['c', 'n', 3]);
  assert_true(copy[1] instanceof File);
}, 'blobs and files are cloned');

test(() => {
  class Derived {
    a = 1;
    get b() {
      return 2;
    }
  }
  const copy = structuredClone(new Derived());
  assert_equals(Object.getPrototypeOf(copy), Object.prototype);
  assert_object_equals(copy, { a: 1 });
  const sparse = [1, , 3];
  sparse.x = 'y';
  const array = structuredClone(sparse);
  assert_array_equals([array.length, 1 in array, array.x], [3, false, 'y']);
  const loop = {};
  loop.self = loop;
  const round = structuredClone(loop);
  assert_equals(round.self, round);
}, 'objects lose their class, arrays keep their holes');

test(() => {
  for (const value of [Symbol('s'), () => {}, new WeakMap(), Promise.resolve(), new Response(), new Request('https://a.test'), new Headers(), new URL('https://a.test'), new AbortController().signal, new Event('x'), new ReadableStream(), new Proxy({}, {}), globalThis]) {
    assert_throws_dom('DataCloneError', () => structuredClone(value));
  }
}, 'what has no clone is refused');
