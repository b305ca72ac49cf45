// Request (https://fetch.spec.whatwg.org/#request-class).

const URL_ = 'https://a.example/';

test(() => {
  const request = new Request('HTTPS://A.example:443/x y?z#f');
  assert_equals(request.url, 'https://a.example/x%20y?z#f');
  const defaults = {
    method: 'GET', destination: '', referrer: 'about:client', referrerPolicy: '', mode: 'cors', credentials: 'same-origin', cache: 'default', redirect: 'follow',
    integrity: '', keepalive: false, isReloadNavigation: false, isHistoryNavigation: false, duplex: 'half', body: null, bodyUsed: false,
  };
  for (const [name, value] of Object.entries(defaults)) assert_equals(request[name], value, name);
  assert_true(request.headers instanceof Headers);
  assert_true(request.signal instanceof AbortSignal);
  assert_equals(request.headers, request.headers);
  assert_equals(request.signal, request.signal);
}, 'defaults');

const taken = {
  method: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'patch', 'chicken', 'X-Y'],
  mode: ['same-origin', 'no-cors', 'cors'],
  credentials: ['omit', 'same-origin', 'include'],
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache'],
  redirect: ['follow', 'error', 'manual'],
  referrerPolicy: ['', 'no-referrer', 'no-referrer-when-downgrade', 'same-origin', 'origin', 'strict-origin', 'origin-when-cross-origin', 'strict-origin-when-cross-origin', 'unsafe-url'],
  integrity: ['', 'sha256-x'],
  keepalive: [true, false],
};
for (const [name, values] of Object.entries(taken)) {
  test(() => {
    for (const value of values) {
      const request = new Request(URL_, { [name]: value });
      assert_equals(request[name], value);
      assert_equals(new Request(request)[name], value);
      assert_equals(request.clone()[name], value);
    }
  }, `init.${name}`);
}
test(() => {
  for (const method of ['get', 'Post', 'hEAD', 'put', 'delete', 'options']) assert_equals(new Request(URL_, { method }).method, method.toUpperCase());
}, 'methods that are put into upper case');

const refused = {
  method: ['', ' ', 'a b', 'CONNECT', 'trace', 'Track', 'é', '\u0100', 'G\0T'],
  mode: ['', 'navigate', 'CORS', 'x'],
  credentials: ['x', null],
  cache: ['x'],
  redirect: ['x', ''],
  referrerPolicy: ['x'],
  referrer: ['http://:x'],
  duplex: ['full', ''],
  window: [1, {}, 'x'],
  signal: [1, {}, 'x'],
  headers: [null, 1, { 'a b': 'c' }, [['a']]],
};
for (const [name, values] of Object.entries(refused)) {
  for (const value of values) {
    test(() => assert_throws_js(TypeError, () => new Request(URL_, { [name]: value })), `init.${name} can not be ${JSON.stringify(value)}`);
  }
}
for (const wrong of ['http://:x', 'https://u:p@a.example/', 'https://u@a.example/']) {
  test(() => assert_throws_js(TypeError, () => new Request(wrong)), `no URL of a request: ${wrong}`);
}
test(() => {
  for (const init of [1, 'a', true]) assert_throws_js(TypeError, () => new Request(URL_, init));
  for (const init of [null, undefined, {}, [], () => {}]) assert_equals(new Request(URL_, init).method, 'GET');
  assert_throws_js(TypeError, () => new Request());
  assert_equals(new Request({ toString: () => URL_ }).url, URL_);
  assert_equals(new Request(new URL(URL_)).url, URL_);
}, 'arguments');

test(() => {
  for (const mode of [undefined, 'cors', 'no-cors']) assert_throws_js(TypeError, () => new Request(URL_, { cache: 'only-if-cached', mode }));
  const request = new Request(URL_, { cache: 'only-if-cached', mode: 'same-origin' });
  assert_throws_js(TypeError, () => new Request(request, { mode: 'cors' }));
  assert_equals(new Request(request, { mode: 'cors', cache: 'default' }).cache, 'default');
  for (const priority of ['high', 'low', 'auto']) assert_false('priority' in new Request(URL_, { priority }));
  for (const priority of ['', 'HIGH', null, 1]) assert_throws_js(TypeError, () => new Request(URL_, { priority }));
}, 'what goes together, and what is checked alone');

