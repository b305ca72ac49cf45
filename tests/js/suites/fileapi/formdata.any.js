// https://xhr.spec.whatwg.org/#interface-formdata, and forms as bodies

test(() => {
  const form = new FormData();
  assert_throws_js(TypeError, () => new FormData({}));
  assert_throws_js(TypeError, () => form.append('a'));
  assert_throws_js(TypeError, () => form.append('a', 'text', 'name'));
  form.append('a', 1);
  form.append('b', '\ud800');
  form.append('a', undefined);
  form.set('a', 'first');
  form.set('c', null);
  assert_object_equals([...form], [['a', 'first'], ['b', '\ufffd'], ['c', 'null']]);
  assert_array_equals([form.get('x'), form.has('b'), form.getAll('x').length], [null, true, 0]);
  form.delete('b');
  assert_array_equals([...form.keys()], ['a', 'c']);
}, 'entries are added, replaced and taken away');

test(() => {
  const form = new FormData();
  const file = new File(['x'], 'old.txt', { type: 'a/b', lastModified: 9 });
  form.append('blob', new Blob(['x']));
  form.append('file', file);
  form.append('named', file, 'new.txt');
  const named = form.get('named');
  assert_array_equals([form.get('blob').name, form.get('file'), named.name, named.type], ['blob', file, 'new.txt', 'a/b']);
}, 'blobs become files');

promise_test(async () => {
  const form = new FormData();
  form.append('text "quoted"\r\n', 'line\none');
  form.append('file', new File([new Uint8Array([0, 13, 10, 255])], 'a"\n.bin', { type: 'x/y' }));
  form.append('é', '😀');
  const response = new Response(form);
  assert_regexp_match(response.headers.get('content-type'), /^multipart\/form-data; boundary=/);
  const raw = await response.clone().text();
  assert_true(raw.includes('name="text %22quoted%22%0D%0A"'));
  assert_true(raw.includes('filename="a%22%0A.bin"'));
  const back = await response.formData();
  const name = 'text "quoted"\r\n';
  assert_array_equals([...back.keys()], [name, 'file', 'é']);
  assert_equals(back.get(name), 'line\r\none');
  assert_equals(back.get('é'), '😀');
  const file = back.get('file');
  assert_array_equals([file.name, file.type, ...(await file.bytes())], ['a"\n.bin', 'x/y', 0, 13, 10, 255]);
}, 'multipart goes out and comes back');

promise_test(async t => {
  const parse = (body, type = 'multipart/form-data; boundary=b') =>
    new Response(body, { headers: { 'content-type': type } }).formData();
  const part = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n';
  assert_equals((await parse(`${part}--b--\r\n`)).get('a'), 'v');
  assert_equals((await parse('a=1&b=%F0%9F%98%80', 'application/x-www-form-urlencoded')).get('b'), '😀');
  for (const wrong of ['', 'x', part, `${part}--`, `${part}--b`, '--b\r\nname\r\n\r\nv\r\n--b--', '--b\r\n\r\nv\r\n--b--', '--bX\r\n']) {
    await promise_rejects_js(t, TypeError, parse(wrong), wrong);
  }
  await promise_rejects_js(t, TypeError, parse(part, 'multipart/form-data'));
  await promise_rejects_js(t, TypeError, parse('a=1', 'text/plain'));
}, 'malformed bodies are refused');
