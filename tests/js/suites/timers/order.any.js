// https://html.spec.whatwg.org/#timer-initialisation-steps, and microtasks

setup({ allow_uncaught_exception: true });

const after = ms => new Promise(resolve => setTimeout(resolve, ms));

promise_test(async () => {
  const order = [];
  for (const delay of [0, -1, NaN, undefined, '0', 2 ** 32, null, -Infinity, {}, [], false]) setTimeout(() => order.push(String(delay)), delay);
  await after(20);
  assert_array_equals(order, ['0', '-1', 'NaN', 'undefined', '0', '4294967296', 'null', '-Infinity', '[object Object]', '', 'false']);
}, 'delays are numbers of 32 bits, and of equal ones the first is first');

promise_test(async () => {
  const { resolve, promise } = Promise.withResolvers();
  setTimeout(
    function (...args) {
      resolve([this, args]);
    },
    0,
    1,
    undefined,
  );
  const [receiver, args] = await promise;
  assert_equals(receiver, globalThis);
  assert_array_equals(args, [1, undefined]);
}, 'the receiver is the global object');

promise_test(async () => {
  const unwanted = () => assert_unreached();
  const ids = [setTimeout(unwanted, 1), setInterval(unwanted, 1), setTimeout(unwanted, 1), setTimeout(unwanted, 1)];
  assert_equals(new Set(ids).size, 4);
  assert_true(ids.every(id => Number.isInteger(id) && id > 0));
  clearInterval(ids[0]);
  clearTimeout(ids[1]);
  clearTimeout(`${ids[2]}`);
  clearTimeout({ valueOf: () => ids[3] });
  for (const nothing of [0, -1, NaN, null, undefined, {}, 'x', 2 ** 31]) clearTimeout(nothing);
  assert_throws_js(TypeError, () => clearTimeout(Symbol()));
  assert_throws_js(TypeError, () => clearTimeout(1n));
  await after(10);
}, 'either function clears both');

promise_test(async () => {
  let count = 0;
  const errors = [];
  const listener = event => {
    errors.push(event.error);
    event.preventDefault();
  };
  addEventListener('error', listener);
  await new Promise(resolve => {
    const id = setInterval(() => {
      count += 1;
      if (count === 3) {
        clearInterval(id);
        resolve();
      }
      throw count;
    }, 0);
  });
  await after(5);
  removeEventListener('error', listener);
  assert_array_equals(errors, [1, 2, 3]);
}, 'an interval goes on when its handler throws, and ends from within');

promise_test(async () => {
  const order = [];
  await new Promise(resolve => {
    setTimeout(() => {
      order.push('a');
      queueMicrotask(() => {
        order.push('a, microtask');
        Promise.resolve().then(() => order.push('a, its reaction'));
      });
      setTimeout(() => {
        order.push('nested');
        resolve();
      }, 0);
    }, 0);
    setTimeout(() => order.push('b'), 0);
  });
  assert_array_equals(order, ['a', 'a, microtask', 'a, its reaction', 'b', 'nested']);
}, 'microtasks run after each timer');

promise_test(async () => {
  const errors = [];
  const listener = event => {
    errors.push(event.error);
    event.preventDefault();
  };
  addEventListener('error', listener);
  const order = [];
  queueMicrotask(() => {
    throw 'first';
  });
  queueMicrotask((...args) => order.push(args.length));
  await after(0);
  removeEventListener('error', listener);
  assert_array_equals(errors, ['first']);
  assert_array_equals(order, [0]);
  for (const wrong of [undefined, null, 'x', {}, { handleEvent() {} }]) assert_throws_js(TypeError, () => queueMicrotask(wrong));
}, 'a microtask that throws is reported, and the next one runs');

test(() => {
  for (const set of [setTimeout, setInterval]) {
    for (const wrong of [undefined, null, 1, 'code', {}, { handleEvent() {} }]) assert_throws_js(TypeError, () => set(wrong, 0));
  }
}, 'handlers are functions');
