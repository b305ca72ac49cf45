// https://dom.spec.whatwg.org/#aborting-ongoing-activities

test(() => {
  assert_throws_js(TypeError, () => new AbortSignal());
  assert_array_equals([AbortSignal.length, AbortSignal.any.length, AbortSignal.timeout.length, AbortSignal.abort.length], [0, 1, 1, 0]);
  const controller = new AbortController();
  const { signal } = controller;
  assert_equals(signal, controller.signal);
  assert_array_equals([signal.aborted, signal.reason, signal.onabort], [false, undefined, null]);
  signal.throwIfAborted();
  let event;
  signal.onabort = it => {
    event = it;
    assert_true(signal.aborted);
  };
  controller.abort();
  controller.abort('again');
  assert_equals(signal.reason.name, 'AbortError');
  assert_true(signal.reason instanceof DOMException);
  assert_array_equals([event.type, event.isTrusted, event.target, event.bubbles], ['abort', true, signal, false]);
  assert_throws_dom('AbortError', () => signal.throwIfAborted());
}, 'a controller aborts its signal once');

test(() => {
  assert_equals(AbortSignal.abort('why').reason, 'why');
  assert_equals(AbortSignal.abort(undefined).reason.name, 'AbortError');
  assert_equals(AbortSignal.abort(null).reason, null);
  assert_throws_exactly(5, () => AbortSignal.abort(5).throwIfAborted());
}, 'an aborted signal has its reason');

test(() => {
  assert_throws_js(TypeError, () => AbortSignal.any());
  assert_throws_js(TypeError, () => AbortSignal.any([1]));
  assert_throws_js(TypeError, () => AbortSignal.any(1));
  const a = new AbortController();
  const b = new AbortController();
  const order = [];
  a.signal.addEventListener('abort', () => order.push('source', both.reason));
  const both = AbortSignal.any(new Set([a.signal, b.signal]));
  const nested = AbortSignal.any([both, AbortSignal.any([])]);
  both.onabort = () => order.push('both');
  nested.onabort = () => order.push('nested');
  a.abort(1);
  b.abort(2);
  assert_array_equals(order, ['source', 1, 'both', 'nested']);
  assert_array_equals([both.reason, nested.reason], [1, 1]);
  assert_equals(AbortSignal.any([a.signal, b.signal]).reason, 1);
}, 'a signal of several follows the first, after all of them know');

async_test(t => {
  for (const wrong of [-1, NaN, Infinity, 2 ** 53]) assert_throws_js(TypeError, () => AbortSignal.timeout(wrong));
  const signal = AbortSignal.timeout(5);
  assert_false(signal.aborted);
  signal.onabort = t.step_func_done(() => {
    assert_equals(signal.reason.name, 'TimeoutError');
    assert_equals(signal.reason.code, 23);
  });
}, 'a signal of a timeout aborts with a TimeoutError');

test(() => {
  AbortSignal.timeout(Number.MAX_SAFE_INTEGER);
  AbortSignal.timeout(2 ** 31);
}, 'a timeout may be very far away');

promise_test(async t => {
  await promise_rejects_dom(t, 'AbortError', scheduler.wait(1000, { signal: AbortSignal.abort() }));
  const controller = new AbortController();
  const waiting = scheduler.wait(1000, { signal: controller.signal });
  controller.abort('enough');
  await promise_rejects_exactly(t, 'enough', waiting);
  assert_equals(await scheduler.wait(1), undefined);
}, 'scheduler.wait ends with its signal');
