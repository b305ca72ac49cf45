// https://html.spec.whatwg.org/#server-sent-events

const encoder = new TextEncoder();

function streamOf(...chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
      controller.close();
    },
  });
}

/** All events of a stream, `[type, data, lastEventId]`, until it ends. */
function eventsOf(stream, ...types) {
  return new Promise(resolve => {
    const source = EventSource.from(stream);
    const seen = [];
    for (const type of ['message', ...types]) {
      source.addEventListener(type, event => seen.push([event.type, event.data, event.lastEventId]));
    }
    source.onerror = () => resolve(seen);
  });
}

promise_test(async () => {
  const source = EventSource.from(streamOf('data: a\n\n'));
  assert_array_equals([source.url, source.withCredentials, source.readyState], ['', false, EventSource.OPEN]);
  const event = await new Promise(resolve => {
    source.onmessage = resolve;
  });
  assert_true(event instanceof MessageEvent && event.isTrusted);
  assert_array_equals([event.data, event.origin, event.target], ['a', '', source]);
  await new Promise(resolve => {
    source.onerror = resolve;
  });
  assert_equals(source.readyState, EventSource.CLOSED);
}, 'the events of a stream');

promise_test(async () => {
  const cases = [
    ['data: one\ndata:two\ndata\n\n', [['message', 'one\ntwo\n', '']]],
    ['data:  a \n\n', [['message', ' a ', '']]],
    ['event: x\ndata: 1\n\ndata: 2\n\n', [['x', '1', ''], ['message', '2', '']]],
    ['event: x\n\ndata: 2\n\n', [['message', '2', '']]],
    ['id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n', [['message', 'a', '7'], ['message', 'b', '7'], ['message', 'c', '']]],
    ['id: 1\0\ndata: a\n\n', [['message', 'a', '']]],
    [': comment\n:\ndata: a\n\n', [['message', 'a', '']]],
    ['data: a\r\rdata: b\r\n\r\ndata: c\n\n', [['message', 'a', ''], ['message', 'b', ''], ['message', 'c', '']]],
    ['\ufeffdata: a\n\n', [['message', 'a', '']]],
    ['\ufeff\ufeffdata: a\n\ndata: b\n\n', [['message', 'b', '']]],
    ['data: never dispatched\n', []],
    ['data\n\n', [['message', '', '']]],
    ['Data: a\n\nunknown: b\n\n', []],
    ['data: é😀\n\n', [['message', 'é😀', '']]],
  ];
  for (const [text, expected] of cases) {
    assert_object_equals(await eventsOf(streamOf(text), 'x'), expected, text);
    const bytes = encoder.encode(text);
    const pieces = Array.from(bytes, byte => new Uint8Array([byte]));
    assert_object_equals(await eventsOf(streamOf(...pieces), 'x'), expected, `${text} byte by byte`);
  }
}, 'lines and fields, however they are cut');

promise_test(async () => {
  assert_object_equals(await eventsOf(streamOf('data: a\r', '\ndata: b\r\n', '\r\n')), [['message', 'a\nb', '']]);
  const text = new ReadableStream({
    start(controller) {
      controller.enqueue('data: text\n\n');
      controller.close();
    },
  });
  assert_object_equals(await eventsOf(text), [['message', 'text', '']]);
  const broken = new ReadableStream({
    start: it => it.enqueue(encoder.encode('data: a\n\n')),
    pull: it => it.error(new Error('broken')),
  });
  assert_object_equals(await eventsOf(broken), [['message', 'a', '']]);
}, 'line ends across chunks, chunks of text, streams that break');

promise_test(async () => {
  let cancelled;
  const over = new Promise(resolve => {
    cancelled = resolve;
  });
  const source = EventSource.from(
    new ReadableStream({
      pull: it => it.enqueue(encoder.encode('data: a\n\ndata: b\n\n')),
      cancel() {
        cancelled();
      },
    }),
  );
  const seen = [];
  source.onmessage = event => {
    seen.push(event.data);
    source.close();
  };
  await over;
  assert_array_equals([seen.length, source.readyState], [1, EventSource.CLOSED]);
}, 'close ends it at once');

test(() => {
  assert_throws_js(TypeError, () => new EventSource());
  assert_throws_js(TypeError, () => EventSource.from());
  assert_throws_js(TypeError, () => EventSource.from({}));
  for (const url of ['', 'nothing', '/path', 'http://a b']) assert_throws_dom('SyntaxError', () => new EventSource(url));
  const stream = streamOf('');
  stream.getReader();
  assert_throws_js(TypeError, () => EventSource.from(stream));
  for (const [name, value] of [['CONNECTING', 0], ['OPEN', 1], ['CLOSED', 2]]) assert_equals(EventSource[name], value);
}, 'arguments are checked');

promise_test(async () => {
  const source = new EventSource('data:text/event-stream,id: 5%0Aretry: 1%0Adata: a%0A%0A', { withCredentials: true });
  assert_array_equals([source.readyState, source.withCredentials], [EventSource.CONNECTING, true]);
  const states = [];
  let count = 0;
  await new Promise(resolve => {
    source.onopen = () => states.push(source.readyState);
    source.onerror = () => states.push(source.readyState);
    source.onmessage = event => {
      assert_equals(event.lastEventId, '5');
      if (++count === 2) resolve();
    };
  });
  source.close();
  assert_array_equals(states, [EventSource.OPEN, EventSource.CONNECTING, EventSource.OPEN]);
}, 'a source that ends is asked again');

promise_test(async () => {
  const source = new EventSource('data:text/plain,no events');
  await new Promise(resolve => {
    source.onerror = resolve;
  });
  assert_equals(source.readyState, EventSource.CLOSED);
}, 'what is no event stream is not asked again');
