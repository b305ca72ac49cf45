// META: script=server.js
// What goes over the wire, and what comes: against a real server that says exactly the bytes of a test.

promise_test(async () => {
  const response = await fetch(scene('raw', { bytes: ['HTTP/1.1 299 So it is \xe9', 'X-A:  1 ', 'x-b: \xe9', 'X-a: 2', 'Set-Cookie: a=1', 'set-cookie: b=2, c', 'X-Empty:', 'Content-Length: 2', '', 'hi'], then: 'keep' }));
  assert_array_equals([response.status, response.statusText, response.ok, response.type, response.redirected], [299, 'So it is \xe9', true, 'basic', false]);
  assert_equals(JSON.stringify([...response.headers]), JSON.stringify([['content-length', '2'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2, c'], ['x-a', '1, 2'], ['x-b', '\xe9'], ['x-empty', '']]));
  assert_array_equals(response.headers.getSetCookie(), ['a=1', 'b=2, c']);
  assert_throws_js(TypeError, () => response.headers.append('a', 'b'));
  assert_equals(await response.text(), 'hi');
}, 'a response');

promise_test(async () => {
  const url = scene('echo', { a: 'b' });
  const sent = { 'X-Mixed': 'a', 'x-latin': '\xe9', 'user-agent': 'mine', accept: 'x/y', 'accept-language': 'de', cookie: 'a=b', referer: 'r', origin: 'o', date: 'd' };
  const hidden = { host: 'evil.example', connection: 'close', 'keep-alive': '1', te: 'trailers', trailer: 'x', 'transfer-encoding': 'chunked', 'content-length': '99', expect: '100-continue', 'proxy-connection': 'x', 'x-isolane-hops': '1', 'x-worker-id': '2' };
  const seen = await (await fetch(`${url}#fragment`, { method: 'POST', body: 'a\xe9', headers: { ...sent, ...hidden } })).json();
  const headers = new Headers(seen.headers);
  assert_equals(seen.target, new URL(url).pathname + new URL(url).search);
  for (const [name, value] of Object.entries(sent)) assert_equals(headers.get(name), value, name);
  for (const name of Object.keys(hidden)) if (!['host', 'content-length'].includes(name)) assert_equals(headers.get(name), null, name);
  assert_array_equals([headers.get('host'), headers.get('content-length'), seen.body], [location.host, '3', 'a\xc3\xa9']);
  const plain = new Headers((await (await fetch(url)).json()).headers);
  assert_equals(plain.get('accept'), '*/*');
  assert_equals(plain.get('accept-encoding'), 'gzip, deflate, br, zstd');
  assert_regexp_match(plain.get('user-agent'), /^Isolane\//);
  assert_equals(plain.get('content-length'), null);
}, 'headers of a request');

for (const [method, length] of [['POST', '0'], ['PUT', '0'], ['PATCH', '0'], ['DELETE', null], ['OPTIONS', null]]) {
  promise_test(async () => {
    const seen = await (await fetch(scene('echo'), { method })).json();
    assert_equals(seen.method, method);
    assert_equals(new Headers(seen.headers).get('content-length'), length);
  }, `${method} without a body`);
}

const form = new FormData();
form.append('a', 'b');
for (const [what, body, sent, type] of [
  ['text', '\ud800\u00e9', '\xef\xbf\xbd\xc3\xa9', 'text/plain;charset=UTF-8'],
  ['bytes', Uint8Array.of(0, 255), '\0\xff', null],
  ['parameters', new URLSearchParams('a=b c'), 'a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8'],
  ['a blob', new Blob(['x'], { type: 'a/b' }), 'x', 'a/b'],
  ['a form', form, null, null],
  ['nothing', '', '', 'text/plain;charset=UTF-8'],
]) {
  promise_test(async () => {
    const seen = await (await fetch(scene('echo'), { method: 'POST', body })).json();
    const headers = new Headers(seen.headers);
    assert_equals(headers.get('content-length'), `${seen.body.length}`);
    if (what === 'a form') {
      const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(headers.get('content-type'))[1];
      assert_true(seen.body.startsWith(`--${boundary}\r\n`));
      return;
    }
    assert_equals(seen.body, sent);
    assert_equals(headers.get('content-type'), type);
  }, `a body of ${what}`);
}

for (const [status, method] of [[204, 'GET'], [205, 'GET'], [304, 'GET'], [200, 'HEAD'], [404, 'HEAD']]) {
  promise_test(async () => {
    const length = status === 200 || status === 404 ? ['content-length: 5'] : status === 205 ? ['content-length: 0'] : [];
    const response = await fetch(scene('raw', { then: 'keep', bytes: answer(`${status} X`, length) }), { method });
    assert_array_equals([response.status, response.body, response.bodyUsed, await response.text()], [status, null, false, '']);
    if (length[0] === 'content-length: 5') assert_equals(response.headers.get('content-length'), '5');
  }, `${method} ${status} has no body`);
}

const chunked = (...rest) => ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', rest.join('\r\n')];
for (const [what, bytes, text] of [
  ['chunks', chunked('2', 'ab', '1', 'c', '0', '', ''), 'abc'],
  ['sizes in both cases, with zeros', chunked('00A', '0123456789', 'a', '0123456789', '0', '', ''), '01234567890123456789'],
  ['extensions of chunks', chunked('2;name="value"', 'ab', '0;last', '', ''), 'ab'],
  ['trailers, which are ignored', chunked('2', 'ab', '0', 'X-Trailer: 1', 'Content-Length: 9', '', ''), 'ab'],
  ['no chunk', chunked('0', '', ''), ''],
  ['no length', ['HTTP/1.1 200 OK', '', 'until the end'], 'until the end'],
  ['HTTP/1.0', ['HTTP/1.0 200 OK', '', 'old'], 'old'],
  ['hints before it', ['HTTP/1.1 103 Early Hints', 'link: x', '', 'HTTP/1.1 100 Continue', '', 'HTTP/1.1 200 OK', 'content-length: 2', '', 'ok'], 'ok'],
  ['the same length twice', ['HTTP/1.1 200 OK', 'content-length: 2', 'content-length: 2', '', 'ok'], 'ok'],
]) {
  promise_test(async () => {
    const response = await fetch(scene('raw', { bytes }));
    assert_equals(response.headers.get('x-trailer'), null);
    assert_equals(response.headers.get('transfer-encoding'), null);
    assert_equals(await response.text(), text);
  }, `a body with ${what}`);
}

for (const [what, bytes, start] of [
  ['less than its length', ['HTTP/1.1 200 OK', 'content-length: 5', '', 'abc'], 'abc'],
  ['a chunk that is cut', chunked('5', 'abc'), 'abc'],
  ['no last chunk', chunked('3', 'abc', ''), 'abc'],
  ['a size that is none', chunked('3', 'abc', 'x', ''), 'abc'],
  ['a broken encoding', ['HTTP/1.1 200 OK', 'content-encoding: gzip', 'content-length: 3', '', 'abc'], ''],
]) {
  promise_test(async t => {
    const response = await fetch(scene('raw', { bytes }));
    assert_equals(response.status, 200);
    const error = await rejection(response.text());
    assert_true(error instanceof TypeError, `${error}`);
    const again = await fetch(scene('raw', { bytes }));
    const reader = again.body.getReader();
    let text = '';
    await promise_rejects_js(t, TypeError, (async () => {
      for (;;) text += new TextDecoder().decode((await reader.read()).value);
    })());
    assert_true(start.startsWith(text), text);
    await promise_rejects_js(t, TypeError, reader.closed);
  }, `a body with ${what} fails, and the response is there`);
}

for (const [what, bytes, code] of [
  ['nothing', '', 'ECONNRESET'],
  ['half a head', 'HTTP/1.1 200 OK\r\nx: y', null],
  ['another protocol', 'SSH-2.0-x\r\n\r\n', 'EPROTO'],
  ['a status that is none', 'HTTP/1.1 xyz OK\r\n\r\n', 'EPROTO'],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 'EPROTO'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nab', 'EPROTO'],
  ['a name that is none', 'HTTP/1.1 200 OK\r\na b: c\r\n\r\n', 'EPROTO'],
  ['a zero in a value', 'HTTP/1.1 200 OK\r\na: \0\r\n\r\n', 'EPROTO'],
  ['a coding that is none', 'HTTP/1.1 200 OK\r\ntransfer-encoding: x\r\n\r\n', 'EPROTO'],
  ['switched protocols', 'HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n', 'EPROTO'],
]) {
  promise_test(async () => {
    const error = await rejection(fetch(scene('raw', { bytes })));
    assert_true(error instanceof TypeError);
    assert_regexp_match(error.message, /^fetch failed: /);
    assert_true(error.cause instanceof Error);
    if (code !== null) assert_equals(error.cause.code, code, error.message);
    assert_false(error.cause.message.startsWith('fetch failed'));
    assert_false(Object.getOwnPropertyDescriptor(error, 'cause').enumerable);
  }, `an answer of ${what}`);
}

promise_test(async () => {
  const response = await fetch(scene('raw', { bytes: answer('200 OK', ['x-long: LONG', 'content-length: 0']), long: 60_000, then: 'keep' }));
  assert_equals(response.headers.get('x-long').length, 60_000);
  const lines = Array.from({ length: 99 }, (_, i) => [`x-${i}`, 'v'.repeat(100)]);
  const seen = await (await fetch(scene('echo'), { headers: lines.slice(0, 60) })).json();
  assert_equals(seen.headers.filter(([name]) => name.startsWith('x-')).length, 60);
  const error = await rejection(fetch(scene('raw', { bytes: 'HTTP/1.1 200 OK\r\nx: LONG', long: 200_000 })));
  assert_regexp_match(error.message, /head of the response is too long/);
}, 'long heads');

promise_test(async () => {
  const port = await (await fetch(scene('closed_port'))).text();
  const refused = await rejection(fetch(`http://127.0.0.1:${port}/`));
  assert_array_equals([refused.cause.code, refused.message], ['ECONNREFUSED', `fetch failed: 127.0.0.1:${port} refused the connection`]);
  const nobody = await rejection(fetch('http://nobody.invalid/secret?token=x'));
  assert_array_equals([nobody.cause.code, nobody.message], ['ENOTFOUND', 'fetch failed: there is no host nobody.invalid']);
  const reset = await rejection(fetch(scene('raw', { bytes: '', then: 'reset' })));
  assert_equals(reset.cause.code, 'ECONNRESET');
  const insecure = await rejection(fetch(`https://${location.host}/`));
  assert_equals(insecure.cause.code, 'EPROTO');
  const mail = await rejection(fetch('http://127.0.0.1:25/'));
  assert_equals(mail.cause.code, 'EACCES');
  for (const error of [refused, nobody, reset, insecure, mail]) assert_true(error instanceof TypeError);
}, 'why there is no connection');

promise_test(async () => {
  const ports = [];
  for (let i = 0; i < 3; i++) ports.push((await (await fetch(scene('echo', {}, elsewhere))).json()).connection);
  assert_array_equals(ports, [ports[0], ports[0], ports[0]]);
  const [one, two] = await Promise.all([0, 1].map(async () => (await (await fetch(scene('echo', {}, elsewhere))).json()).connection));
  assert_not_equals(one, two);
}, 'connections are kept, and are for one request at a time');

promise_test(async () => {
  const url = scene('raw', { bytes: answer('200 OK', ['content-length: 2'], 'ok'), then: 'close' });
  for (let i = 0; i < 5; i++) {
    assert_equals(await (await fetch(url)).text(), 'ok');
    // It did not say that it would close: what may not be repeated can meet the end of the connection.
    const posted = await fetch(url, { method: 'POST' }).then((answered) => answered.text(), (error) => error.cause.code);
    assert_in_array(posted, ['ok', 'ECONNRESET']);
  }
}, 'a server that closes after each answer');

promise_test(async () => {
  for (const init of [{ mode: 'same-origin' }, { mode: 'no-cors' }, { credentials: 'omit' }, { cache: 'only-if-cached', mode: 'same-origin' }, { cache: 'no-store' }, { integrity: '' }, { referrerPolicy: 'origin' }, { keepalive: true }]) {
    const seen = await (await fetch(scene('echo'), init)).json();
    const names = seen.headers.map(([name]) => name).sort();
    assert_array_equals(names, ['accept', 'accept-encoding', 'host', 'user-agent'], JSON.stringify(init));
  }
}, 'what is of browsers changes nothing');
