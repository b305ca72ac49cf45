// Response (https://fetch.spec.whatwg.org/#response-class) and what bodies have in common.

test(() => {
  const response = new Response();
  for (const [name, value] of Object.entries({ type: 'default', url: '', redirected: false, status: 200, ok: true, statusText: '', body: null, bodyUsed: false })) {
    assert_equals(response[name], value, name);
  }
  assert_equals(response.headers, response.headers);
  assert_equals([...response.headers].length, 0);
  for (const body of [null, undefined]) assert_equals(new Response(body).body, null);
}, 'defaults');

test(() => {
  for (const status of [0, 100, 199, 600, 1000, -1, NaN, 'x', 65536]) assert_throws_js(RangeError, () => new Response('', { status }));
  for (const status of [101, 204, 205, 304]) {
    if (status > 199) assert_equals(new Response(null, { status }).status, status);
    if (status > 199) assert_throws_js(TypeError, () => new Response('', { status }));
  }
  for (const [status, ok] of [[200, true], [299, true], [300, false], [404, false], [599, false], ['201', true], [200.9, true], [65736, true]]) {
    const response = new Response(null, { status });
    assert_equals(response.ok, ok);
    assert_equals(response.status, Math.trunc(status) % 65536);
  }
  for (const statusText of ['\n', 'a\0', '\u0100', 'a\r', '\x7f']) assert_throws_js(TypeError, () => new Response('', { statusText }));
  for (const statusText of ['', ' a\t', 'é\xff']) assert_equals(new Response('', { statusText }).statusText, statusText);
  for (const init of [1, 'a', false]) assert_throws_js(TypeError, () => new Response('', init));
  for (const init of [null, undefined, {}, []]) assert_equals(new Response('', init).status, 200);
  const seen = [];
  new Response('', new Proxy({}, { get: (_, name) => void seen.push(name) }));
  assert_array_equals(seen, ['headers', 'status', 'statusText']);
}, 'init');

test(() => {
  const error = Response.error();
  assert_array_equals([error.type, error.status, error.statusText, error.ok, error.body, error.url], ['error', 0, '', false, null, '']);
  for (const status of [301, 302, 303, 307, 308]) {
    const response = Response.redirect('https://a.example/ü?x#y', status);
    assert_array_equals([response.status, response.type, response.ok, response.redirected], [status, 'default', false, false]);
    assert_equals(response.headers.get('location'), 'https://a.example/%C3%BC?x#y');
  }
  assert_equals(Response.redirect('https://a.example/').status, 302);
  for (const status of [200, 300, 304, 309, 0, '']) assert_throws_js(RangeError, () => Response.redirect('https://a.example/', status));
  assert_throws_js(TypeError, () => Response.redirect('http://:x'));
  assert_throws_js(TypeError, () => Response.redirect());
}, 'error and redirect');

promise_test(async () => {
  const response = Response.json({ a: '\ud800é' }, { status: 201, headers: { x: 'y' } });
  assert_array_equals([response.status, response.headers.get('x'), response.headers.get('content-type')], [201, 'y', 'application/json']);
  assert_equals(await response.text(), '{"a":"\\ud800é"}');
  assert_equals(Response.json(1, { headers: { 'Content-Type': 'a/b' } }).headers.get('content-type'), 'a/b');
  for (const data of [undefined, () => {}, Symbol(), 1n]) assert_throws_js(TypeError, () => Response.json(data));
  assert_throws_js(TypeError, () => Response.json());
  for (const status of [204, 205, 304]) assert_throws_js(TypeError, () => Response.json(1, { status }));
  const circular = {};
  circular.it = circular;
  assert_throws_js(TypeError, () => Response.json(circular));
  const own = new RangeError('mine');
  assert_throws_exactly(own, () => Response.json({ get a() { throw own; } }));
  const { headers } = Response.json(1);
  headers.delete('content-type');
  assert_equals(headers.get('content-type'), null);
}, 'json');

