// The attributes of URL when they are set, by the data of web-platform-tests (tests/js/data/wpt-url).

promise_test(async () => {
  const { comment, ...attributes } = await (await fetch('/data/wpt-url/setters_tests.json')).json();
  for (const [attribute, cases] of Object.entries(attributes)) {
    for (const { href, new_value, expected } of cases) {
      test(() => {
        const url = new URL(href);
        url[attribute] = new_value;
        for (const [name, value] of Object.entries(expected)) assert_equals(url[name], value, name);
      }, `<${href}>.${attribute} = ${JSON.stringify(new_value)}`);
    }
  }
  assert_not_equals(comment, undefined);
}, 'setters_tests is there');

test(() => {
  const url = new URL('https://a/?x=1');
  const { searchParams } = url;
  assert_throws_js(TypeError, () => {
    url.href = 'no URL';
  });
  assert_equals(url.href, 'https://a/?x=1');
  url.href = 'https://b/?y=2';
  assert_equals(url.searchParams, searchParams);
  assert_equals(`${searchParams}`, 'y=2');
  url.search = '?z=3&z=4';
  assert_array_equals(searchParams.getAll('z'), ['3', '4']);
  searchParams.delete('z');
  assert_equals(url.href, 'https://b/');
  searchParams.append('ü', ' ');
  assert_equals(url.search, '?%C3%BC=+');
}, 'searchParams and search are of one list');
