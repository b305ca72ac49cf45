// https://nodejs.org/api/async_context.html

let AsyncLocalStorage;
let AsyncResource;
let storage;

promise_setup(async () => {
  ({ AsyncLocalStorage, AsyncResource } = await import('node:async_hooks'));
  storage = new AsyncLocalStorage();
});

promise_test(async t => {
  const module = await import('node:async_hooks');
  assert_array_equals(Object.keys(module).sort(), ['AsyncLocalStorage', 'AsyncResource', 'default']);
  assert_equals(module.default.AsyncLocalStorage, AsyncLocalStorage);
  assert_array_equals([AsyncLocalStorage.name, AsyncResource.name], ['AsyncLocalStorage', 'AsyncResource']);
  await promise_rejects_js(t, TypeError, import('node:fs'));
}, 'the module exports two classes');

promise_test(async () => {
  assert_equals(storage.getStore(), undefined);
  const result = storage.run(1, (a, b) => {
    assert_equals(storage.getStore(), 1);
    storage.run(2, () => assert_equals(storage.getStore(), 2));
    storage.exit(() => assert_equals(storage.getStore(), undefined));
    assert_equals(storage.getStore(), 1);
    return a + b;
  }, 3, 4);
  assert_equals(result, 7);
  assert_equals(storage.getStore(), undefined);
  assert_throws_exactly(5, () => storage.run(1, () => { throw 5 }));
  assert_equals(storage.getStore(), undefined);
  assert_throws_js(TypeError, () => storage.run(1));
  assert_throws_js(TypeError, () => AsyncLocalStorage.prototype.run.call({}, 1, () => {}));
}, 'run has the store for its callback alone');

promise_test(async () => {
  const seen = await storage.run('a', async () => {
    const list = [storage.getStore()];
    await null;
    list.push(storage.getStore());
    await new Promise(resolve => setTimeout(resolve, 1));
    list.push(storage.getStore());
    await (async () => storage.enterWith('inner'))();
    list.push(storage.getStore());
    return list;
  });
  assert_array_equals(seen.slice(0, 3), ['a', 'a', 'a']);
  assert_equals(storage.getStore(), undefined);
}, 'a store follows await');

promise_test(async () => {
  const seen = [];
  let done;
  const all = new Promise(resolve => {
    done = resolve;
  });
  const note = name => {
    if (seen.push(`${name} ${storage.getStore()}`) === 14) done();
  };
  await new Promise(resolve => {
    storage.run('s', () => {
      queueMicrotask(() => note('microtask'));
      Promise.resolve().then(() => note('then')).finally(() => note('finally'));
      Promise.reject(1).catch(() => note('catch'));
      setTimeout(() => {
        note('timeout');
        setTimeout(() => note('inner'), 0);
      }, 0);
      let rounds = 0;
      const id = setInterval(() => {
        note('interval');
        if (++rounds === 2) clearInterval(id);
      }, 1);
      const target = new EventTarget();
      target.addEventListener('x', () => note('event'));
      target.dispatchEvent(new Event('x'));
      const { port1, port2 } = new MessageChannel();
      port2.onmessage = () => {
        note('message');
        port1.close();
      };
      port1.postMessage(0);
      AbortSignal.timeout(1).onabort = () => note('abort');
      scheduler.wait(1).then(() => note('wait'));
    });
    storage.run('other', () => setTimeout(() => note('other'), 1));
    setTimeout(() => note('none'), 1);
    resolve();
  });
  await all;
  const others = seen.filter(it => !it.endsWith(' s'));
  assert_array_equals(others, ['other other', 'none undefined']);
  const names = seen.filter(it => it.endsWith(' s')).map(it => it.split(' ')[0]).sort();
  assert_array_equals(names, ['abort', 'catch', 'event', 'finally', 'inner', 'interval', 'interval', 'message', 'microtask', 'then', 'timeout', 'wait']);
}, 'timers, microtasks, reactions, messages and signals carry their store');

promise_test(async () => {
  const base = 'data:text/plain,x';
  const seen = await Promise.all(
    [1, 2, 3].map(n =>
      storage.run(n, async () => {
        const response = await fetch(base);
        const text = await response.text();
        await scheduler.wait(3 - n);
        const body = new Response(
          new ReadableStream({
            pull(controller) {
              controller.enqueue(new TextEncoder().encode(`${storage.getStore()}`));
              controller.close();
            },
          }),
        );
        await body.text();
        return [storage.getStore(), text];
      }),
    ),
  );
  assert_object_equals(seen, [[1, 'x'], [2, 'x'], [3, 'x']]);
}, 'stores of interleaved work stay apart');

promise_test(async () => {
  const other = new AsyncLocalStorage({ name: 'other', defaultValue: 'd' });
  assert_array_equals([other.name, other.getStore(), storage.name], ['other', 'd', '']);
  await storage.run(1, () =>
    other.run(undefined, async () => {
      await null;
      assert_array_equals([storage.getStore(), other.getStore()], [1, undefined]);
      other.disable();
      assert_array_equals([storage.getStore(), other.getStore()], [1, 'd']);
    }),
  );
}, 'storages do not see each other');

promise_test(async () => {
  let snapshot;
  let bound;
  storage.run('then', () => {
    snapshot = AsyncLocalStorage.snapshot();
    bound = AsyncLocalStorage.bind(function (a, b) {
      return [this, storage.getStore(), a, b];
    });
  });
  storage.run('now', () => {
    assert_array_equals(snapshot((a, b) => [storage.getStore(), a, b], 1, 2), ['then', 1, 2]);
    const self = {};
    assert_array_equals(bound.call(self, 3, 4), [self, 'then', 3, 4]);
    assert_equals(bound.length, 2);
    assert_equals(storage.getStore(), 'now');
  });
  assert_throws_js(TypeError, () => AsyncLocalStorage.bind(1));
}, 'bind and snapshot keep the store of their time');

promise_test(async () => {
  const resource = storage.run('made', () => new AsyncResource('Type'));
  assert_equals(resource.runInAsyncScope(function (n) { return [this.x, storage.getStore(), n].join() }, { x: 1 }, 2), '1,made,2');
  assert_equals(resource.bind(() => storage.getStore())(), 'made');
  assert_equals(storage.run('s', () => AsyncResource.bind(() => storage.getStore()))(), 's');
  assert_equals(typeof resource.asyncId(), 'number');
  assert_equals(resource.emitDestroy(), resource);
  assert_throws_js(TypeError, () => new AsyncResource());
  class Own extends AsyncResource {
    constructor() {
      super('Own');
    }
  }
  assert_true(new Own() instanceof AsyncResource);
}, 'a resource has the store in which it was made');

promise_test(async () => {
  const seen = [];
  const thenable = { then(resolve) { seen.push(storage.getStore()); resolve(1) } };
  await storage.run('t', async () => {
    await thenable;
    seen.push(storage.getStore());
  });
  assert_equals(seen[1], 't');
}, 'a store is there after awaiting a thenable');

promise_test(async () => {
  storage.enterWith('left');
  await scheduler.wait(1);
  assert_equals(storage.getStore(), 'left');
  await new Promise(resolve => setTimeout(resolve, 1));
  assert_equals(storage.getStore(), 'left');
}, 'enterWith lasts for what comes of the turn');

promise_test(async () => {
  Map.prototype.get = Map.prototype.set = Map.prototype.has = Map.prototype.forEach = () => 'patched';
  assert_equals(storage.run(9, () => storage.getStore()), 9);
}, 'patched built-ins do not matter');