const buffer = () => Uint8Array.of(0, 123, 34, 97, 34, 58, 49, 125, 0).buffer;
const bodies = {
  text: () => '{"a":1}',
  'an ArrayBuffer': () => buffer().slice(1, 8),
  'a Uint8Array': () => new Uint8Array(buffer(), 1, 7),
  'a DataView': () => new DataView(buffer(), 1, 7),
  'a Blob': () => new Blob(['{"a"', ':1}']),
  'an object': () => ({ toString: () => '{"a":1}' }),
  'a stream': () => new Response('{"a":1}').body,
  'a stream of pieces': () => new ReadableStream({ start(it) { it.enqueue(Uint8Array.of(123, 34)); it.enqueue(new TextEncoder().encode('a":1}')); it.close(); } }),
};
for (const [what, make] of Object.entries(bodies)) {
  promise_test(async t => {
    const response = () => new Response(make());
    assert_equals(await response().text(), '{"a":1}');
    assert_equals((await response().json()).a, 1);
    assert_equals((await response().arrayBuffer()).byteLength, 7);
    assert_class_string(await response().bytes(), 'Uint8Array');
    const blob = await response().blob();
    assert_equals(await blob.text(), '{"a":1}');
    const read = response();
    const reading = read.text();
    assert_true(read.bodyUsed);
    await reading;
    for (const form of ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'formData']) await promise_rejects_js(t, TypeError, read[form]());
    assert_throws_js(TypeError, () => read.clone());
    const cloned = response();
    const clone = cloned.clone();
    assert_array_equals([await clone.text(), await cloned.text()], ['{"a":1}', '{"a":1}']);
    for (const mode of [undefined, 'byob']) {
      if (mode && what === 'a stream of pieces') continue;
      const reader = response().body.getReader({ mode });
      let text = '';
      for (;;) {
        const { done, value } = await (mode ? reader.read(new Uint8Array(3)) : reader.read());
        if (done) break;
        text += new TextDecoder().decode(value);
      }
      assert_equals(text, '{"a":1}');
    }
  }, `a body of ${what}`);
}

promise_test(async t => {
  for (const make of [() => new Response(), () => new Response(''), () => new Request('https://a/'), () => new Response(new Blob([])), () => new Response(new Uint8Array(0))]) {
    assert_equals(await make().text(), '');
    assert_equals((await make().arrayBuffer()).byteLength, 0);
    assert_equals((await make().bytes()).length, 0);
    assert_equals((await make().blob()).size, 0);
    await promise_rejects_js(t, SyntaxError, make().json());
    await promise_rejects_js(t, TypeError, make().formData());
  }
  const empty = new Response();
  await empty.text();
  assert_false(empty.bodyUsed);
  assert_equals(await empty.text(), '');
}, 'no body, and empty ones');

promise_test(async t => {
  assert_equals(await new Response('\ufeffa').text(), 'a');
  assert_equals(await new Response(Uint8Array.of(0xef, 0xbb, 0xbf, 0xff)).text(), '\ufffd');
  assert_equals(await new Response('\ufeff1').json(), 1);
  assert_equals(await new Response('\ud800').text(), '\ufffd');
  await promise_rejects_js(t, SyntaxError, new Response('{').json());
}, 'text is UTF-8, without a byte order mark');

promise_test(async t => {
  const locked = new Response('a');
  locked.body.getReader();
  await promise_rejects_js(t, TypeError, locked.text());
  assert_false(locked.bodyUsed);
  assert_throws_js(TypeError, () => new Response(locked.body));
  const reason = new Error('mine');
  const failing = () => new Response(new ReadableStream({ pull(it) { it.error(reason); } }));
  for (const form of ['text', 'json', 'arrayBuffer', 'bytes', 'blob']) await promise_rejects_exactly(t, reason, failing()[form]());
  for (const chunk of ['a', 1, null, undefined, {}, [1]]) {
    const wrong = new Response(new ReadableStream({ start(it) { it.enqueue(chunk); it.close(); } }));
    await promise_rejects_js(t, TypeError, wrong.text());
  }
  const cancelled = new Response('a');
  await cancelled.body.cancel();
  assert_true(cancelled.bodyUsed);
  await promise_rejects_js(t, TypeError, cancelled.text());
}, 'locked, failing and cancelled streams');

promise_test(async () => {
  const bytes = Uint8Array.of(97);
  const response = new Response(bytes);
  bytes[0] = 98;
  assert_equals(await response.text(), 'a');
  const shared = new Response('a');
  const clone = shared.clone();
  const taken = await shared.bytes();
  taken[0] = 99;
  assert_equals(await clone.text(), 'a');
}, 'bytes are copied');
