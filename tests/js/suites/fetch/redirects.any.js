// META: script=server.js
// Redirects (https://fetch.spec.whatwg.org/#http-redirect-fetch), against a real server.

const to = (status, location, query = {}) => sized(status, [`Location: ${location}`], '', query);
const echo = scene('echo');

for (const status of [301, 302, 303, 307, 308]) {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH']) {
    promise_test(async () => {
      const isPlain = method === 'GET' || method === 'HEAD';
      const key = newKey();
      const target = scene('echo', { key });
      const init = { method, headers: { 'x-kept': 'yes', authorization: 'secret' } };
      if (!isPlain) Object.assign(init, { body: 'text', headers: { ...init.headers, 'content-language': 'de', 'content-type': 'a/b' } });
      const response = await fetch(to(`${status} There`, target), init);
      assert_array_equals([response.status, response.redirected, response.url, response.type], [200, true, target, 'basic']);
      const seen = await happened(`echo ${key}`);
      const isRewritten = (status === 303 && !isPlain) || (status < 303 && method === 'POST');
      assert_equals(seen.method, isRewritten ? 'GET' : method);
      assert_equals(seen.body, isRewritten || isPlain ? '' : 'text');
      const headers = new Headers(seen.headers);
      assert_equals(headers.get('x-kept'), 'yes');
      assert_equals(headers.get('authorization'), 'secret');
      for (const name of ['content-type', 'content-language']) assert_equals(headers.has(name), !isRewritten && !isPlain, name);
      if (isRewritten) assert_equals(headers.get('content-length'), null);
    }, `${status} ${method}`);
  }
}

for (const status of [300, 304, 305, 306, 309, 399]) {
  promise_test(async () => {
    const response = await fetch(sized(`${status} No`, ['Location: /server/echo']));
    assert_array_equals([response.status, response.redirected, response.headers.get('location')], [status, false, '/server/echo']);
  }, `${status} is no redirect`);
}

for (const [what, where, expected] of [
  ['relative', 'echo?a', '/server/echo?a'],
  ['absolute path', '/server/echo?b', '/server/echo?b'],
  ['without scheme', `//${location.host}/server/echo?c`, '/server/echo?c'],
  ['query', '/server/x/../echo?d', '/server/echo?d'],
  ['fragment', '/server/echo?e#f', '/server/echo?e'],
  ['spaces around', ' \t/server/echo?f ', '/server/echo?f'],
  ['bytes of UTF-8', '/server/echo?\xc3\xbc', '/server/echo?%C3%BC'],
  ['bytes of something else', '/server/echo?\xff', '/server/echo?%FF'],
  ['space and quotes', '/server/echo?a b"<>\'', '/server/echo?a%20b%22%3C%3E%27'],
  ['backslashes', '\\server\\echo?g', '/server/echo?g'],
  ['scheme in capitals', `HTTP://${location.host}/server/echo?h`, '/server/echo?h'],
]) {
  promise_test(async () => {
    const response = await fetch(to('302 There', where));
    assert_equals(response.url, `http://${location.host}${expected}`);
    assert_equals((await response.json()).target, expected);
  }, `location: ${what}`);
}

for (const [what, where] of [
  ['data:', 'data:,x'], ['blob:', 'blob:null/1'], ['about:', 'about:blank'], ['file:', 'file:///etc/passwd'], ['javascript:', 'javascript:1'], ['ws:', 'ws://a.example/'],
  ['no host', 'http://'], ['no port', 'http://a.example:port/'], ['credentials', `http://user:pass@${location.host}/server/echo`], ['a port of mail', 'http://127.0.0.1:25/'],
]) {
  promise_test(async t => {
    for (const mode of ['follow', 'error']) await promise_rejects_js(t, TypeError, fetch(to('302 There', where), { redirect: mode }));
    const response = await fetch(to('302 There', where), { redirect: 'manual' });
    assert_equals(response.headers.get('location'), where);
  }, `redirected to ${what}`);
}

promise_test(async t => {
  const nowhere = sized('302 Nowhere', [], 'body');
  assert_equals(await (await fetch(nowhere)).text(), 'body');
  await promise_rejects_js(t, TypeError, fetch(nowhere, { redirect: 'error' }));
  await promise_rejects_js(t, TypeError, fetch(sized('302 There', ['Location: /a', 'Location: /b'])));
  assert_equals((await fetch(sized('302 There', [`Location: ${echo}`, `Location: ${echo}`]))).status, 200);
  assert_equals((await fetch(echo, { redirect: 'error' })).status, 200);
}, 'no location, and several');

promise_test(async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const response = await fetch(sized(`${status} There`, ['Location: /x'], 'body'), { redirect: 'manual' });
    assert_array_equals([response.status, response.redirected, response.headers.get('location'), response.ok], [status, false, '/x', false]);
    assert_equals(await response.text(), 'body');
  }
}, 'a redirect can be seen');

promise_test(async () => {
  const key = newKey();
  const target = scene('echo', { key }, elsewhere);
  const headers = { authorization: 'secret', cookie: 'a=b', 'proxy-authorization': 'c', 'x-kept': 'yes' };
  const response = await fetch(to('307 There', target), { method: 'POST', body: 'text', headers });
  assert_equals(response.url, target);
  const seen = new Headers((await happened(`echo ${key}`)).headers);
  assert_array_equals(['authorization', 'cookie', 'proxy-authorization', 'x-kept', 'host'].map(it => seen.get(it)), [null, null, null, 'yes', elsewhere]);
}, 'what is for one origin does not go to another');

promise_test(async t => {
  let url = echo;
  for (let i = 0; i < 3; i++) url = to('302 On', url);
  const response = await fetch(url);
  assert_array_equals([response.status, response.url, response.redirected], [200, echo, true]);
  // The query of the address says where it leads: to itself.
  const own = `${location.origin}/server/raw?then=keep&bytes=${escapeBytes('HTTP/1.1 302 Round\r\nlocation: #x\r\ncontent-length: 0\r\n\r\n')}`;
  const error = await rejection(fetch(own));
  assert_true(error instanceof TypeError);
  assert_regexp_match(error.message, /more than 20 redirects/);
}, 'chains and rounds');

promise_test(async t => {
  const stream = () => new ReadableStream({ start(it) { it.enqueue(new Uint8Array(3)); it.close(); } });
  for (const status of [301, 302, 307, 308]) {
    await promise_rejects_js(t, TypeError, fetch(to(`${status} There`, echo), { method: 'POST', body: stream(), duplex: 'half' }));
  }
  const response = await fetch(to('303 There', echo), { method: 'POST', body: stream(), duplex: 'half' });
  assert_equals((await response.json()).method, 'GET');
}, 'a streamed body is not sent twice');
