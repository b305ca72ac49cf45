// URLSearchParams (https://url.spec.whatwg.org/#interface-urlsearchparams).

const parsed = [
  ['', []],
  ['?', []],
  ['a', [['a', '']]],
  ['a=b', [['a', 'b']]],
  ['?a=b&c', [['a', 'b'], ['c', '']]],
  ['??a=b', [['?a', 'b']]],
  ['&&&a=b&&&&c=d&', [['a', 'b'], ['c', 'd']]],
  ['a=a&a=b&a=c', [['a', 'a'], ['a', 'b'], ['a', 'c']]],
  ['a==a', [['a', '=a']]],
  ['=a', [['', 'a']]],
  ['=', [['', '']]],
  ['a=b+c&d+e=%2B', [['a', 'b c'], ['d e', '+']]],
  ['a=%F0%9F%92%A9', [['a', '\u{1f4a9}']]],
  ['a=%FF%20%', [['a', '\ufffd %']]],
  ['%61%=%6', [['a%', '%6']]],
  ['\ud800=\udc00', [['\ufffd', '\ufffd']]],
  ['%EF%BB%BFa=1', [['\ufeffa', '1']]],
];

for (const [text, pairs] of parsed) {
  test(() => {
    const params = new URLSearchParams(text);
    assert_equals(JSON.stringify([...params]), JSON.stringify(pairs));
    assert_equals(params.size, pairs.length);
  }, `parsing ${JSON.stringify(text)}`);
}

const written = [
  [{ a: 'b c' }, 'a=b+c'],
  [{ '': '' }, '='],
  [{ a: 'b&c=d' }, 'a=b%26c%3Dd'],
  [{ 'ü*-._~': "'()!" }, '%C3%BC*-._%7E=%27%28%29%21'],
  [{ a: '\0\n\r\n' }, 'a=%00%0A%0D%0A'],
  [{ a: '\ud800' }, 'a=%EF%BF%BD'],
];

for (const [record, text] of written) {
  test(() => assert_equals(`${new URLSearchParams(record)}`, text), `writing ${text}`);
}

test(() => {
  assert_equals(`${new URLSearchParams([['a', 'b'], new Set(['c', 'd'])])}`, 'a=b&c=d');
  assert_equals(`${new URLSearchParams(new URLSearchParams('a=b&a=c'))}`, 'a=b&a=c');
  assert_equals(`${new URLSearchParams(new Map([['a', 1]]))}`, 'a=1');
  assert_equals(`${new URLSearchParams(undefined)}`, '');
  assert_equals(`${new URLSearchParams(null)}`, 'null=');
  assert_equals(`${new URLSearchParams({ '\ud835x': '1', 'xx': '2', '\ud83dx': '3' })}`, '%EF%BF%BDx=3&xx=2');
  for (const wrong of [[1], [[1]], [[1, 2, 3]], [['a', 'b'], 'c'], { [Symbol.iterator]: 1 }]) {
    assert_throws_js(TypeError, () => new URLSearchParams(wrong));
  }
  assert_throws_js(TypeError, () => new URLSearchParams({ [Symbol()]: 1 }));
  assert_throws_js(TypeError, () => URLSearchParams());
}, 'what the constructor takes');

test(() => {
  const params = new URLSearchParams('a=1&b=2&a=3');
  params.set('a', '4');
  assert_equals(`${params}`, 'a=4&b=2');
  params.append('a', '5');
  assert_array_equals(params.getAll('a'), ['4', '5']);
  assert_equals(params.get('c'), null);
  assert_true(params.has('a', '5'));
  assert_false(params.has('a', '6'));
  assert_true(params.has('b', undefined));
  params.delete('a', '4');
  assert_equals(`${params}`, 'b=2&a=5');
  params.delete('b', undefined);
  assert_equals(`${params}`, 'a=5');
  for (const name of ['append', 'set']) assert_throws_js(TypeError, () => params[name]('a'));
  for (const name of ['delete', 'get', 'getAll', 'has']) assert_throws_js(TypeError, () => params[name]());
}, 'methods');

test(() => {
  const params = new URLSearchParams('z=1&\ufffc=2&\u{1f308}=3&a=4&z=0');
  params.sort();
  assert_array_equals([...params.keys()], ['a', 'z', 'z', '\u{1f308}', '\ufffc']);
  assert_array_equals(params.getAll('z'), ['1', '0']);
}, 'sort is stable and by code units');

test(() => {
  const url = new URL('http://a.b/c?a=1&b=2&c=3');
  const seen = [];
  for (const [name] of url.searchParams) {
    seen.push(name);
    if (name === 'a') url.searchParams.delete('b');
  }
  assert_array_equals(seen, ['a', 'c']);
  const values = [];
  url.searchParams.forEach(function (value, name, of) {
    values.push(this.x, value, name, of === url.searchParams);
  }, { x: 1 });
  assert_array_equals(values, [1, '1', 'a', true, 1, '3', 'c', true]);
  assert_throws_js(TypeError, () => url.searchParams.forEach(1));
}, 'iteration sees what changes under it');
