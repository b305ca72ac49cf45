// https://html.spec.whatwg.org/#timers

async_test(t => {
  const order = [];
  setTimeout(() => order.push('later'), 10);
  setTimeout(() => order.push('soon'), 0);
  queueMicrotask(() => order.push('microtask'));
  setTimeout(
    t.step_func_done(() => assert_array_equals(order, ['microtask', 'soon', 'later'])),
    20,
  );
}, 'timers run in the order of their times, after microtasks');

async_test(t => {
  let count = 0;
  const id = setInterval(
    t.step_func(() => {
      count += 1;
      if (count === 3) {
        clearInterval(id);
        setTimeout(
          t.step_func_done(() => assert_equals(count, 3)),
          15,
        );
      }
    }),
    2,
  );
  assert_equals(typeof id, 'number');
}, 'an interval runs until it is cleared');

test(() => {
  assert_throws_js(TypeError, () => setTimeout());
  assert_throws_js(TypeError, () => queueMicrotask('text'));
  clearTimeout();
  clearTimeout(123456);
}, 'arguments are checked; unknown timers may be cleared');

promise_test(async () => {
  const got = await new Promise(resolve => setTimeout((...args) => resolve(args), 0, 1, 'two'));
  assert_array_equals(got, [1, 'two']);
}, 'further arguments are handed to the handler');
