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

test(() => {
  const controller = new AbortController();
  const signals = [controller.signal];
  for (const from of [0, 0, 1, 3]) signals.push(AbortSignal.any([signals[from]]));
  let order = '';
  signals.forEach((signal, i) => signal.addEventListener('abort', () => {
    order += i;
    assert_true(signals.every(it => it.aborted));
  }));
  controller.abort();
  assert_equals(order, '01234');
  const twice = new AbortController();
  const one = AbortSignal.any([twice.signal, twice.signal]);
  let count = 0;
  one.onabort = () => count++;
  twice.abort('why');
  assert_array_equals([count, one.reason], [1, 'why']);
}, 'signals of signals follow their sources, in the order in which they were made');

test(() => {
  const [a, b] = [new AbortController(), new AbortController()];
  const both = AbortSignal.any([a.signal, b.signal]);
  const order = [];
  a.signal.onabort = () => {
    b.abort('b');
    order.push('a');
  };
  b.signal.onabort = () => order.push('b');
  both.onabort = () => order.push(both.reason);
  a.abort('a');
  assert_array_equals(order, ['b', 'a', 'a']);
}, 'the first reason stays, whatever listeners do');

promise_test(async t => {
  // As a server does that gives each of its many requests a signal beside its own: in an isolate of 512 MB.
  const controller = new AbortController();
  const { signal } = controller;
  const live = [];
  for (let i = 0; i < 200; i++) {
    for (let j = 0; j < 10; j++) {
      const both = AbortSignal.any([signal, new AbortController().signal]);
      both.keeps = new Array(40_000).fill(i);
      both.onabort = () => assert_unreached();
      both.onabort = null;
      const listener = () => assert_unreached();
      both.addEventListener('abort', listener);
      both.removeEventListener('abort', listener);
      await promise_rejects_exactly(t, 1, scheduler.wait(0, { signal: AbortSignal.any([both, AbortSignal.abort(1)]) }));
      if (i === 100) live.push(both);
    }
    // What was looked at weakly is kept until the end of a turn.
    await new Promise(resolve => setTimeout(resolve, 0));
  }
  controller.abort('why');
  assert_equals(live.length, 10);
  assert_true(live.every(it => it.aborted && it.reason === 'why'));
}, 'signals that nobody listens to are not kept');

test(() => {
  const { signal } = new AbortController();
  for (let i = 0; i < 100_000; i++) AbortSignal.any([signal]);
}, 'many signals of one take as long each as few');

test(() => {
  const controller = new AbortController();
  const order = [];
  const listening = it => controller.signal.addEventListener('abort', () => order.push(it));
  const target = new EventTarget();
  listening(1);
  for (const name of ['a', 'b', 'c']) target.addEventListener(name, () => order.push(name), { signal: controller.signal });
  target.addEventListener('a', () => order.push('other'), { signal: controller.signal });
  listening(2);
  target.dispatchEvent(new Event('b'));
  controller.abort();
  for (const name of ['a', 'b', 'c']) target.dispatchEvent(new Event(name));
  assert_array_equals(order, ['b', 1, 2]);
}, 'what a signal does comes before its listeners');

test(() => {
  const controller = new AbortController();
  let heard = 0;
  for (let i = 0; i < 1000; i++) AbortSignal.any([controller.signal]).addEventListener('abort', () => heard++);
  for (let i = 0; i < 20; i++) new Uint8Array(10_000_000).fill(1);
  controller.abort();
  assert_equals(heard, 1000);
}, 'signals that somebody listens to are kept');

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
