// Forms as bodies: multipart/form-data as in https://fetch.spec.whatwg.org/#dom-body-formdata, and FormData itself.

const TYPE = 'multipart/form-data; boundary=x';
const parse = (body, type = TYPE) => new Response(body, { headers: { 'content-type': type } }).formData();
const part = (headers, value = 'v') => `--x\r\n${[headers].flat().join('\r\n')}\r\n\r\n${value}\r\n`;
const named = 'Content-Disposition: form-data; name="a"';
const file = `${named}; filename="f"`;
const END = '--x--\r\n';

async function entriesOf(form) {
  const entries = [];
  for (const [name, value] of form) {
    entries.push(typeof value === 'string' ? [name, value] : [name, value.name, value.type, await value.text(), value.lastModified]);
  }
  return JSON.stringify(entries);
}

const good = [
  ['a string', part(named) + END, [['a', 'v']]],
  ['nothing', END, []],
  ['an empty string', part(named, '') + END, [['a', '']]],
  ['two of a name', part(named, '1') + part(named, '2') + END, [['a', '1'], ['a', '2']]],
  ['a file without a type', part(file) + END, [['a', 'f', 'text/plain', 'v', 0]]],
  ['an empty file without a name', part(`${named}; filename=""`, '') + END, [['a', '', 'text/plain', '', 0]]],
  ['a file with a type', part([file, 'Content-Type: image/png']) + END, [['a', 'f', 'image/png', 'v', 0]]],
  ['its type first', part(['Content-Type: image/png', file]) + END, [['a', 'f', 'image/png', 'v', 0]]],
  ['a type to be written anew', part([file, 'content-TYPE: \t TEXT/html;;x="y" \t']) + END, [['a', 'f', 'text/html;x=y', 'v', 0]]],
  ['the last of two types', part([file, 'Content-Type: text/html', 'Content-Type: a/b, c/d']) + END, [['a', 'f', 'c/d', 'v', 0]]],
  ['a type that is none', part([file, 'Content-Type: text']) + END, [['a', 'f', '', 'v', 0]]],
  ['a type with a wrong character', part([file, 'Content-Type: text/é']) + END, [['a', 'f', '', 'v', 0]]],
  ['an empty type', part([file, 'Content-Type:']) + END, [['a', 'f', '', 'v', 0]]],
  ['other headers', part(['X-Y: z', named, 'Content-Transfer-Encoding: base64'], 'dg==') + END, [['a', 'dg==']]],
  ['headers in other cases, with space', part(' CONTENT-disposition \t:form-data; name="a"') + END, [['a', 'v']]],
  ['names with what can not be in them', part('Content-Disposition: form-data; name="a%0A%22%25%2522%0d%0"; filename="b%0D%22%0a%41.txt"') + END, [['a\n"%25%2522\r%0', 'b\r"\n%41.txt', 'text/plain', 'v', 0]]],
  ['names with backslashes, as some clients write them', part('Content-Disposition: form-data; name="a\\"b"; filename="c:\\\\d.txt"') + END, [['a"b', 'c:\\d.txt', 'text/plain', 'v', 0]]],
  ['names beyond ASCII', part('Content-Disposition: form-data; name="é"; filename="中\u0001文"', '😀') + END, [['é', '中\u0001文', 'text/plain', '😀', 0]]],
  ['a name in no quotation marks', part('Content-Disposition: form-data; name=a') + END, [['a', 'v']]],
  ['the boundary as text', part(named, 'x--x x\r\n-x\r\n--') + END, [['a', 'x--x x\r\n-x\r\n--']]],
  ['padding', `--x \t\r\n${named}\r\n\r\nv\r\n--x-- \t`, [['a', 'v']]],
  ['an epilogue', `${part(named)}--x--\r\nmore\r\n--x`, [['a', 'v']]],
  ['no line end at the end', `${part(named)}--x--`, [['a', 'v']]],
];
for (const [what, body, expected] of good) {
  promise_test(async () => assert_equals(await entriesOf(await parse(body)), JSON.stringify(expected)), `multipart: ${what}`);
}

const bad = {
  'an empty body': '',
  'a preamble': `p\r\n${part(named)}${END}`,
  'no end': part(named).trimEnd(),
  'a boundary alone': '--x',
  'something after the last boundary': `${part(named)}--x--y`,
  'no headers': `--x\r\n\r\nv\r\n${END}`,
  'no name': part('Content-Type: text/plain') + END,
  'another disposition': part('Content-Disposition: attachment; name="a"') + END,
  'a header without colon': part('Content-Disposition form-data; name="a"') + END,
  'a header with a wrong name': part([named, 'X Y: z']) + END,
  'a folded header': part(['Content-Disposition: form-data;', ' name="a"']) + END,
  'NUL in a header': part([named, 'X: \0']) + END,
  'a line feed in a header': part('Content-Disposition: form-data; name="a\nb"') + END,
  'a carriage return in a header': part([named, 'X: a\rb']) + END,
  'no line end before the boundary': `--x\r\n${named}\r\n\r\nv${END}`,
};
for (const [what, body] of Object.entries(bad)) {
  promise_test(t => promise_rejects_js(t, TypeError, parse(body)), `multipart: ${what} fails`);
}

