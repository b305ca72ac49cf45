// Hosts with more than ASCII (https://url.spec.whatwg.org/#idna), by the data of web-platform-tests.

const data = async name => {
  const cases = await (await fetch(`/data/wpt-url/${name}.json`)).json();
  return cases.filter(it => typeof it === 'object' && it.input !== '');
};

/** Without the characters that would end the host. */
const escaped = input => input.replace(/[:/?#\\]/g, encodeURIComponent);

function check(input, output) {
  const text = `https://${input}/x`;
  if (output === null) {
    assert_throws_js(TypeError, () => new URL(text));
    return;
  }
  const url = new URL(text);
  assert_equals(url.host, output);
  assert_equals(url.hostname, output);
  assert_equals(url.href, `https://${output}/x`);
}

promise_test(async () => {
  for (const { input, output } of await data('toascii')) {
    test(() => check(input, output), `toASCII of ${JSON.stringify(input)}`);
    for (const attribute of ['host', 'hostname']) {
      test(() => {
        const url = new URL('https://x/');
        url[attribute] = input;
        assert_equals(url[attribute], output ?? 'x');
      }, `${attribute} = ${JSON.stringify(input)}`);
    }
  }
}, 'toascii is there');

for (const file of ['IdnaTestV2', 'IdnaTestV2-removed']) {
  promise_test(async () => {
    for (const { input, output, comment } of await data(file)) {
      test(() => check(escaped(input), output), `${file}: ${JSON.stringify(input)} ${comment ?? ''}`);
    }
  }, `${file} is there`);
}
