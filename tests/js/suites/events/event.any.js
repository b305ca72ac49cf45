// https://dom.spec.whatwg.org/#events

setup({ allow_uncaught_exception: true });

test(() => {
  assert_throws_js(TypeError, () => new Event());
  assert_throws_js(TypeError, () => Event('x'));
  assert_throws_js(TypeError, () => new Event('x', 'text'));
  const event = new Event('x', null);
  assert_equals(event.type, 'x');
  assert_equals(event.target, null);
  assert_equals(event.srcElement, null);
  assert_equals(event.currentTarget, null);
  assert_equals(event.eventPhase, Event.NONE);
  assert_false(event.bubbles || event.cancelable || event.composed || event.defaultPrevented);
  assert_true(event.returnValue);
  assert_array_equals(event.composedPath(), []);
  assert_true(event.timeStamp >= 0);
  assert_class_string(event, 'Event');
}, 'an event has the values of its dictionary, or those by default');

test(() => {
  const read = [];
  const init = new Proxy({}, { get: (_, name) => void read.push(name) });
  new ErrorEvent('x', init);
  assert_array_equals(read, ['bubbles', 'cancelable', 'composed', 'colno', 'error', 'filename', 'lineno', 'message']);
}, 'dictionaries are read in the order of their members, the inherited first');

test(() => {
  const one = Object.getOwnPropertyDescriptor(new Event('x'), 'isTrusted');
  const two = Object.getOwnPropertyDescriptor(new CustomEvent('y'), 'isTrusted');
  assert_equals(one.get, two.get);
  assert_equals(one.get.name, 'get isTrusted');
  assert_equals(one.set, undefined);
  assert_true(one.enumerable);
  assert_false(one.configurable);
  assert_throws_js(TypeError, () => one.get.call({}));
}, 'isTrusted is unforgeable');

test(() => {
  const event = new Event('x', { cancelable: true });
  event.preventDefault();
  assert_true(event.defaultPrevented);
  assert_throws_js(TypeError, () => event.initEvent());
  event.initEvent('y', true);
  assert_array_equals([event.type, event.bubbles, event.cancelable, event.defaultPrevented], ['y', true, false, false]);
  const custom = new CustomEvent('x', { detail: 1 });
  assert_throws_js(TypeError, () => custom.initCustomEvent());
  custom.initCustomEvent('z');
  assert_array_equals([custom.type, custom.detail], ['z', null]);
  assert_equals(new CustomEvent('x', { detail: undefined }).detail, null);
}, 'an event can be initialized anew');

test(() => {
  for (const [name, value] of [['NONE', 0], ['CAPTURING_PHASE', 1], ['AT_TARGET', 2], ['BUBBLING_PHASE', 3]]) {
    for (const object of [Event, Event.prototype]) {
      const { writable, enumerable, configurable, ...rest } = Object.getOwnPropertyDescriptor(object, name);
      assert_equals(rest.value, value);
      assert_array_equals([writable, enumerable, configurable], [false, true, false]);
    }
  }
}, 'phases are constants');

test(() => {
  const target = new EventTarget();
  let seen = 0;
  target.addEventListener('x', () => seen++);
  assert_true(target.dispatchEvent(new Event('x')));
  const event = new Event('x', { cancelable: true });
  target.addEventListener('x', it => it.preventDefault(), { once: true });
  assert_false(target.dispatchEvent(event));
  assert_true(target.dispatchEvent(new Event('x', { cancelable: true })));
  assert_equals(seen, 3);
  assert_equals(event.target, target);
  assert_equals(event.currentTarget, null);
  assert_equals(event.eventPhase, 0);
}, 'dispatchEvent tells whether the default was prevented');

test(() => {
  const target = new EventTarget();
  const order = [];
  target.addEventListener('x', () => order.push('bubble'));
  target.addEventListener('x', () => order.push('capture'), true);
  target.addEventListener('x', { handleEvent() { order.push(this === handler) } });
  const handler = { handleEvent() { order.push(this === handler) } };
  target.addEventListener('x', handler);
  target.addEventListener('x', handler, { passive: true });
  target.dispatchEvent(new Event('x'));
  assert_array_equals(order, ['capture', 'bubble', false, true]);
}, 'capturing listeners come first, and each listener is there once');

test(() => {
  const target = new EventTarget();
  const order = [];
  target.addEventListener('x', () => {
    order.push('first');
    target.addEventListener('x', () => order.push('added'));
    target.removeEventListener('x', removed);
  }, { once: true });
  const removed = () => order.push('removed');
  target.addEventListener('x', removed);
  target.dispatchEvent(new Event('x'));
  assert_array_equals(order, ['first']);
  target.dispatchEvent(new Event('x'));
  assert_array_equals(order, ['first', 'added']);
}, 'listeners that were added are for the next event, those that were removed for none');