promise_test(async t => {
  const body = part(named) + END;
  for (const type of ['multipart/form-data', 'multipart/form-data; boundary=""', 'text/plain', 'multipart/mixed; boundary=x', '']) {
    await promise_rejects_js(t, TypeError, parse(body, type));
  }
  await promise_rejects_js(t, TypeError, new Response(null).formData());
  assert_equals(await entriesOf(await parse(body, 'Multipart/Form-Data; BOUNDARY="x"')), '[["a","v"]]');
  assert_equals(await entriesOf(await parse(body.replaceAll('--x', '--é'), 'multipart/form-data; boundary="é"')), '[["a","v"]]');
}, 'multipart: types and boundaries');

promise_test(async () => {
  const bytes = Uint8Array.of(0, 0x80, 0xff, 13, 10, 45, 45);
  const encoder = new TextEncoder();
  const body = new Blob([encoder.encode(`--x\r\n${file}\r\n\r\n`), bytes, encoder.encode('\r\n--x--')]);
  const found = (await parse(body)).get('a');
  assert_array_equals(await found.bytes(), bytes);
}, 'multipart: any bytes in files');

promise_test(async () => {
  const form = new FormData();
  form.append('a\r\n"b', 'line\nline\rline\r\n');
  form.append('f', new File(['x\ny'], 'n"\n.txt', { type: 'Text/X' }));
  form.append('b', new Blob(['z']));
  const response = new Response(form);
  const type = response.headers.get('content-type');
  assert_regexp_match(type, /^multipart\/form-data; ?boundary=[\w'()+,./:=?-]{10,70}$/);
  const boundary = type.split('boundary=')[1];
  const expected = [
    `--${boundary}`, 'Content-Disposition: form-data; name="a%0D%0A%22b"', '', 'line\r\nline\r\nline\r\n',
    `--${boundary}`, 'Content-Disposition: form-data; name="f"; filename="n%22%0A.txt"', 'Content-Type: text/x', '', 'x\ny',
    `--${boundary}`, 'Content-Disposition: form-data; name="b"; filename="blob"', 'Content-Type: application/octet-stream', '', 'z',
    `--${boundary}--`, '',
  ];
  assert_equals(await response.clone().text(), expected.join('\r\n'));
  const again = await response.formData();
  assert_array_equals([...again.keys()], ['a\r\n"b', 'f', 'b']);
  assert_equals(again.get('f').name, 'n"\n.txt');
}, 'multipart: how forms are written');

promise_test(async () => {
  const type = 'application/x-www-form-urlencoded;charset=x';
  assert_equals(await entriesOf(await parse('a=1&b=%20+&c&=d&\u00e9', type)), JSON.stringify([['a', '1'], ['b', '  '], ['c', ''], ['', 'd'], ['é', '']]));
  assert_equals(await entriesOf(await parse('', type)), '[]');
  assert_equals(await entriesOf(await parse('\ufeffa=1', type)), JSON.stringify([['\ufeffa', '1']]));
}, 'urlencoded');

test(() => {
  const form = new FormData();
  form.append('a', 1);
  form.append('a', new Blob(['x']), 'n');
  form.append('b', null);
  assert_equals(form.get('a'), '1');
  assert_equals(form.getAll('a')[1].name, 'n');
  assert_equals(form.get('b'), 'null');
  assert_equals(form.get('c'), null);
  assert_true(form.has('a'));
  form.set('a', '2');
  assert_array_equals([...form].flat(), ['a', '2', 'b', 'null']);
  form.delete('a');
  assert_array_equals([...form.keys()], ['b']);
  const given = new File([''], 'x', { lastModified: 5 });
  form.append('f', given);
  assert_equals(form.get('f'), given);
  form.append('g', given, 'y');
  assert_array_equals([form.get('g').name, form.get('g').lastModified], ['y', 5]);
  for (const wrong of [() => form.append('a'), () => form.append('a', 'b', 'c'), () => form.set('a'), () => form.get(), () => new FormData(null), () => new FormData({})]) {
    assert_throws_js(TypeError, wrong);
  }
  new FormData(undefined);
  form.append('\ud800', '\udc00');
  assert_equals(form.get('\ufffd'), '\ufffd');
}, 'FormData');
