// Headers (https://fetch.spec.whatwg.org/#headers-class).

const pairs = headers => JSON.stringify([...headers]);

test(() => {
  const record = { B: 'b', a: 1, c: null, d: undefined, 'Content-Type': 'x' };
  const expected = JSON.stringify([['a', '1'], ['b', 'b'], ['c', 'null'], ['content-type', 'x'], ['d', 'undefined']]);
  assert_equals(pairs(new Headers(record)), expected);
  assert_equals(pairs(new Headers(Object.entries(record))), expected);
  assert_equals(pairs(new Headers(new Headers(record))), expected);
  assert_equals(pairs(new Headers(new Map(Object.entries(record)))), expected);
  assert_equals(pairs(new Headers([['A', '1'], new Set(['a', '2'])])), '[["a","1, 2"]]');
  for (const empty of [[], [undefined], [{}], [[]], [() => {}]]) assert_equals(pairs(new Headers(...empty)), '[]');
  const special = new Headers();
  special[Symbol.iterator] = function* () {
    yield ['x', 'y'];
  };
  assert_equals(pairs(new Headers(special)), '[["x","y"]]');
}, 'what the constructor takes');

for (const wrong of [null, 1, 'a', true, Symbol(), [1], ['ab'], [['a']], [['a', 'b', 'c']], [[]], { [Symbol.iterator]: 1 }, { [Symbol('s')]: 'a' }, { é: 'a', '€': 'b' }]) {
  const shown = typeof wrong === 'object' && wrong !== null ? Reflect.ownKeys(wrong).map(String) : String(wrong);
  test(() => assert_throws_js(TypeError, () => new Headers(wrong)), `what it refuses: ${shown} ${JSON.stringify(wrong)}`);
}

const names = ['', ' ', 'a b', 'a:', 'é', '\0', 'a\n', 'a\u0100', '"', '(', ',', '/', ';', '<', '=', '?', '@', '[', '\\', '{', '\x7f'];
const values = ['a\0b', 'a\nb', 'a\rb', '\u0100', '\ud800'];
for (const name of names) {
  test(() => {
    const headers = new Headers();
    for (const call of [() => headers.append(name, 'a'), () => headers.set(name, 'a'), () => headers.get(name), () => headers.has(name), () => headers.delete(name), () => new Headers({ [name]: 'a' }), () => new Headers([[name, 'a']])]) {
      assert_throws_js(TypeError, call);
    }
  }, `no name: ${JSON.stringify(name)}`);
}
for (const value of values) {
  test(() => {
    const headers = new Headers();
    for (const call of [() => headers.append('a', value), () => headers.set('a', value), () => new Headers({ a: value })]) {
      assert_throws_js(TypeError, call);
    }
    assert_equals(pairs(headers), '[]');
  }, `no value: ${JSON.stringify(value)}`);
}
for (const [given, kept] of [['\t\r\n a \n\r\t ', 'a'], [' ', ''], ['a\tb', 'a\tb'], ['\x01\x7f', '\x01\x7f'], ['é\xff', 'é\xff'], ['\x0ba', '\x0ba'], ['\xa0a', '\xa0a'], [', ,', ', ,']]) {
  test(() => {
    const headers = new Headers([['a', given]]);
    assert_equals(headers.get('A'), kept);
    headers.set('a', given);
    assert_equals(headers.get('a'), kept);
    headers.append('a', given);
    assert_equals(headers.get('a'), `${kept}, ${kept}`);
  }, `a value: ${JSON.stringify(given)}`);
}

test(() => {
  const headers = new Headers();
  const { length } = [];
  assert_equals(headers.append('a', '1'), undefined);
  headers.append('A', '2');
  assert_equals(headers.get('a'), '1, 2');
  headers.set('a', '3');
  assert_equals(headers.get('a'), '3');
  assert_equals(headers.delete('A'), undefined);
  assert_equals(headers.get('a'), null);
  assert_false(headers.has('a'));
  assert_equals(length, 0);
  for (const [name, count] of Object.entries({ append: 2, delete: 1, get: 1, has: 1, set: 2 })) {
    for (let i = 0; i < count; i++) assert_throws_js(TypeError, () => headers[name](...Array(i).fill('a')));
  }
}, 'methods');