test(() => {
  const target = new EventTarget();
  let inner = false;
  target.addEventListener('x', () => target.addEventListener('x', () => { inner = true }), { capture: true, once: true });
  target.dispatchEvent(new Event('x'));
  assert_true(inner);
}, 'what a capturing listener adds for the second phase is called in it');

test(() => {
  const target = new EventTarget();
  const order = [];
  target.addEventListener('x', e => { order.push(1); e.stopPropagation(); assert_true(e.cancelBubble) }, true);
  target.addEventListener('x', () => order.push(2), true);
  target.addEventListener('x', () => order.push(3));
  const event = new Event('x');
  target.dispatchEvent(event);
  assert_array_equals(order, [1, 2]);
  assert_false(event.cancelBubble);
  const early = new Event('x');
  early.stopPropagation();
  target.dispatchEvent(early);
  assert_array_equals(order, [1, 2]);
}, 'stopPropagation lets the listeners of the phase run');

test(() => {
  const target = new EventTarget();
  const order = [];
  target.addEventListener('x', e => { order.push(1); e.stopImmediatePropagation() });
  target.addEventListener('x', () => order.push(2));
  target.dispatchEvent(new Event('x'));
  assert_array_equals(order, [1]);
}, 'stopImmediatePropagation ends it at once');

test(() => {
  const { prototype } = Event;
  for (const name of ['cancelBubble', 'returnValue', 'type', 'target', 'srcElement', 'eventPhase', 'bubbles', 'composed', 'timeStamp']) {
    const { get, set } = Object.getOwnPropertyDescriptor(prototype, name);
    for (const wrong of [prototype, {}, null, undefined, 1, new EventTarget(), new Proxy(new Event('x'), {})]) {
      assert_throws_js(TypeError, () => get.call(wrong));
      if (set !== undefined) for (const value of [true, false, undefined]) assert_throws_js(TypeError, () => set.call(wrong, value), `${name} = ${value}`);
    }
  }
  for (const name of ['composedPath', 'initEvent', 'preventDefault', 'stopImmediatePropagation', 'stopPropagation']) {
    assert_throws_js(TypeError, () => prototype[name].call({}, 'x'));
  }
}, 'members are for events alone');

test(() => {
  const event = new Event('x', { cancelable: true });
  event.cancelBubble = false;
  assert_false(event.cancelBubble);
  event.cancelBubble = 'yes';
  assert_true(event.cancelBubble);
  event.cancelBubble = false;
  assert_true(event.cancelBubble);
  event.returnValue = 1;
  assert_false(event.defaultPrevented);
  event.returnValue = '';
  assert_true(event.defaultPrevented && !event.returnValue);
  event.returnValue = true;
  assert_true(event.defaultPrevented);
  const fixed = new Event('x');
  fixed.returnValue = false;
  fixed.preventDefault();
  assert_true(fixed.returnValue && !fixed.defaultPrevented);
  event.initEvent('x');
  assert_array_equals([event.cancelBubble, event.returnValue], [false, true]);
}, 'cancelBubble and returnValue are older names');

test(() => {
  const target = new EventTarget();
  const event = new Event('x');
  const seen = [];
  target.addEventListener('x', it => {
    it.initEvent('y', true, true);
    seen.push(it.type, it.bubbles, it.timeStamp === event.timeStamp, it.srcElement === target);
    it.stopImmediatePropagation();
  });
  assert_true(target.dispatchEvent(event));
  assert_array_equals(seen, ['x', false, true, true]);
  assert_array_equals([event.target, event.cancelBubble, event.composedPath().length], [target, false, 0]);
  event.initEvent('y', true, true);
  assert_array_equals([event.type, event.target], ['y', null]);
}, 'an event that is on its way is not initialized');

test(() => {
  const target = new EventTarget();
  const reported = [];
  const listening = event => {
    reported.push(event.error);
    event.preventDefault();
  };
  addEventListener('error', listening);
  const thrown = [new Error('a'), 'b'];
  const seen = [];
  target.addEventListener('x', () => { throw thrown[0]; });
  target.addEventListener('x', { get handleEvent() { throw thrown[1]; } });
  target.addEventListener('x', {});
  target.addEventListener('x', { handleEvent: 5 });
  target.addEventListener('x', async () => { throw thrown; }, { signal: AbortSignal.abort() });
  target.addEventListener('x', function () { seen.push(this === target, arguments.length); });
  assert_true(target.dispatchEvent(new Event('x')));
  removeEventListener('error', listening);
  assert_array_equals(seen, [true, 1]);
  assert_array_equals(reported.slice(0, 2), thrown);
  assert_array_equals(reported.slice(2).map(it => it.constructor), [TypeError, TypeError]);
}, 'what goes wrong in a listener is reported, and the next is called');

