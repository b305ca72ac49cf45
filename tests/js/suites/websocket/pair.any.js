// https://websockets.spec.whatwg.org/ as far as no server is needed, and WebSocketPair

const heard = (socket, type) =>
  new Promise(resolve => socket.addEventListener(type, resolve, { once: true }));

function pair() {
  const [client, server] = Object.values(new WebSocketPair());
  return { client, server };
}

test(() => {
  assert_throws_js(TypeError, () => new WebSocket());
  assert_throws_js(TypeError, () => WebSocket('wss://a.test'));
  for (const url of ['', 'nothing', '/path', 'ftp://a.test', 'mailto:a', 'wss://a.test/#x', 'ws://a b']) {
    assert_throws_dom('SyntaxError', () => new WebSocket(url), url);
  }
  for (const protocols of ['', 'a b', 'a,b', ['a', 'A'], ['a', ''], '\u00e9', 'a\n']) {
    assert_throws_dom('SyntaxError', () => new WebSocket('wss://a.test', protocols));
  }
}, 'URLs and protocols are checked');

test(() => {
  for (const [name, value] of [['CONNECTING', 0], ['OPEN', 1], ['CLOSING', 2], ['CLOSED', 3]]) {
    assert_equals(WebSocket[name], value);
    assert_equals(WebSocket.prototype[name], value);
  }
  assert_equals(WebSocket.length, 1);
  assert_class_string(pair().client, 'WebSocket');
  assert_throws_js(TypeError, () => WebSocket.prototype.readyState);
}, 'states are constants');

promise_test(async () => {
  const socket = new WebSocket('http://127.0.0.1:1/path', ['one']);
  assert_array_equals(
    [socket.url, socket.readyState, socket.binaryType, socket.protocol, socket.extensions, socket.bufferedAmount],
    ['ws://127.0.0.1:1/path', WebSocket.CONNECTING, 'blob', '', '', 0],
  );
  assert_throws_dom('InvalidStateError', () => socket.send('early'));
  assert_throws_js(TypeError, () => socket.accept());
  const order = [];
  socket.onerror = event => order.push(event.type, event instanceof CloseEvent);
  const close = await heard(socket, 'close');
  assert_array_equals(order, ['error', false]);
  assert_array_equals([close.code, close.reason, close.wasClean, socket.readyState], [1006, '', false, 3]);
  socket.send('late');
  assert_equals(socket.bufferedAmount, 4);
}, 'a server that is not there is an error and a close');

promise_test(async () => {
  const socket = new WebSocket('ws://127.0.0.1:1/');
  const closed = heard(socket, 'close');
  socket.close();
  assert_equals(socket.readyState, WebSocket.CLOSING);
  const close = await closed;
  assert_array_equals([close.code, close.wasClean], [1006, false]);
}, 'a socket can be closed while it connects');

promise_test(async () => {
  const { client, server } = pair();
  assert_throws_dom('InvalidStateError', () => server.send('before'));
  server.accept();
  assert_throws_js(TypeError, () => server.accept());
  server.send('waits');
  client.accept();
  const first = await heard(client, 'message');
  assert_true(first instanceof MessageEvent);
  assert_equals(first.data, 'waits');
  const bytes = new Uint8Array([1, 2, 3]);
  client.send(bytes.subarray(1));
  bytes.fill(9);
  const second = await heard(server, 'message');
  assert_true(second.data instanceof ArrayBuffer);
  assert_array_equals(new Uint8Array(second.data), [2, 3]);
  server.binaryType = 'blob';
  server.binaryType = 'other';
  assert_equals(server.binaryType, 'blob');
  client.send(new Blob(['é']));
  assert_equals(await (await heard(server, 'message')).data.text(), 'é');
  client.send('\ud800');
  assert_equals((await heard(server, 'message')).data, '\ufffd');
  client.send({ toString: () => 'object' });
  assert_equals((await heard(server, 'message')).data, 'object');
}, 'a pair carries text and bytes both ways');

promise_test(async () => {
  const { client, server } = pair();
  client.accept();
  server.accept();
  const order = [];
  server.onmessage = event => {
    order.push(event.data);
    queueMicrotask(() => order.push('microtask'));
  };
  const ends = Promise.all([heard(client, 'close'), heard(server, 'close')]);
  client.send('1');
  client.send('2');
  client.close(4000, 'bye');
  client.send('never');
  assert_equals(client.readyState, WebSocket.CLOSING);
  for (const event of await ends) assert_array_equals([event.code, event.reason, event.wasClean], [4000, 'bye', true]);
  assert_array_equals(order, ['1', 'microtask', '2', 'microtask']);
  assert_array_equals([client.readyState, server.readyState], [3, 3]);
  client.close();
}, 'what was sent arrives before the close, each in a task of its own');

test(() => {
  const { client } = pair();
  client.accept();
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 5000]) assert_throws_dom('InvalidAccessError', () => client.close(code));
  assert_throws_dom('SyntaxError', () => client.close(1000, 'é'.repeat(62)));
  assert_throws_js(TypeError, () => client.send());
  assert_throws_js(TypeError, () => client.send('x'.repeat(1048577)));
  const outgoing = new WebSocket('ws://127.0.0.1:1/');
  for (const code of [1001, 2999]) assert_throws_dom('InvalidAccessError', () => outgoing.close(code));
  client.close(1011, 'a server may say so');
}, 'codes and reasons are checked');

test(() => {
  const { client, server } = pair();
  assert_throws_js(RangeError, () => new Response(null, { status: 101 }));
  assert_throws_js(RangeError, () => new Response(null, { status: 101, webSocket: {} }));
  assert_throws_js(TypeError, () => new Response('body', { status: 101, webSocket: client }));
  server.accept();
  assert_throws_js(TypeError, () => new Response(null, { status: 101, webSocket: server }));
  const response = new Response(null, { status: 101, webSocket: client });
  assert_array_equals([response.status, response.webSocket], [101, client]);
  assert_false('webSocket' in new Response());
}, 'a response of status 101 has a socket');

test(() => {
  assert_throws_js(TypeError, () => new CloseEvent());
  const event = new CloseEvent('x', { code: 65537, reason: '\ud800', wasClean: 1 });
  assert_array_equals([event.code, event.reason, event.wasClean], [1, '\ufffd', true]);
  assert_array_equals([new CloseEvent('x').code, new CloseEvent('x').wasClean], [0, false]);
}, 'CloseEvent converts its members');
