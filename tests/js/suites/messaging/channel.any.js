// https://html.spec.whatwg.org/#message-channels

promise_test(async () => {
  const { port1, port2 } = new MessageChannel();
  assert_true(port1 instanceof MessagePort && port1 instanceof EventTarget);
  assert_throws_js(TypeError, () => new MessagePort());
  assert_throws_js(TypeError, () => port1.postMessage());
  const got = new Promise(resolve => {
    port2.onmessage = resolve;
  });
  const sent = { a: [1, new Date(5)] };
  port1.postMessage(sent);
  sent.a.push('late');
  const event = await got;
  assert_true(event instanceof MessageEvent && event.isTrusted);
  assert_array_equals([event.type, event.target, event.origin, event.lastEventId, event.source], ['message', port2, '', '', null]);
  assert_object_equals(event.data, { a: [1, new Date(5)] });
  assert_array_equals(event.ports, []);
  assert_true(Object.isFrozen(event.ports));
  port1.close();
}, 'a message is a clone of what was posted');

promise_test(async () => {
  const { port1, port2 } = new MessageChannel();
  const order = [];
  const last = new Promise(resolve => {
    port2.addEventListener('message', event => {
      order.push(event.data);
      queueMicrotask(() => {
        order.push(`after ${event.data}`);
        if (event.data === 2) resolve();
      });
    });
  });
  for (let i = 0; i < 3; i++) port1.postMessage(i);
  await new Promise(resolve => setTimeout(resolve, 1));
  assert_array_equals(order, []);
  port2.start();
  await last;
  assert_array_equals(order, [0, 'after 0', 1, 'after 1', 2, 'after 2']);
  port2.close();
}, 'messages wait for start, keep their order, and are tasks of their own');

promise_test(async () => {
  const { port1, port2 } = new MessageChannel();
  const order = [];
  port2.onmessage = event => order.push(event.data);
  const closed = new Promise(resolve => {
    port2.onclose = () => resolve(order.slice());
  });
  port1.postMessage('last');
  port1.close();
  port1.postMessage('never');
  port2.postMessage('to nobody');
  assert_array_equals(await closed, ['last']);
}, 'the other end hears of a close, after what came before');

promise_test(async () => {
  const one = new MessageChannel();
  const two = new MessageChannel();
  one.port1.postMessage('waiting');
  const got = new Promise(resolve => {
    two.port2.onmessage = resolve;
  });
  two.port1.postMessage({ port: one.port2 }, [one.port2]);
  const event = await got;
  const [port] = event.ports;
  assert_equals(port, event.data.port);
  assert_false(port === one.port2);
  assert_throws_dom('DataCloneError', () => two.port1.postMessage(0, [one.port2]));
  const heard = new Promise(resolve => {
    port.onmessage = it => resolve(it.data);
  });
  assert_equals(await heard, 'waiting');
  one.port1.close();
  two.port1.close();
}, 'a port can be transferred, with what waits in it');

test(() => {
  const { port1, port2 } = new MessageChannel();
  assert_throws_dom('DataCloneError', () => port1.postMessage(0, [port1]));
  assert_throws_dom('DataCloneError', () => port1.postMessage(port2));
  assert_throws_dom('DataCloneError', () => port1.postMessage(() => {}));
  assert_throws_dom('DataCloneError', () => port1.postMessage(0, { transfer: [port2, port2] }));
  assert_throws_js(TypeError, () => port1.postMessage(0, 5));
  assert_throws_js(TypeError, () => port1.postMessage(0, { transfer: 5 }));
  const buffer = new ArrayBuffer(4);
  port1.postMessage(buffer, [buffer]);
  assert_true(buffer.detached);
  port1.close();
}, 'what can not be posted is refused');

test(() => {
  assert_throws_js(TypeError, () => new MessageEvent());
  const { port1 } = new MessageChannel();
  const event = new MessageEvent('x', { data: undefined, origin: '\ud800', lastEventId: 5, source: port1, ports: new Set([port1]) });
  assert_array_equals([event.data, event.origin, event.lastEventId, event.source], [null, '\ufffd', '5', port1]);
  assert_array_equals(event.ports, [port1]);
  assert_equals(event.ports, event.ports);
  for (const ports of [null, 1, [1], [null], {}]) assert_throws_js(TypeError, () => new MessageEvent('x', { ports }));
  for (const source of [1, {}]) assert_throws_js(TypeError, () => new MessageEvent('x', { source }));
  event.initMessageEvent('y', true, false, 7);
  assert_array_equals([event.type, event.bubbles, event.data, event.origin, event.source], ['y', true, 7, '', null]);
  assert_throws_js(TypeError, () => event.initMessageEvent());
  assert_array_equals([event.initMessageEvent.length, MessageEvent.length, MessagePort.length], [1, 1, 0]);
}, 'MessageEvent converts its members');
