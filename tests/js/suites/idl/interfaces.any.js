// META: script=interfaces.js
// The shape of interfaces (https://webidl.spec.whatwg.org/#js-interfaces): what is where, under which name, and who may call it.

const descriptor = Object.getOwnPropertyDescriptor;

/** An attribute of an object with these, as assert_object_equals compares it. */
function assertShape(found, expected, note) {
  assert_not_equals(found, undefined, `${note} is missing`);
  for (const [key, value] of Object.entries(expected)) assert_equals(found[key], value, `${note}: ${key}`);
}

const isConstructor = value => {
  try {
    Reflect.construct(Object, [], value);
    return true;
  } catch {
    return false;
  }
};

/** What calls a member of an interface with an object of another one. */
async function assertBranded(call, isPromise, note) {
  for (const wrong of [undefined, null, {}, globalThis, 1]) {
    let result;
    try {
      result = call(wrong);
    } catch (error) {
      assert_false(isPromise, `${note} must not throw, but reject`);
      assert_true(error instanceof TypeError, `${note}: ${error}`);
      continue;
    }
    assert_true(isPromise, `${note} took ${typeof wrong}`);
    await result.then(
      () => assert_unreached(`${note} took ${typeof wrong}`),
      error => assert_true(error instanceof TypeError, `${note}: ${error}`),
    );
  }
}

for (const { name, parent, needed, members, isIterable, isOpen } of readInterfaces()) {
  const constructor = globalThis[name];
  const prototype = constructor?.prototype;

  test(() => {
    assertShape(descriptor(globalThis, name), { enumerable: false, configurable: true, writable: true }, name);
    assert_equals(constructor.name, name);
    assert_equals(constructor.length, needed ?? 0);
    for (const key of ['name', 'length']) {
      assertShape(descriptor(constructor, key), { enumerable: false, configurable: true, writable: false }, key);
    }
    assertShape(descriptor(constructor, 'prototype'), { enumerable: false, configurable: false, writable: false }, 'prototype');
    assert_equals(Object.getPrototypeOf(constructor), parent === null ? Function.prototype : globalThis[parent]);
    const above = name === 'DOMException' ? Error.prototype : Object.prototype;
    assert_equals(Object.getPrototypeOf(prototype), parent === null ? above : globalThis[parent].prototype);
    // A runner may put a constructor of its own in front.
    assertShape(descriptor(prototype, 'constructor'), { value: constructor, enumerable: false, configurable: true, writable: true }, 'constructor');
    const tag = descriptor(prototype, Symbol.toStringTag);
    assertShape(tag, { value: name, enumerable: false, configurable: true, writable: false }, 'tag');
  }, `${name}: the interface`);

  test(() => {
    assert_throws_js(TypeError, () => constructor(), 'without new');
    if (needed === null) assert_throws_js(TypeError, () => new constructor(), 'illegal');
    for (let count = 0; count < needed; count++) {
      assert_throws_js(TypeError, () => new constructor(...Array(count).fill('a')), `${count} arguments`);
    }
  }, `${name}: the constructor`);

  test(() => {
    const expected = members.filter(it => it.isStatic || it.kind === 'constant').map(it => it.name);
    assert_array_equals(Object.keys(constructor).toSorted(), expected.toSorted(), 'static');
    const own = members.filter(it => !it.isStatic).map(it => it.name);
    if (isIterable) own.push('entries', 'forEach', 'keys', 'values');
    const found = Object.keys(prototype).filter(it => !isOpen || own.includes(it));
    assert_array_equals(found.toSorted(), own.toSorted());
    assert_equals(Object.hasOwn(prototype, Symbol.iterator), isIterable);
    if (isIterable) assertIterable(prototype, name);
    for (const member of members) assertMember(constructor, member, `${name}.${member.name}`);
  }, `${name}: members`);

  for (const { name: member, kind, isStatic, isPromise, needed: count } of members) {
    if (isStatic || kind === 'constant') continue;
    promise_test(async () => {
      const { get, set, value } = descriptor(prototype, member);
      const args = Array(count || 0).fill('a');
      if (get) await assertBranded(self => get.call(self), isPromise, 'getter');
      // The one is heard when it is true, the other when it is false.
      const heard = member === 'cancelBubble';
      if (set) await assertBranded(self => set.call(self, heard), false, 'setter');
      if (value) await assertBranded(self => (self === globalThis && EventTarget.prototype[member] ? value.call({}, ...args) : value.call(self, ...args)), isPromise, 'operation');
    }, `${name}: ${member} is for its own objects`);
  }
}

function assertMember(constructor, { name, kind, isStatic, needed, value }, note) {
  const found = descriptor(isStatic ? constructor : constructor.prototype, name);
  if (kind === 'constant') {
    for (const holder of [constructor, constructor.prototype]) {
      assertShape(descriptor(holder, name), { value, enumerable: true, configurable: false, writable: false }, note);
    }
  } else if (kind === 'operation') {
    assertShape(found, { enumerable: true, configurable: true, writable: true }, note);
    assert_equals(found.value.name, name, note);
    assert_equals(found.value.length, needed, `${note}.length`);
    assert_false(isConstructor(found.value), `new ${note}`);
  } else {
    assertShape(found, { enumerable: true, configurable: true }, note);
    assert_equals(found.get.name, `get ${name}`, note);
    assert_equals(found.get.length, 0, note);
    assert_equals(found.set?.name, kind === 'settable' ? `set ${name}` : undefined, note);
    if (found.set) assert_equals(found.set.length, 1, note);
  }
}

function assertIterable(prototype, name) {
  assert_equals(prototype[Symbol.iterator], prototype.entries);
  assertShape(descriptor(prototype, Symbol.iterator), { enumerable: false, configurable: true, writable: true }, '@@iterator');
  for (const [key, length] of Object.entries({ entries: 0, forEach: 1, keys: 0, values: 0 })) {
    assertShape(descriptor(prototype, key), { enumerable: true, configurable: true, writable: true }, key);
    assert_equals(prototype[key].length, length, key);
    assert_throws_js(TypeError, () => prototype[key].call({}, () => {}));
  }
  const iterator = Object.getPrototypeOf(new globalThis[name]().entries());
  assert_equals(Object.getPrototypeOf(iterator), Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())));
  assert_equals(iterator[Symbol.toStringTag], `${name} Iterator`);
  assert_array_equals(Reflect.ownKeys(iterator), ['next', Symbol.toStringTag]);
  assertShape(descriptor(iterator, 'next'), { enumerable: true, configurable: true, writable: true }, 'next');
  assert_throws_js(TypeError, () => iterator.next.call({}));
}
