// The URL parser, by the data of web-platform-tests (tests/js/data/wpt-url).

const attributes = [
  'href', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash',
];

const show = ({ input, base }) => `${JSON.stringify(input)} with base ${JSON.stringify(base ?? null)}`;

function check(expected) {
  const given = expected.base ? [expected.input, expected.base] : [expected.input];
  assert_equals(URL.canParse(...given), !expected.failure, 'canParse');
  if (expected.failure) {
    assert_throws_js(TypeError, () => new URL(...given));
    assert_equals(URL.parse(...given), null);
    return;
  }
  for (const url of [new URL(...given), URL.parse(...given)]) {
    for (const name of attributes) assert_equals(url[name], expected[name], name);
    if ('origin' in expected) assert_equals(url.origin, expected.origin, 'origin');
    if ('searchParams' in expected) assert_equals(`${url.searchParams}`, expected.searchParams, 'searchParams');
    assert_equals(JSON.stringify(url), JSON.stringify(expected.href), 'toJSON');
  }
  // What was serialized parses to itself.
  assert_equals(new URL(expected.href).href, expected.href, 'again');
}

for (const file of ['urltestdata', 'urltestdata-javascript-only']) {
  promise_test(async () => {
    const cases = await (await fetch(`/data/wpt-url/${file}.json`)).json();
    for (const it of cases) if (typeof it === 'object') test(() => check(it), show(it));
    assert_greater_than(cases.length, 1);
  }, `${file} is there`);
}
