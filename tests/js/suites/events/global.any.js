// The global object as an EventTarget: https://html.spec.whatwg.org/#runtime-script-errors

setup({ allow_uncaught_exception: true });

test(() => {
  const scope = Object.getPrototypeOf(globalThis);
  assert_false(scope === Object.prototype);
  assert_true(globalThis instanceof EventTarget);
  assert_equals(Object.getPrototypeOf(scope), EventTarget.prototype);
  for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent']) {
    assert_false(Object.hasOwn(globalThis, name));
    assert_equals(globalThis[name], EventTarget.prototype[name]);
  }
}, 'the global object inherits from EventTarget');

test(() => {
  let seen;
  const listener = function (event) {
    seen = [this === globalThis, event.target === globalThis, event.currentTarget === self];
  };
  addEventListener('x', listener);
  dispatchEvent(new Event('x'));
  assert_array_equals(seen, [true, true, true]);
  (0, removeEventListener)('x', listener);
  seen = null;
  globalThis.dispatchEvent(new Event('x'));
  assert_equals(seen, null);
}, 'its methods need no receiver');

test(() => {
  for (const name of ['onerror', 'onunhandledrejection', 'onrejectionhandled']) {
    const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assert_array_equals([get.name, set.name], [`get ${name}`, `set ${name}`]);
    assert_true(enumerable && configurable);
    assert_equals(globalThis[name], null);
    globalThis[name] = 1;
    assert_equals(globalThis[name], null);
    const object = {};
    globalThis[name] = object;
    assert_equals(globalThis[name], object);
    globalThis[name] = null;
    assert_throws_js(TypeError, () => get.call({}));
  }
}, 'its event handlers are attributes');

promise_test(async () => {
  const error = new RangeError('told');
  const given = await new Promise(resolve => {
    onerror = (...args) => {
      resolve(args);
      return true;
    };
    setTimeout(() => {
      throw error;
    }, 0);
  });
  onerror = null;
  assert_array_equals([given.length, given[0], given[4]], [5, 'Uncaught RangeError: told', error]);
}, 'onerror is given the parts of an error that nobody caught');

promise_test(async () => {
  const unhandled = new Promise(resolve => {
    onunhandledrejection = event => {
      resolve(event);
      return false;
    };
  });
  const promise = Promise.reject(7);
  const event = await unhandled;
  onunhandledrejection = null;
  assert_array_equals([event.promise, event.reason, event.cancelable], [promise, 7, true]);
  assert_true(event.defaultPrevented);
  const handled = new Promise(resolve => {
    onrejectionhandled = resolve;
  });
  promise.catch(() => {});
  const late = await handled;
  onrejectionhandled = null;
  assert_array_equals([late.promise, late.cancelable], [promise, false]);
}, 'rejections that nobody handles are events, and those handled later');

function reportedBy(work) {
  let reported;
  const listener = event => {
    reported = event;
    event.preventDefault();
  };
  addEventListener('error', listener);
  work();
  removeEventListener('error', listener);
  return reported;
}

const odd = {
  nothing: undefined,
  null: null,
  'a number': 1,
  text: 'text',
  'a symbol': Symbol('s'),
  'an object': {},
  'an error': new TypeError(),
  'an error without a stack': Object.assign(new RangeError('m'), { stack: undefined }),
  'a DOMException': new DOMException('m', 'AbortError'),
  'a function': () => {},
  'a proxy': new Proxy({}, { get: () => assert_unreached(), getPrototypeOf: () => assert_unreached() }),
  'no prototype': Object.create(null),
  getters: { get name() { assert_unreached(); }, get message() { assert_unreached(); }, get stack() { assert_unreached(); } },
};
for (const [what, value] of Object.entries(odd)) {
  test(() => {
    const event = reportedBy(() => reportError(value));
    assert_true(event instanceof ErrorEvent);
    assert_array_equals([event.type, event.error, event.target, event.cancelable, event.isTrusted, event.bubbles], ['error', value, globalThis, true, true, false]);
    assert_true(event.message.startsWith('Uncaught'));
    assert_true(event.filename.endsWith('global.any.js'), event.filename);
    assert_true(event.lineno > 0 && event.colno > 0);
  }, `reportError of ${what}`);
}

test(() => {
  const thrower = new Function('throw new TypeError("inside")\n//# sourceURL=made-up.js');
  const target = new EventTarget();
  target.addEventListener('x', thrower);
  const event = reportedBy(() => target.dispatchEvent(new Event('x')));
  assert_equals(event.message, 'Uncaught TypeError: inside');
  assert_array_equals([event.filename, event.lineno, event.colno], ['made-up.js', 3, 7]);
  target.addEventListener('y', () => {
    throw 1;
  });
  const bare = reportedBy(() => target.dispatchEvent(new Event('y')));
  assert_array_equals([bare.filename, bare.lineno, bare.colno], ['', 0, 0]);
}, 'an error event says where the error is from, if that is known');

test(() => {
  let count = 0;
  const listener = event => {
    count += 1;
    event.preventDefault();
    throw new Error('in the listener for errors');
  };
  addEventListener('error', listener);
  reportError(1);
  removeEventListener('error', listener);
  assert_equals(count, 1);
}, 'what a listener for errors throws goes to the console');

promise_test(async () => {
  const reasons = [];
  const listener = event => {
    reasons.push(event.reason);
    event.preventDefault();
  };
  addEventListener('unhandledrejection', listener);
  Promise.reject(1).catch(() => {});
  const late = Promise.reject(2);
  queueMicrotask(() => late.catch(() => {}));
  Promise.reject(null);
  Promise.all([Promise.reject(3), Promise.reject(4)]);
  await new Promise(resolve => setTimeout(resolve, 0));
  await new Promise(resolve => setTimeout(resolve, 0));
  removeEventListener('unhandledrejection', listener);
  assert_array_equals(reasons, [null, 3]);
}, 'rejections that are handled within their turn are none');

test(() => {
  assert_throws_js(TypeError, () => reportError());
  let reported;
  const listener = event => {
    reported = event;
    event.preventDefault();
  };
  addEventListener('error', listener);
  const target = new EventTarget();
  target.addEventListener('x', () => {
    throw 5;
  });
  target.dispatchEvent(new Event('x'));
  removeEventListener('error', listener);
  assert_equals(reported.error, 5);
  assert_true(reported.isTrusted);
}, 'what a listener throws is reported');

test(() => {
  const order = [];
  const signal = new AbortController();
  signal.signal.addEventListener('abort', () => order.push('before'));
  signal.signal.onabort = () => order.push('replaced');
  signal.signal.addEventListener('abort', () => order.push('after'));
  signal.signal.onabort = () => order.push('handler');
  signal.abort();
  assert_array_equals(order, ['before', 'handler', 'after']);
}, 'a handler keeps the place of its first value');
