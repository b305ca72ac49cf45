// The shape of the interfaces, https://webidl.spec.whatwg.org/#js-interfaces

const shapes = {
  ReadableStream: [0, ['locked'], { cancel: 0, getReader: 0, pipeThrough: 1, pipeTo: 1, tee: 0, values: 0 }],
  ReadableStreamDefaultReader: [1, ['closed'], { cancel: 0, read: 0, releaseLock: 0 }],
  ReadableStreamBYOBReader: [1, ['closed'], { cancel: 0, read: 1, releaseLock: 0 }],
  ReadableStreamDefaultController: [0, ['desiredSize'], { close: 0, enqueue: 0, error: 0 }],
  ReadableByteStreamController: [0, ['byobRequest', 'desiredSize'], { close: 0, enqueue: 1, error: 0 }],
  ReadableStreamBYOBRequest: [0, ['view'], { respond: 1, respondWithNewView: 1 }],
  WritableStream: [0, ['locked'], { abort: 0, close: 0, getWriter: 0 }],
  WritableStreamDefaultWriter: [1, ['closed', 'desiredSize', 'ready'], { abort: 0, close: 0, releaseLock: 0, write: 0 }],
  WritableStreamDefaultController: [0, ['signal'], { error: 0 }],
  TransformStream: [0, ['readable', 'writable'], {}],
  TransformStreamDefaultController: [0, ['desiredSize'], { enqueue: 0, error: 0, terminate: 0 }],
  ByteLengthQueuingStrategy: [1, ['highWaterMark', 'size'], {}],
  CountQueuingStrategy: [1, ['highWaterMark', 'size'], {}],
  CompressionStream: [1, ['readable', 'writable'], {}],
  DecompressionStream: [1, ['readable', 'writable'], {}],
};

for (const [name, [length, attributes, methods]] of Object.entries(shapes)) {
  test(() => {
    const Class = self[name];
    const global = Object.getOwnPropertyDescriptor(self, name);
    assert_true(global.writable && global.configurable && !global.enumerable);
    assert_equals(Class.name, name);
    assert_equals(Class.length, length);
    const { prototype } = Class;
    assert_class_string(prototype, name);
    const own = Object.keys(prototype).sort();
    assert_array_equals(own, [...attributes, ...Object.keys(methods)].sort());
    for (const attribute of attributes) {
      const { get, set, configurable } = Object.getOwnPropertyDescriptor(prototype, attribute);
      assert_equals(get.name, `get ${attribute}`);
      assert_equals(set, undefined);
      assert_true(configurable);
    }
    for (const [method, count] of Object.entries(methods)) {
      const { value, writable, configurable } = Object.getOwnPropertyDescriptor(prototype, method);
      assert_equals(value.name, method);
      assert_equals(value.length, count, method);
      assert_true(writable && configurable);
      assert_throws_js(TypeError, () => new value());
    }
    assert_throws_js(TypeError, () => Class());
  }, `${name} is an interface`);
}

test(() => {
  assert_throws_js(TypeError, () => new CountQueuingStrategy());
  assert_throws_js(TypeError, () => new CountQueuingStrategy({}));
  assert_throws_js(TypeError, () => new ByteLengthQueuingStrategy(null));
  const count = new CountQueuingStrategy({ highWaterMark: '3' });
  assert_equals(count.highWaterMark, 3);
  assert_equals(count.size(), 1);
  assert_equals(count.size, new CountQueuingStrategy({ highWaterMark: 1 }).size);
  assert_equals(count.size.name, 'size');
  assert_equals(count.size.length, 0);
  const bytes = new ByteLengthQueuingStrategy({ highWaterMark: NaN });
  assert_true(Number.isNaN(bytes.highWaterMark));
  assert_equals(bytes.size({ byteLength: 7 }), 7);
  assert_equals(bytes.size.length, 1);
  assert_throws_js(TypeError, () => bytes.size());
  assert_throws_js(TypeError, () => new bytes.size({}));
}, 'strategies count what they say');

test(() => {
  class Mine extends ReadableStream { more() { return this.locked; } }
  assert_false(new Mine().more());
  assert_true(new Mine().tee()[0] instanceof ReadableStream);
  assert_false(new Mine().tee()[0] instanceof Mine);
}, 'streams can be extended');
