// fetch() of URLs that name their own content, and what it refuses (https://fetch.spec.whatwg.org/#scheme-fetch).

async function assertData(url, bytes, type, init) {
  const response = await fetch(url, init);
  assert_array_equals([response.status, response.statusText, response.type, response.redirected], [200, 'OK', 'basic', false]);
  assert_equals(response.url, url.split('#')[0]);
  assert_array_equals([...(await response.bytes())], typeof bytes === 'string' ? [...new TextEncoder().encode(bytes)] : bytes);
  assert_equals(response.headers.get('content-type'), type);
  assert_throws_js(TypeError, () => response.headers.set('a', 'b'));
}

const plain = 'text/plain;charset=US-ASCII';
const data = [
  ['data:,', '', plain],
  ['data:,X', 'X', plain],
  ['data:,X#Y', 'X', plain],
  ['data:,X?Y', 'X?Y', plain],
  ['data:,%FF%c3%A9%', [0xff, 0xc3, 0xa9, 0x25], plain],
  ['data:,%4x%x4', '%4x%x4', plain],
  ['data:;base64,WA', 'X', plain],
  ['data:;base64,W%20A%3D%3D', 'X', plain],
  ['data:;BASe64,WA', 'X', plain],
  ['data:; base64,WA', 'X', plain],
  ['data:;  base64 ,WA', 'X', plain],
  ['data:;base64;,WA', 'WA', 'text/plain'],
  ['data:;base 64,WA', 'WA', 'text/plain'],
  ['data:;charset=x,X', 'X', 'text/plain;charset=x'],
  ['data:text/plain,X', 'X', 'text/plain'],
  ['data:TEXT/HTML;Charset=UTF-8,X', 'X', 'text/html;charset=UTF-8'],
  ['data:text,X', 'X', plain],
  ['data:a/b;c="d;e",X', 'X', 'a/b;c="d;e"'],
  ['data: a/b ;c=d ,X', 'X', 'a/b;c=d'],
  ['data:a/b;base64;c=d,WA', 'WA', 'a/b;c=d'],
  ['data:a/b;c=d;base64,WA', 'X', 'a/b;c=d'],
  ['data:\u00e9/b,X', 'X', '%c3%a9/b'],
];
for (const [url, bytes, type] of data) {
  promise_test(async () => {
    const { href } = new URL(url);
    await assertData(href, bytes, type);
    await assertData(href, bytes, type, { method: 'POST', body: 'unread' });
    await assertData(href, '', type, { method: 'HEAD' });
  }, url);
}
for (const url of ['data:X', 'data:;base64,W', 'data:;base64,W=A', 'data:;base64,!!!!', 'data:;base64,W%00A']) {
  promise_test(async t => {
    await promise_rejects_js(t, TypeError, fetch(url));
  }, `${url} is refused`);
}

promise_test(async t => {
  const url = URL.createObjectURL(new Blob(['abcdef'], { type: 'X/y' }));
  const response = await fetch(`${url}#fragment`);
  assert_array_equals([response.status, response.statusText, response.type, response.url], [200, 'OK', 'basic', url]);
  assert_equals(JSON.stringify([...response.headers]), '[["content-length","6"],["content-type","x/y"]]');
  assert_equals(await response.text(), 'abcdef');
  for (const method of ['HEAD', 'POST', 'PUT', 'x']) await promise_rejects_js(t, TypeError, fetch(url, { method }));
  const typeless = await fetch(URL.createObjectURL(new Blob([])));
  assert_equals(JSON.stringify([...typeless.headers]), '[["content-length","0"],["content-type",""]]');
  URL.revokeObjectURL(url);
  await promise_rejects_js(t, TypeError, fetch(url));
  await promise_rejects_js(t, TypeError, fetch('blob:null/00000000-0000-0000-0000-000000000000'));
  await promise_rejects_js(t, TypeError, fetch('blob:'));
}, 'blob: URLs');

promise_test(async t => {
  const url = URL.createObjectURL(new Blob(['abcdef']));
  const ranges = [['bytes=0-0', 'a', '0-0'], ['bytes=2-3', 'cd', '2-3'], ['bytes=4-', 'ef', '4-5'], ['bytes=-2', 'ef', '4-5'], ['bytes=-9', 'abcdef', '0-5'], ['bytes \t= \t1\t-\t99', 'bcdef', '1-5']];
  for (const [range, text, said] of ranges) {
    const response = await fetch(url, { headers: { range } });
    assert_array_equals([response.status, response.statusText, response.headers.get('content-range'), response.headers.get('content-length')], [206, 'Partial Content', `bytes ${said}/6`, `${text.length}`]);
    assert_equals(await response.text(), text);
  }
  for (const range of ['', 'bytes', 'bytes=', 'bytes=-', 'bytes=6-', 'bytes=3-2', 'bytes=0-1,3-4', 'byte=0-1', 'bytes=a-b', 'bytes=-0']) {
    await promise_rejects_js(t, TypeError, fetch(url, { headers: { range } }), range);
  }
}, 'ranges of blobs');

// Fixtures are resolved by the runner of these tests: what fetch itself does is behind it.
for (const url of ['about:blank', 'file:///etc/passwd', 'ftp://a.example/', 'javascript:1', 'ws://a.example/', 'mailto:a@b', 'x:', 'http://u:p@a.example/', 'http://u@a.example/']) {
  promise_test(async t => {
    await promise_rejects_js(t, TypeError, fetch(url));
  }, `${url} is refused`);
}
promise_test(async t => {
  for (const wrong of [{ method: 'TRACE' }, { method: 'a b' }, { mode: 'navigate' }, { body: 'x' }, { headers: { 'a b': 'c' } }, { headers: { a: '\u0100' } }, { signal: {} }, { redirect: 'x' }, 1]) {
    const promise = fetch('data:,', wrong);
    assert_true(promise instanceof Promise);
    await promise_rejects_js(t, TypeError, promise);
  }
  await promise_rejects_exactly(t, 'mine', fetch('data:,', { get method() { throw 'mine'; } }));
}, 'what is wrong rejects and does not throw');