test(() => {
  const headers = new Headers([['set-cookie', 'z'], ['B', '1'], ['Set-Cookie', 'a'], ['a', ''], ['b', '2'], ['set-cookie', 'z']]);
  assert_equals(pairs(headers), JSON.stringify([['a', ''], ['b', '1, 2'], ['set-cookie', 'z'], ['set-cookie', 'a'], ['set-cookie', 'z']]));
  assert_array_equals(headers.getSetCookie(), ['z', 'a', 'z']);
  assert_equals(headers.get('set-cookie'), 'z, a, z');
  assert_equals(pairs(new Headers(headers)), pairs(headers));
  headers.set('Set-Cookie', 'x');
  assert_array_equals(headers.getSetCookie(), ['x']);
  headers.delete('set-cookie');
  assert_array_equals(headers.getSetCookie(), []);
  assert_equals(new Headers([['set-cookie2', 'a'], ['set-cookie2', 'b']]).get('set-cookie2'), 'a, b');
}, 'cookies are not combined');

test(() => {
  const walk = (work, init = { foo: '2', baz: '1', BAR: '0', quux: '3' }) => {
    const headers = new Headers(init);
    const seen = [];
    for (const [name, value] of headers) {
      seen.push(name + value);
      work(headers, name);
    }
    return seen.join();
  };
  assert_equals(walk(headers => headers.delete('foo')), 'bar0,baz1,quux3');
  assert_equals(walk((headers, name) => name === 'baz' && headers.delete('bar')), 'bar0,baz1,quux3');
  assert_equals(walk((headers, name) => name === 'baz' && headers.append('X-yZ', '4')), 'bar0,baz1,foo2,quux3,x-yz4');
  assert_equals(walk((headers, name) => name === 'baz' && headers.append('abc', '-1')), 'bar0,baz1,baz1,foo2,quux3');
  const headers = new Headers({ b: '2', a: '1' });
  assert_array_equals([...headers.keys()], ['a', 'b']);
  assert_array_equals([...headers.values()], ['1', '2']);
  const seen = [];
  headers.forEach(function (...args) {
    seen.push(this.x, ...args.slice(0, 2), args[2] === headers);
  }, { x: 0 });
  assert_array_equals(seen, [0, '1', 'a', true, 0, '2', 'b', true]);
  assert_throws_js(TypeError, () => headers.forEach());
  const iterator = headers.entries();
  assert_array_equals(iterator.next().value, ['a', '1']);
  headers.append('A', '3');
  assert_array_equals(iterator.next().value, ['b', '2']);
  assert_true(iterator.next().done);
}, 'iteration');

test(() => {
  const seen = [];
  const record = new Proxy({ a: '1', b: '2', [Symbol.toStringTag]: 'x' }, {
    get: (target, key, self) => (seen.push(`get ${String(key)}`), Reflect.get(target, key, self)),
    ownKeys: target => (seen.push('ownKeys'), ['b', 'a']),
    getOwnPropertyDescriptor: (target, key) => (seen.push(`own ${key}`), { ...Reflect.getOwnPropertyDescriptor(target, key), enumerable: key === 'a' }),
  });
  assert_equals(pairs(new Headers(record)), '[["a","1"]]');
  assert_array_equals(seen, ['get Symbol(Symbol.iterator)', 'ownKeys', 'own b', 'own a', 'get a']);
}, 'records are read as WebIDL has it');

test(() => {
  const immutable = [Response.error().headers, Response.redirect('https://a/').headers];
  for (const headers of immutable) {
    for (const call of [() => headers.append('a', 'b'), () => headers.set('a', 'b'), () => headers.delete('location')]) assert_throws_js(TypeError, call);
  }
  assert_equals(immutable[1].get('location'), 'https://a/');
}, 'immutable headers');
