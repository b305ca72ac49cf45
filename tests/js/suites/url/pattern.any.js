// URLPattern, by the data of web-platform-tests (tests/js/data/wpt-url/urlpatterntestdata.json).

const components = ['protocol', 'username', 'password', 'hostname', 'port', 'pathname', 'search', 'hash'];

/** What has to be absent before a component is taken from the base URL. */
const before = {
  protocol: [],
  hostname: ['protocol'],
  port: ['protocol', 'hostname'],
  pathname: ['protocol', 'hostname', 'port'],
  search: ['protocol', 'hostname', 'port', 'pathname'],
  hash: ['protocol', 'hostname', 'port', 'pathname', 'search'],
};

function baseOf([init, second]) {
  if (init?.baseURL) return new URL(init.baseURL);
  return typeof second === 'string' ? new URL(second) : null;
}

/** What a component of the pattern reads, when the case does not say. */
function defaultOf(name, { pattern, exactly_empty_components: empty = [] }) {
  const [init] = pattern;
  const base = baseOf(pattern);
  if (empty.includes(name)) return '';
  if (typeof init === 'object') {
    if (init[name]) return init[name];
    if (before[name]?.some(earlier => earlier in init)) return '*';
  }
  if (base === null || name === 'username' || name === 'password') return '*';
  if (name === 'protocol') return base.protocol.slice(0, -1);
  return name === 'search' || name === 'hash' ? base[name].slice(1) : base[name];
}

function checkResult(result, { exactly_empty_components: empty = [], expected_match, inputs }) {
  assert_equals(JSON.stringify(result.inputs.map(sorted)), JSON.stringify((expected_match.inputs ?? inputs).map(sorted)));
  for (const name of components) {
    const { input, groups } = expected_match[name] ?? { input: '', groups: empty.includes(name) ? {} : { 0: '' } };
    assert_equals(result[name].input, input, `${name}.input`);
    assert_array_equals(Object.keys(result[name].groups).sort(), Object.keys(groups).sort(), `${name}.groups`);
    for (const [key, value] of Object.entries(groups)) {
      assert_equals(result[name].groups[key], value ?? undefined, `${name}.groups.${key}`);
    }
  }
}

const sorted = input => (typeof input === 'string' ? input : Object.entries(input).sort());

function check(it) {
  const { pattern: given, inputs, expected_obj, expected_match } = it;
  if (expected_obj === 'error') {
    assert_throws_js(TypeError, () => new URLPattern(...given));
    return;
  }
  const pattern = new URLPattern(...given);
  for (const name of components) {
    assert_equals(pattern[name], expected_obj?.[name] ?? defaultOf(name, it), name);
  }
  if (expected_match === 'error') {
    assert_throws_js(TypeError, () => pattern.test(...inputs));
    assert_throws_js(TypeError, () => pattern.exec(...inputs));
    return;
  }
  assert_equals(pattern.test(...(inputs ?? [])), Boolean(expected_match), 'test');
  const result = pattern.exec(...(inputs ?? []));
  if (expected_match && typeof expected_match === 'object') checkResult(result, it);
  else assert_equals(result, null, 'exec');
}

promise_test(async () => {
  const cases = await (await fetch('/data/wpt-url/urlpatterntestdata.json')).json();
  for (const it of cases) {
    if (typeof it === 'object') test(() => check(it), `${JSON.stringify(it.pattern)} of ${JSON.stringify(it.inputs)}`);
  }
}, 'urlpatterntestdata is there');

test(() => {
  assert_false(new URLPattern({ pathname: '/a/:b/*' }).hasRegExpGroups);
  assert_false(new URLPattern({ pathname: '/a/:b?' }).hasRegExpGroups);
  assert_false(new URLPattern({ pathname: '/:a([^\\/]+?)' }).hasRegExpGroups);
  assert_true(new URLPattern({ pathname: '/:b(\\d+)' }).hasRegExpGroups);
  for (const name of components) assert_true(new URLPattern({ [name]: '(a)' }).hasRegExpGroups, name);
}, 'hasRegExpGroups');

test(() => {
  assert_throws_js(TypeError, () => URLPattern());
  assert_throws_js(TypeError, () => new URLPattern('https://a', {}, {}), 'an object is no base URL');
  assert_throws_js(TypeError, () => new URLPattern({}, 'https://a'));
  assert_throws_js(TypeError, () => new URLPattern('/a'));
  assert_throws_js(TypeError, () => new URLPattern({ pathname: Symbol() }));
  assert_throws_js(TypeError, () => new URLPattern({ pathname: '(?<x>a)' }));
  assert_throws_js(TypeError, () => new URLPattern({ pathname: '/:a/:a' }));
  assert_throws_js(TypeError, () => new URLPattern({}, 'https://a', 1));
  assert_throws_js(TypeError, () => new URLPattern().exec({}, 'https://a'));
  assert_equals(new URLPattern(undefined, undefined).pathname, '*');
  assert_equals(new URLPattern('/a', 'https://b', { ignoreCase: true }).exec('https://b/A').pathname.input, '/A');
  assert_array_equals(new URLPattern('/a', 'https://b').exec('/a', 'https://b').inputs, ['/a', 'https://b']);
}, 'arguments');

test(() => {
  const { pathname } = new URLPattern({ pathname: '/:__proto__' }).exec({ pathname: '/a' });
  assert_own_property(pathname.groups, '__proto__');
  const result = new URLPattern().exec();
  assert_array_equals(Object.keys(result), ['hash', 'hostname', 'inputs', ...components.slice(2, 3), 'pathname', 'port', 'protocol', 'search', 'username']);
  assert_array_equals(Object.keys(result.hash), ['groups', 'input']);
}, 'results are plain dictionaries');
