// https://w3c.github.io/ServiceWorker/#cache-interface

const kept = (text, headers = {}) => new Response(text, { headers });

promise_test(async () => {
  assert_true(caches instanceof CacheStorage && caches.default instanceof Cache);
  assert_equals(caches.default, caches.default);
  for (const Illegal of [Cache, CacheStorage]) assert_throws_js(TypeError, () => new Illegal());
  const url = 'https://cache.test/one';
  assert_equals(await caches.default.match(url), undefined);
  const response = new Response('kept', { status: 201, statusText: 'Made', headers: { 'x-a': 'b' } });
  assert_equals(await caches.default.put(url, response), undefined);
  assert_true(response.bodyUsed);
  for (let i = 0; i < 2; i++) {
    const found = await caches.default.match(new Request(`${url}#hash`));
    assert_array_equals([found.status, found.statusText, found.headers.get('x-a'), await found.text()], [201, 'Made', 'b', 'kept']);
    assert_throws_js(TypeError, () => found.headers.set('a', 'b'));
  }
  assert_true(await caches.default.delete(url));
  assert_false(await caches.default.delete(url));
  assert_equals(await caches.default.match(url), undefined);
}, 'a response is kept until it is deleted');

promise_test(async () => {
  const cache = await caches.open('search');
  await cache.put('https://cache.test/a?x=1', kept('one'));
  await cache.put('https://cache.test/a?x=2', kept('two'));
  await cache.put('https://cache.test/a?x=2', kept('two again'));
  assert_equals(await cache.match('https://cache.test/a'), undefined);
  assert_equals(await (await cache.match('https://cache.test/a?x=2')).text(), 'two again');
  const all = await cache.matchAll('https://cache.test/a', { ignoreSearch: true });
  assert_array_equals((await Promise.all(all.map(it => it.text()))).sort(), ['one', 'two again']);
  assert_equals((await cache.matchAll()).length, 2);
  assert_array_equals((await cache.keys()).map(it => it.url).sort(), ['https://cache.test/a?x=1', 'https://cache.test/a?x=2']);
  assert_equals(await caches.default.match('https://cache.test/a?x=2'), undefined);
  assert_true(await cache.delete('https://cache.test/a', { ignoreSearch: true }));
  assert_equals((await cache.keys()).length, 0);
}, 'queries count, unless they are not to');

promise_test(async () => {
  const cache = await caches.open('vary');
  const url = 'https://cache.test/v';
  const asked = language => new Request(url, { headers: { 'accept-language': language } });
  await cache.put(asked('de'), kept('Hallo', { vary: 'Accept-Language' }));
  await cache.put(asked('en'), kept('Hello', { vary: 'Accept-Language' }));
  assert_equals(await (await cache.match(asked('de'))).text(), 'Hallo');
  assert_equals(await (await cache.match(asked('en'))).text(), 'Hello');
  assert_equals(await cache.match(url), undefined);
  assert_true((await cache.match(url, { ignoreVary: true })) instanceof Response);
  assert_equals((await cache.matchAll(url, { ignoreVary: true })).length, 2);
}, 'responses vary by headers');

promise_test(async () => {
  const cache = await caches.open('control');
  const url = 'https://cache.test/c';
  for (const control of ['no-store', 'private', 'no-cache', 'max-age=0', 'max-age=x', 's-maxage=0, max-age=60']) {
    await cache.put(url, kept('x', { 'cache-control': control }));
    assert_equals(await cache.match(url), undefined, control);
  }
  await cache.put(url, kept('x', { expires: 'Thu, 01 Jan 1970 00:00:00 GMT' }));
  assert_equals(await cache.match(url), undefined);
  for (const headers of [{ 'cache-control': 'public, max-age=60' }, { expires: 'Thu, 01 Jan 2199 00:00:00 GMT' }, {}]) {
    await cache.put(url, kept('x', headers));
    assert_true((await cache.match(url)) !== undefined);
  }
  await cache.put(url, kept('x', { 'cache-control': 'no-store' }));
  assert_equals(await cache.match(url), undefined, 'what may not be kept takes the place of what was');
}, 'Cache-Control and Expires are heeded');