test(() => {
  const seen = [];
  const init = new Proxy({}, { get: (_, name) => void seen.push(name) });
  new Request(URL_, init);
  assert_array_equals(seen, [
    'body', 'cache', 'credentials', 'duplex', 'headers', 'integrity', 'keepalive', 'method', 'mode', 'priority', 'redirect', 'referrer', 'referrerPolicy', 'signal', 'window',
  ]);
}, 'members are read in the order of their names');

for (const method of ['GET', 'HEAD', 'get']) {
  test(() => {
    assert_throws_js(TypeError, () => new Request(URL_, { method, body: '' }));
    assert_equals(new Request(URL_, { method, body: null }).body, null);
    assert_equals(new Request(URL_, { method, body: undefined }).body, null);
  }, `${method} has no body`);
}

const types = [
  ['text', 'a', 'text/plain;charset=UTF-8'],
  ['bytes', new Uint8Array(1), null],
  ['a buffer', new ArrayBuffer(1), null],
  ['a blob', new Blob(['a']), null],
  ['a blob of a type', new Blob(['a'], { type: 'X/Y' }), 'x/y'],
  ['parameters', new URLSearchParams('a=b'), 'application/x-www-form-urlencoded;charset=UTF-8'],
  ['a stream', new ReadableStream(), null],
  ['an object', {}, 'text/plain;charset=UTF-8'],
  ['a number', 1, 'text/plain;charset=UTF-8'],
];
for (const [what, body, type] of types) {
  test(() => {
    const init = { method: 'POST', body, duplex: 'half' };
    const request = new Request(URL_, init);
    assert_equals(request.headers.get('content-type'), type);
    assert_true(request.body instanceof ReadableStream);
    if (!(body instanceof ReadableStream)) {
      assert_equals(new Request(URL_, { ...init, headers: { 'Content-Type': '' } }).headers.get('content-type'), '');
      assert_equals(new Request(new Request(URL_, init), { headers: {} }).headers.get('content-type'), null);
    }
  }, `the type of ${what}`);
}

promise_test(async () => {
  const first = new Request(URL_, { method: 'POST', body: 'a', headers: { x: 'y' } });
  const second = new Request(first);
  assert_true(first.bodyUsed);
  assert_false(second.bodyUsed);
  assert_equals(second.headers.get('x'), 'y');
  assert_not_equals(first.headers, second.headers);
  assert_equals(await second.text(), 'a');
  assert_throws_js(TypeError, () => new Request(second));
  assert_throws_js(TypeError, () => second.clone());
  assert_equals(await new Request(second, { body: 'b' }).text(), 'b');
  assert_throws_js(TypeError, () => new Request(new Request(URL_, { method: 'POST', body: 'a' }), { method: 'GET' }));
  const kept = new Request(URL_, { method: 'POST', body: 'a' });
  assert_throws_js(TypeError, () => new Request(kept, { mode: 'x' }));
  assert_false(kept.bodyUsed, 'a constructor that fails takes nothing');
  new Request(kept, { body: 'b' });
  assert_false(kept.bodyUsed, 'nor one that has a body of its own');
}, 'requests of requests');

promise_test(async () => {
  const request = new Request(URL_, { method: 'POST', body: new Blob(['abc']) });
  const clone = request.clone();
  assert_array_equals(await Promise.all([request.text(), clone.text()]), ['abc', 'abc']);
  const reading = new Request(URL_, { method: 'POST', body: 'a' });
  reading.body.getReader();
  assert_throws_js(TypeError, () => reading.clone());
  assert_throws_js(TypeError, () => new Request(reading));
  assert_false(reading.bodyUsed);
}, 'clones');

test(() => {
  const body = new ReadableStream();
  assert_throws_js(TypeError, () => new Request(URL_, { method: 'POST', body }), 'without duplex');
  const request = new Request(URL_, { method: 'POST', body, duplex: 'half' });
  assert_equals(request.body, body);
  new Request(request);
  const locked = new ReadableStream();
  locked.getReader();
  assert_throws_js(TypeError, () => new Request(URL_, { method: 'POST', body: locked, duplex: 'half' }));
}, 'streams as bodies');

test(() => {
  const controller = new AbortController();
  const request = new Request(URL_, { signal: controller.signal });
  const next = new Request(request);
  const clone = request.clone();
  const free = new Request(request, { signal: null });
  assert_not_equals(request.signal, controller.signal);
  controller.abort('why');
  for (const it of [request, next, clone]) assert_array_equals([it.signal.aborted, it.signal.reason], [true, 'why']);
  assert_false(free.signal.aborted);
  assert_true(new Request(URL_, { signal: AbortSignal.abort() }).signal.aborted);
}, 'signals');