test(() => {
  const read = [];
  const options = names => Object.defineProperties({}, Object.fromEntries(names.map(name => [name, { get: () => void read.push(name) }])));
  new EventTarget().addEventListener('x', () => {}, options(['once', 'passive', 'signal', 'capture']));
  assert_array_equals(read.splice(0), ['capture', 'once', 'passive', 'signal']);
  new EventTarget().removeEventListener('x', () => {}, options(['once', 'passive', 'signal', 'capture']));
  assert_array_equals(read, ['capture']);
  const target = new EventTarget();
  let count = 0;
  const listener = () => count++;
  for (const capture of [true, { capture: 1 }, 'yes']) target.addEventListener('x', listener, capture);
  target.dispatchEvent(new Event('x'));
  assert_equals(count, 1);
  target.removeEventListener('x', listener, false);
  target.dispatchEvent(new Event('x'));
  assert_equals(count, 2);
  target.removeEventListener('x', listener, { capture: true, once: true });
  target.dispatchEvent(new Event('x'));
  assert_equals(count, 2);
}, 'options are read in order, and capture is part of what a listener is');

test(() => {
  const target = new EventTarget();
  const order = [];
  const once = () => {
    order.push('once');
    target.dispatchEvent(new Event('x'));
  };
  target.addEventListener('x', once, { once: true });
  target.dispatchEvent(new Event('x'));
  target.addEventListener('x', once, { once: true });
  target.dispatchEvent(new Event('x'));
  assert_array_equals(order, ['once', 'once']);
}, 'a listener for once is taken away before it is called');

test(() => {
  const target = new EventTarget();
  const event = new Event('x', { cancelable: true });
  target.addEventListener('x', e => { e.preventDefault(); e.returnValue = false }, { passive: true });
  target.dispatchEvent(event);
  assert_false(event.defaultPrevented);
}, 'a passive listener can not prevent the default');

test(() => {
  const target = new EventTarget();
  target.addEventListener('x', e => {
    assert_array_equals(e.composedPath(), [target]);
    assert_equals(e.eventPhase, Event.AT_TARGET);
    assert_throws_dom('InvalidStateError', () => target.dispatchEvent(e));
  });
  target.dispatchEvent(new Event('x'));
  assert_throws_js(TypeError, () => target.dispatchEvent(null));
  assert_throws_js(TypeError, () => target.dispatchEvent({}));
}, 'an event is dispatched once at a time');

test(() => {
  const target = new EventTarget();
  target.addEventListener('x', null);
  target.removeEventListener('x', undefined);
  assert_throws_js(TypeError, () => target.addEventListener('x'));
  assert_throws_js(TypeError, () => target.addEventListener('x', 'text'));
  assert_throws_js(TypeError, () => target.addEventListener('x', () => {}, { signal: null }));
  assert_throws_js(TypeError, () => EventTarget.prototype.addEventListener.call({}, 'x', () => {}));
}, 'arguments are checked');

test(() => {
  const target = new EventTarget();
  const controller = new AbortController();
  let count = 0;
  target.addEventListener('x', () => { count++; controller.abort() }, { signal: controller.signal });
  target.addEventListener('x', () => count++, { signal: controller.signal });
  target.dispatchEvent(new Event('x'));
  target.dispatchEvent(new Event('x'));
  assert_equals(count, 1);
  target.addEventListener('x', () => count++, { signal: controller.signal });
  target.dispatchEvent(new Event('x'));
  assert_equals(count, 1);
}, 'a signal takes its listeners away');

test(() => {
  class Derived extends EventTarget {
    constructor() {
      super();
      this.count = 0;
      this.addEventListener('x', this);
    }
    handleEvent() {
      this.count += 1;
    }
  }
  const it = new Derived();
  it.dispatchEvent(new Event('x'));
  assert_equals(it.count, 1);
}, 'EventTarget can be extended');

test(() => {
  assert_throws_js(TypeError, () => new PromiseRejectionEvent('x'));
  assert_throws_js(TypeError, () => new PromiseRejectionEvent('x', {}));
  assert_throws_js(TypeError, () => new PromiseRejectionEvent('x', { promise: 1 }));
  const promise = Promise.resolve();
  const event = new PromiseRejectionEvent('x', { promise, reason: 5 });
  assert_array_equals([event.promise, event.reason], [promise, 5]);
}, 'PromiseRejectionEvent wants a promise');

test(() => {
  const event = new ErrorEvent('x', { message: 'm', filename: '\ud800', lineno: -1, colno: 2.7, error: 'e' });
  assert_array_equals(
    [event.message, event.filename, event.lineno, event.colno, event.error],
    ['m', '\ufffd', 4294967295, 2, 'e'],
  );
  assert_equals(new ErrorEvent('x').error, undefined);
}, 'ErrorEvent converts its members');