promise_test(async t => {
  const cache = await caches.open('refused');
  const url = 'https://cache.test/r';
  await promise_rejects_js(t, TypeError, cache.put(url));
  await promise_rejects_js(t, TypeError, cache.put(url, {}));
  await promise_rejects_js(t, TypeError, cache.put('data:,x', kept('x')));
  await promise_rejects_js(t, TypeError, cache.put(new Request(url, { method: 'POST' }), kept('x')));
  await promise_rejects_js(t, TypeError, cache.put(url, new Response('x', { status: 206 })));
  await promise_rejects_js(t, TypeError, cache.put(url, kept('x', { vary: '*' })));
  await promise_rejects_js(t, TypeError, cache.put(url, Response.error()));
  const used = kept('x');
  await used.text();
  await promise_rejects_js(t, TypeError, cache.put(url, used));
  await promise_rejects_js(t, TypeError, cache.match());
  await promise_rejects_js(t, TypeError, Cache.prototype.match.call({}, url));
  await cache.put(url, new Response(null, { status: 204 }));
  assert_array_equals([(await cache.match(url)).status, (await cache.match(url)).body], [204, null]);
  assert_equals(await cache.match(new Request(url, { method: 'HEAD' })), undefined);
  assert_true((await cache.match(new Request(url, { method: 'HEAD' }), { ignoreMethod: true })) !== undefined);
  assert_false(await cache.delete(new Request(url, { method: 'POST' })));
}, 'what can not be kept is refused');

promise_test(async () => {
  const cache = await caches.open('large');
  const url = 'https://cache.test/l';
  const large = new Uint8Array(3_000_000).fill(7);
  await cache.put(url, new Response(large));
  assert_equals((await (await cache.match(url)).bytes()).length, large.length);
  const stream = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(100_000).fill(8));
      this.left = (this.left ?? 5) - 1;
      if (this.left === 0) controller.close();
    },
  });
  await cache.put(url, new Response(stream));
  assert_equals((await (await cache.match(url)).bytes()).length, 500_000);
  const refused = await cache.put(url, new Response(new Uint8Array(9_000_000))).catch(error => error);
  assert_array_equals([refused instanceof DOMException, refused.name, refused.code], [true, 'QuotaExceededError', 22]);
  await caches.delete('large');
}, 'large bodies are kept, too large ones are refused');

promise_test(async () => {
  await caches.delete('named');
  assert_false(await caches.has('named'));
  const cache = await caches.open('named');
  assert_true(await caches.has('named'));
  assert_true((await caches.keys()).includes('named'));
  await cache.put('https://cache.test/n', kept('there'));
  assert_equals(await (await caches.match('https://cache.test/n')).text(), 'there');
  assert_equals(await (await caches.match('https://cache.test/n', { cacheName: 'named' })).text(), 'there');
  assert_equals(await caches.match('https://cache.test/n', { cacheName: 'other' }), undefined);
  assert_true(await caches.delete('named'));
  assert_false(await caches.delete('named'));
  assert_equals(await cache.match('https://cache.test/n'), undefined);
}, 'named caches come and go');

promise_test(async t => {
  const cache = await caches.open('added');
  const base = location.href.replace(/[^/]*$/, '');
  await cache.addAll([`${base}cache.any.js`]);
  assert_true((await (await cache.match(`${base}cache.any.js`)).text()).startsWith('// https://w3c'));
  await promise_rejects_js(t, TypeError, cache.addAll([`${base}cache.any.js?2`, `${base}nowhere`]));
  assert_equals(await cache.match(`${base}cache.any.js?2`), undefined);
  await promise_rejects_js(t, TypeError, cache.add('data:,x'));
}, 'add fetches, and keeps all or nothing');
