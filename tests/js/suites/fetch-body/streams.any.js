// Bodies as streams, https://fetch.spec.whatwg.org/#bodies

const told = new Error('told');
const encode = text => new TextEncoder().encode(text);
const make = (...chunks) => new ReadableStream({
  start(controller) {
    for (const chunk of chunks) controller.enqueue(chunk);
    controller.close();
  },
});
const failing = () => new ReadableStream({
  start(controller) {
    controller.enqueue(encode('some'));
  },
  pull() { throw told; },
});
const forms = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'];
const holders = {
  Request: (body, init) => new Request('https://a.test/', { method: 'POST', body, duplex: 'half', ...init }),
  Response: (body, init) => new Response(body, init),
};

for (const [name, hold] of Object.entries(holders)) {
  promise_test(async () => {
    const bodies = ['é', encode('é'), encode('é').buffer, new Blob(['é']), make(encode('é')), new URLSearchParams('é')];
    for (const body of bodies) {
      const { body: stream } = hold(body);
      assert_true(stream instanceof ReadableStream);
      stream.getReader({ mode: body instanceof ReadableStream ? undefined : 'byob' });
    }
    assert_equals(hold(null).body, null);
    assert_equals(hold(undefined).body, null);
    const holder = hold('text');
    assert_equals(holder.body, holder.body);
  }, `${name}: each body is a stream, of bytes unless it was given as another`);

  promise_test(async t => {
    for (const form of forms) {
      const holder = hold('{"a": 1}', { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
      await holder[form]();
      assert_true(holder.bodyUsed);
      for (const again of forms) await promise_rejects_js(t, TypeError, holder[again]());
      assert_throws_js(TypeError, () => holder.clone());
      assert_throws_js(TypeError, () => new Response(holder.body));
    }
  }, `${name}: a body is read once`);

  promise_test(async t => {
    const holder = hold('text');
    const reader = holder.body.getReader();
    assert_false(holder.bodyUsed);
    for (const form of forms) await promise_rejects_js(t, TypeError, holder[form]());
    assert_throws_js(TypeError, () => holder.clone());
    assert_throws_js(TypeError, () => hold(holder.body));
    reader.releaseLock();
    assert_equals(await holder.text(), 'text');
    const disturbed = hold('text');
    await disturbed.body.cancel();
    assert_true(disturbed.bodyUsed);
    await promise_rejects_js(t, TypeError, disturbed.text());
  }, `${name}: a locked body can not be read, a cancelled one never`);

  promise_test(async t => {
    for (const chunk of ['text', 1, null, {}, [1]]) {
      await promise_rejects_js(t, TypeError, hold(make(chunk)).text());
    }
    for (const form of forms) {
      if (form !== 'formData') await promise_rejects_exactly(t, told, hold(failing())[form]());
    }
    let reason;
    const wrong = new ReadableStream({
      start: controller => controller.enqueue('no bytes'),
      cancel(given) { reason = given; },
    });
    await promise_rejects_js(t, TypeError, hold(wrong).bytes());
    void reason;
  }, `${name}: chunks that are no bytes, and what a source throws, are the reader's errors`);

  promise_test(async () => {
    const holder = hold(make(encode('one '), encode('two')));
    const copy = holder.clone();
    assert_equals(await copy.text(), 'one two');
    assert_equals(await holder.text(), 'one two');
  }, `${name}: both clones have the whole body`);

  promise_test(async t => {
    const holder = hold(failing());
    const copy = holder.clone();
    await promise_rejects_exactly(t, told, copy.text());
    await promise_rejects_exactly(t, told, holder.text());
  }, `${name}: an error goes to both clones`);

  promise_test(async () => {
    const upper = new TransformStream({
      transform: (chunk, controller) => controller.enqueue(encode(new TextDecoder().decode(chunk).toUpperCase())),
    });
    assert_equals(await hold(hold('text').body.pipeThrough(upper)).text(), 'TEXT');
  }, `${name}: a body goes through a transform into another`);
}

promise_test(async () => {
  const blob = new Blob(['a'.repeat(100_000), 'b']);
  const sizes = [];
  for await (const chunk of blob.stream()) sizes.push(chunk.length);
  assert_equals(sizes.reduce((sum, size) => sum + size), 100_001);
  const reader = blob.stream().getReader({ mode: 'byob' });
  const { value } = await reader.read(new Uint8Array(10));
  assert_equals(new TextDecoder().decode(value), 'aaaaaaaaaa');
  assert_true((await new Blob([]).stream().getReader().read()).done);
  assert_true((await new Blob([]).stream().getReader({ mode: 'byob' }).read(new Uint8Array(1))).done);
}, 'a blob is a stream of bytes');

promise_test(async () => {
  const first = new Response('text');
  await first.body.getReader().read();
  const given = new Uint8Array(encode('text'));
  const response = new Response(given);
  given[0] = 0;
  assert_equals(await response.text(), 'text');
  const stream = new Response('again').body;
  const request = new Request('https://a.test/', { method: 'POST', body: stream, duplex: 'half' });
  assert_equals(await request.text(), 'again');
}, 'a body is what it was when it was given');

promise_test(async () => {
  const text = await new Response(make(encode('é').slice(0, 1), encode('é').slice(1))
    .pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream())).text();
  assert_equals(text, 'é');
  const bad = make(new Uint8Array([255])).pipeThrough(new TextDecoderStream('utf-8', { fatal: true }));
  let error;
  try {
    for await (const _ of bad);
  } catch (thrown) {
    error = thrown;
  }
  assert_true(error instanceof TypeError);
}, 'text goes through streams in characters, wherever bytes are cut');
