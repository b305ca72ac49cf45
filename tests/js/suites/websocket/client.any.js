// https://websockets.spec.whatwg.org/#the-websocket-interface, as far as it needs no server

const closed = 'ws://127.0.0.1:1/';
const make = (...protocols) => new WebSocket(closed, ...protocols);

for (const url of ['', 'x', '/path', 'ftp://a/', 'mailto:x', 'ws://a/#fragment', 'http://a/#x', 'ws://a:b', 'wss://', 'about:blank', 'ws://a b/']) {
  test(() => assert_throws_dom('SyntaxError', () => new WebSocket(url)), `no URL of a socket: ${url}`);
}
for (const [given, url] of [['http://127.0.0.1:1/x', 'ws://127.0.0.1:1/x'], ['https://127.0.0.1:1/', 'wss://127.0.0.1:1/'], ['WS://127.0.0.1:80/', 'ws://127.0.0.1/'], ['ws://127.0.0.1:1/a b?c d', 'ws://127.0.0.1:1/a%20b?c%20d']]) {
  test(() => assert_equals(new WebSocket(given).url, url), `a URL of a socket: ${given}`);
}
for (const protocols of [['a', 'a'], ['a', 'A'], ['a', 'b', 'a'], [''], ['a b'], ['é'], ['a,b'], ['\0'], ['\t'], ['('], '']) {
  test(() => assert_throws_dom('SyntaxError', () => make(protocols)), `no protocols: ${JSON.stringify(protocols)}`);
}
test(() => {
  for (const protocols of [undefined, [], 'a', ['a', 'b'], new Set(['x', 'y']), { toString: () => 'p' }, null]) make(protocols);
}, 'protocols');

test(() => {
  assert_throws_js(TypeError, () => new WebSocket());
  assert_throws_js(TypeError, () => WebSocket(closed));
  const socket = make();
  assert_array_equals([socket.readyState, socket.bufferedAmount, socket.extensions, socket.protocol, socket.binaryType], [0, 0, '', '', 'blob']);
  socket.binaryType = 'text';
  assert_equals(socket.binaryType, 'blob');
  socket.binaryType = 'arraybuffer';
  assert_equals(socket.binaryType, 'arraybuffer');
  assert_throws_dom('InvalidStateError', () => socket.send('x'));
  assert_throws_js(TypeError, () => socket.send());
  for (const [name, value] of [['CONNECTING', 0], ['OPEN', 1], ['CLOSING', 2], ['CLOSED', 3]]) {
    assert_array_equals([WebSocket[name], WebSocket.prototype[name]], [value, value]);
  }
}, 'a socket that is connecting');

for (const code of [0, 999, 1001, 1005, 1006, 1015, 2999, 5000, 65536 + 1000, -1, NaN, null]) {
  test(() => assert_throws_dom('InvalidAccessError', () => make().close(code)), `no code to close with: ${code}`);
}
test(() => {
  for (const code of [1000, 3000, 4999, 1000.4, '4000', undefined]) make().close(code);
  make().close(1000, 'x'.repeat(123));
  for (const reason of ['x'.repeat(124), 'é'.repeat(62), '\ud800'.repeat(42)]) assert_throws_dom('SyntaxError', () => make().close(1000, reason));
  assert_throws_dom('SyntaxError', () => make().close(undefined, 'x'.repeat(124)));
}, 'codes and reasons');

async_test(t => {
  const socket = make();
  const seen = [];
  socket.onopen = t.unreached_func('open');
  socket.onerror = event => seen.push(event.constructor, socket.readyState);
  socket.onclose = t.step_func_done(event => {
    assert_array_equals(seen, [Event, 3]);
    assert_array_equals([event.constructor, event.code, event.reason, event.wasClean], [CloseEvent, 1006, '', false]);
    socket.send('nowhere');
    socket.send(new Uint8Array(5));
    socket.send(new Blob(['ab']));
    assert_equals(socket.bufferedAmount, 14);
    socket.close();
    assert_equals(socket.readyState, 3);
  });
}, 'a connection that is refused');

async_test(t => {
  const socket = make();
  socket.onopen = t.unreached_func('open');
  let failed = 0;
  socket.onerror = () => failed++;
  socket.onclose = t.step_func_done(event => assert_array_equals([event.code, event.wasClean, failed], [1006, false, 1]));
  socket.close(3000, 'early');
  assert_equals(socket.readyState, 2);
}, 'a socket that is closed before it is open');

test(() => {
  const event = new CloseEvent('close', { wasClean: 1, code: 65537, reason: '\ud800' });
  assert_array_equals([event.wasClean, event.code, event.reason], [true, 1, '\ufffd']);
  const plain = new CloseEvent('x');
  assert_array_equals([plain.wasClean, plain.code, plain.reason], [false, 0, '']);
  assert_throws_js(TypeError, () => new CloseEvent());
}, 'CloseEvent converts its members');
