// https://w3c.github.io/hr-time/, https://w3c.github.io/user-timing/, https://w3c.github.io/performance-timeline/

test(() => {
  assert_true(performance instanceof Performance && performance instanceof EventTarget);
  assert_throws_js(TypeError, () => new Performance());
  const first = performance.now();
  assert_true(first >= 0 && performance.now() >= first);
  assert_true(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 5000);
  assert_equals(performance.toJSON().timeOrigin, performance.timeOrigin);
  assert_throws_js(TypeError, () => Performance.prototype.now.call({}));
}, 'the clock starts with the context');

test(() => {
  const detail = { a: 1 };
  const mark = performance.mark('m', { startTime: 5, detail });
  assert_true(mark instanceof PerformanceMark && mark instanceof PerformanceEntry);
  assert_array_equals([mark.name, mark.entryType, mark.startTime, mark.duration], ['m', 'mark', 5, 0]);
  assert_object_equals(mark.detail, detail);
  assert_false(mark.detail === detail);
  assert_equals(new PerformanceMark('x').detail, null);
  assert_throws_js(TypeError, () => performance.mark());
  assert_throws_js(TypeError, () => performance.mark('x', { startTime: -1 }));
  assert_throws_js(TypeError, () => performance.mark('x', { startTime: NaN }));
  assert_throws_js(TypeError, () => new PerformanceEntry());
  assert_throws_dom('DataCloneError', () => performance.mark('x', { detail: () => {} }));
  assert_object_equals(mark.toJSON(), { name: 'm', entryType: 'mark', startTime: 5, duration: 0 });
  performance.clearMarks();
}, 'marks have a time and a detail');

test(() => {
  performance.mark('a', { startTime: 10 });
  performance.mark('b', { startTime: 30 });
  const of = (...args) => {
    const { startTime, duration } = performance.measure('x', ...args);
    return [startTime, duration];
  };
  assert_array_equals(of('a', 'b'), [10, 20]);
  assert_array_equals(of(undefined, 'b'), [0, 30]);
  assert_array_equals(of({ start: 5, end: 'b' }), [5, 25]);
  assert_array_equals(of({ start: 5, duration: 7 }), [5, 7]);
  assert_array_equals(of({ end: 50, duration: 7 }), [43, 7]);
  assert_equals(of('a')[0], 10);
  assert_equals(of({})[0], 0);
  for (const wrong of [[{ detail: 1 }], [{ start: 1, end: 2, duration: 3 }], [{ start: 1 }, 'b'], [{ start: -1 }]]) {
    assert_throws_js(TypeError, () => performance.measure('x', ...wrong));
  }
  assert_throws_dom('SyntaxError', () => performance.measure('x', 'nowhere'));
  assert_throws_js(TypeError, () => performance.measure());
  performance.clearMarks('a');
  assert_array_equals(performance.getEntriesByType('mark').map(it => it.name), ['b']);
  performance.clearMarks();
  performance.clearMeasures('other');
  assert_equals(performance.getEntriesByName('x').length, 7);
  performance.clearMeasures();
  assert_equals(performance.getEntries().length, 0);
}, 'measures are between marks and times');

test(() => {
  performance.mark('late', { startTime: 20 });
  performance.mark('early', { startTime: 10 });
  performance.mark('late again', { startTime: 20 });
  assert_array_equals(performance.getEntries().map(it => it.name), ['early', 'late', 'late again']);
  assert_array_equals(performance.getEntriesByName('late', 'measure'), []);
  performance.clearMarks();
}, 'entries are in the order of their times');

promise_test(async () => {
  assert_array_equals(PerformanceObserver.supportedEntryTypes, ['mark', 'measure']);
  assert_equals(PerformanceObserver.supportedEntryTypes, PerformanceObserver.supportedEntryTypes);
  performance.mark('before');
  const seen = [];
  const got = new Promise(resolve => {
    const observer = new PerformanceObserver((list, self) => {
      seen.push(...list.getEntries().map(it => it.name), self === observer, list instanceof PerformanceObserverEntryList);
      resolve();
    });
    observer.observe({ type: 'mark', buffered: true });
    assert_throws_dom('InvalidModificationError', () => observer.observe({ entryTypes: ['mark'] }));
    assert_throws_js(TypeError, () => observer.observe({}));
    assert_throws_js(TypeError, () => observer.observe());
  });
  performance.mark('after');
  performance.measure('not asked for');
  await got;
  assert_array_equals(seen, ['before', 'after', true, true]);
  const other = new PerformanceObserver(() => {});
  other.observe({ entryTypes: ['mark', 'unknown'] });
  performance.mark('taken');
  assert_array_equals(other.takeRecords().map(it => it.name), ['taken']);
  other.disconnect();
  performance.mark('unseen');
  assert_array_equals(other.takeRecords(), []);
}, 'observers are told');

test(() => {
  assert_regexp_match(navigator.userAgent, /^Isolane\//);
  assert_throws_js(TypeError, () => new Navigator());
}, 'navigator names the runtime');
