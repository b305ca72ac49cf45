// https://streams.spec.whatwg.org/#rbs-controller-class

const turn = () => new Promise(resolve => setTimeout(resolve, 0));
const list = view => [...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)];

promise_test(async t => {
  let controller;
  const stream = new ReadableStream({ type: 'bytes', start: it => { controller = it; } });
  assert_true(controller instanceof ReadableByteStreamController);
  assert_equals(controller.desiredSize, 0);
  assert_equals(controller.byobRequest, null);
  for (const chunk of [undefined, 'a', new ArrayBuffer(1), new Uint8Array(0)]) {
    assert_throws_js(TypeError, () => controller.enqueue(chunk));
  }
  assert_throws_js(TypeError, () => controller.enqueue());
  const chunk = new Uint8Array([1, 2, 3]);
  controller.enqueue(chunk);
  assert_equals(chunk.length, 0);
  assert_throws_js(TypeError, () => controller.enqueue(chunk));
  assert_equals(controller.desiredSize, -3);
  assert_array_equals(list((await stream.getReader().read()).value), [1, 2, 3]);
}, 'chunks are views, and their buffers are taken');

promise_test(async () => {
  let controller;
  const stream = new ReadableStream({ type: 'bytes', start: it => { controller = it; } });
  const reader = stream.getReader({ mode: 'byob' });
  assert_true(reader instanceof ReadableStreamBYOBReader);
  const view = new Uint8Array(new ArrayBuffer(10), 2, 4);
  const read = reader.read(view);
  assert_equals(view.byteLength, 0);
  const request = controller.byobRequest;
  assert_equals(request, controller.byobRequest);
  assert_equals(request.view.byteOffset, 2);
  assert_equals(request.view.byteLength, 4);
  request.view.set([7, 8]);
  request.respond(2);
  assert_equals(request.view, null);
  assert_throws_js(TypeError, () => request.respond(1));
  const { value, done } = await read;
  assert_false(done);
  assert_array_equals(list(value), [7, 8]);
  assert_equals(value.byteOffset, 2);
  assert_equals(value.buffer.byteLength, 10);
}, 'a buffer of the reader is filled in its place');

promise_test(async () => {
  const stream = new ReadableStream({
    type: 'bytes',
    start(controller) {
      controller.enqueue(new Uint8Array([1, 2, 3]));
      controller.enqueue(new Uint8Array([4, 5]));
    },
  });
  const reader = stream.getReader({ mode: 'byob' });
  const { value } = await reader.read(new Uint16Array(2));
  assert_true(value instanceof Uint16Array);
  assert_array_equals(list(value), [1, 2, 3, 4]);
  const view = (await reader.read(new DataView(new ArrayBuffer(8)))).value;
  assert_true(view instanceof DataView);
  assert_array_equals(list(view), [5]);
}, 'views of all kinds are filled from the queue, by whole elements');

promise_test(async t => {
  let controller;
  const stream = new ReadableStream({ type: 'bytes', start: it => { controller = it; } });
  const reader = stream.getReader({ mode: 'byob' });
  const read = reader.read(new Uint8Array(8), { min: 3 });
  controller.byobRequest.respond(2);
  let isRead = false;
  read.then(() => { isRead = true; });
  await turn();
  assert_false(isRead);
  controller.enqueue(new Uint8Array([9, 9]));
  assert_array_equals(list((await read).value), [0, 0, 9, 9]);
  await promise_rejects_js(t, TypeError, reader.read(new Uint8Array(1), { min: 0 }));
  await promise_rejects_js(t, RangeError, reader.read(new Uint8Array(1), { min: 2 }));
  await promise_rejects_js(t, RangeError, reader.read(new Uint16Array(2), { min: 3 }));
  await promise_rejects_js(t, TypeError, reader.read(new Uint8Array(1), { min: -1 }));
}, 'a reader can say how little is too little');

promise_test(async t => {
  const stream = new ReadableStream({ type: 'bytes' });
  const reader = stream.getReader({ mode: 'byob' });
  for (const view of [undefined, {}, 'a', new ArrayBuffer(1), new Uint8Array(0), new Uint8Array(new ArrayBuffer(0))]) {
    await promise_rejects_js(t, TypeError, reader.read(view));
  }
  const detached = new Uint8Array(4);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  await promise_rejects_js(t, TypeError, reader.read(detached));
  const { memory } = { memory: new WebAssembly.Memory({ initial: 1 }) };
  await promise_rejects_js(t, TypeError, reader.read(new Uint8Array(memory.buffer)));
  assert_throws_js(TypeError, () => new ReadableStream().getReader({ mode: 'byob' }));
  assert_throws_js(TypeError, () => new ReadableStreamBYOBReader(new ReadableStream()));
}, 'a buffer must be there, and one that can be taken');

promise_test(async t => {
  let controller;
  const stream = new ReadableStream({ type: 'bytes', start: it => { controller = it; } });
  const reader = stream.getReader({ mode: 'byob' });
  const read = reader.read(new Uint16Array(1));
  const { byobRequest } = controller;
  assert_throws_js(RangeError, () => byobRequest.respond(3));
  assert_throws_js(TypeError, () => byobRequest.respond(0));
  assert_throws_js(TypeError, () => byobRequest.respond(-1));
  assert_throws_js(TypeError, () => byobRequest.respond());
  assert_throws_js(RangeError, () => byobRequest.respondWithNewView(new Uint8Array(9)));
  assert_throws_js(RangeError, () => byobRequest.respondWithNewView(new Uint8Array(byobRequest.view.buffer, 1, 1)));
  assert_throws_js(TypeError, () => byobRequest.respondWithNewView({}));
  byobRequest.respond(1);
  assert_throws_js(TypeError, () => controller.close());
  await promise_rejects_js(t, TypeError, read);
  await promise_rejects_js(t, TypeError, reader.closed);
}, 'an answer fits its request, and a stream can not end within an element');

promise_test(async () => {
  let controller;
  const stream = new ReadableStream({ type: 'bytes', start: it => { controller = it; } });
  const reader = stream.getReader({ mode: 'byob' });
  const read = reader.read(new Uint8Array(4));
  controller.close();
  controller.byobRequest.respond(0);
  const { value, done } = await read;
  assert_true(done);
  assert_equals(value.byteLength, 0);
  assert_equals(value.buffer.byteLength, 4);
  const late = await reader.read(new Uint8Array(3));
  assert_true(late.done);
  assert_equals(late.value.buffer.byteLength, 3);
}, 'a reader gets its buffer back at the end');

promise_test(async () => {
  const stream = new ReadableStream({ type: 'bytes', cancel() {} });
  const reader = stream.getReader({ mode: 'byob' });
  const read = reader.read(new Uint8Array(4));
  await reader.cancel();
  assert_object_equals(await read, { value: undefined, done: true });
}, 'a cancelled stream keeps the buffer');

promise_test(async t => {
  const stream = new ReadableStream({
    type: 'bytes',
    autoAllocateChunkSize: 4,
    pull(controller) {
      assert_equals(controller.byobRequest.view.byteLength, 4);
      controller.byobRequest.view.set([1, 2]);
      controller.byobRequest.respond(2);
    },
  });
  const { value } = await stream.getReader().read();
  assert_array_equals(list(value), [1, 2]);
  assert_equals(value.buffer.byteLength, 4);
  for (const size of [0, -1, NaN]) {
    assert_throws_js(TypeError, () => new ReadableStream({ type: 'bytes', autoAllocateChunkSize: size }));
  }
  const huge = new ReadableStream({ type: 'bytes', autoAllocateChunkSize: Number.MAX_SAFE_INTEGER }).getReader();
  await promise_rejects_js(t, RangeError, huge.read());
}, 'buffers are made for sources that want them');

promise_test(async t => {
  let controller;
  const stream = new ReadableStream({ type: 'bytes', start: it => { controller = it; } });
  const reader = stream.getReader({ mode: 'byob' });
  const read = reader.read(new Uint8Array(4));
  const { byobRequest } = controller;
  reader.releaseLock();
  await promise_rejects_js(t, TypeError, read);
  assert_equals(controller.byobRequest, byobRequest);
  byobRequest.view[0] = 5;
  const next = stream.getReader({ mode: 'byob' });
  const late = next.read(new Uint8Array(3));
  byobRequest.respond(1);
  assert_array_equals(list((await late).value), [5]);
}, 'what a released reader would have got goes to the next one');

promise_test(async () => {
  const [one, other] = new ReadableStream({
    type: 'bytes',
    start(controller) {
      controller.enqueue(new Uint8Array([1, 2, 3]));
      controller.close();
    },
  }).tee();
  const first = await one.getReader({ mode: 'byob' }).read(new Uint8Array(2));
  const second = await other.getReader().read();
  assert_array_equals(list(first.value), [1, 2]);
  assert_array_equals(list(second.value), [1, 2]);
  assert_not_equals(first.value.buffer, second.value.buffer);
}, 'the branches of a tee are of bytes, each with its own');

promise_test(async () => {
  let room;
  const [one, other] = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      room = controller.byobRequest.view.byteLength;
      controller.byobRequest.view[0] = 9;
      controller.byobRequest.respond(1);
    },
  }).tee();
  const { value } = await one.getReader({ mode: 'byob' }).read(new Uint8Array(6));
  assert_equals(room, 6);
  assert_array_equals(list(value), [9]);
  assert_array_equals(list((await other.getReader().read()).value), [9]);
}, 'a branch hands the buffer of its reader on');
