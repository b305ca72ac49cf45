// The web platform's classes, as a worker sees them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inWorker } from './harness.mjs';

/** Compares what the worker returned. */
function check(name, body, expected) {
  test(name, async () => assert.deepEqual(await inWorker(body), expected));
}

const thrown = `const thrown = f => { try { f(); return 'nothing' } catch (e) { return e.constructor.name + '|' + e.name } };
  const rejected = async p => { try { await p; return 'nothing' } catch (e) { return e.name } };`;

check(
  'headers are sorted, combined and validated',
  `${thrown}
  const h = new Headers([['B', ' x '], ['a', '1'], ['A', '2'], ['Set-Cookie', 'p'], ['set-cookie', 'q']]);
  h.set('c', 'd'); h.delete('nothing');
  return { all: [...h], get: h.get('A'), cookies: h.getSetCookie(), has: h.has('b'),
    name: thrown(() => h.append('x y', '1')), value: thrown(() => h.append('x', 'a\\nb')),
    wide: thrown(() => h.append('x', '😀')), trimmed: new Headers({ x: '\\t v \\n' }).get('x'),
    tag: String(h), keys: [...h.keys()], iterator: Object.prototype.toString.call(h.entries()) };`,
  {
    all: [
      ['a', '1, 2'],
      ['b', 'x'],
      ['c', 'd'],
      ['set-cookie', 'p'],
      ['set-cookie', 'q'],
    ],
    get: '1, 2',
    cookies: ['p', 'q'],
    has: true,
    name: 'TypeError|TypeError',
    value: 'TypeError|TypeError',
    wide: 'TypeError|TypeError',
    trimmed: 'v',
    tag: '[object Headers]',
    keys: ['a', 'b', 'c', 'set-cookie', 'set-cookie'],
    iterator: '[object Headers Iterator]',
  },
);

check(
  'set keeps the place of the first header of that name',
  `const h = new Headers([['a', '1'], ['b', '2'], ['a', '3'], ['c', '4']]); h.set('a', '9'); h.append('a', '10');
   return [...h]`,
  [
    ['a', '9, 10'],
    ['b', '2'],
    ['c', '4'],
  ],
);

check(
  'a request normalizes, validates and copies',
  `${thrown}
  const a = new Request('HTTPS://Example.com/x?y#z', { method: 'post', body: 'b', headers: { q: '1' } });
  const b = new Request(a, { method: 'PUT' });
  return { url: a.url, method: a.method, type: a.headers.get('content-type'), used: a.bodyUsed, bm: b.method,
    bt: await b.text(), bh: b.headers.get('q'), relative: thrown(() => new Request('/x')),
    forbidden: thrown(() => new Request('https://a.test', { method: 'CONNECT' })),
    get: thrown(() => new Request('https://a.test', { body: 'x' })),
    credentials: thrown(() => new Request('https://u:p@a.test')), patch: new Request('https://a.test', { method: 'patch' }).method,
    stream: thrown(() => new Request('https://a.test', { method: 'POST', body: new ReadableStream() })),
    signal: a.signal instanceof AbortSignal, instance: a instanceof Request, redirect: a.redirect };`,
  {
    url: 'https://example.com/x?y#z',
    method: 'POST',
    type: 'text/plain;charset=UTF-8',
    used: true,
    bm: 'PUT',
    bt: 'b',
    bh: '1',
    relative: 'TypeError|TypeError',
    forbidden: 'TypeError|TypeError',
    get: 'TypeError|TypeError',
    credentials: 'TypeError|TypeError',
    patch: 'patch',
    stream: 'TypeError|TypeError',
    signal: true,
    instance: true,
    redirect: 'follow',
  },
);

check(
  'responses obey the rules of statuses',
  `${thrown}
  const r = Response.redirect('https://a.test/b', 303);
  return { range: thrown(() => new Response('', { status: 199 })), nobody: thrown(() => new Response('x', { status: 204 })),
    text: thrown(() => new Response('', { statusText: 'a\\nb' })), redirect: [r.status, r.headers.get('location')],
    immutable: thrown(() => r.headers.set('a', 'b')), bad: thrown(() => Response.redirect('https://a.test', 200)),
    error: [Response.error().type, Response.error().status], json: await Response.json([1]).json(),
    undef: thrown(() => Response.json(undefined)), ok: [new Response().ok, new Response(null, { status: 404 }).ok],
    empty: new Response().body, string: Object.prototype.toString.call(new Response()) };`,
  {
    range: 'RangeError|RangeError',
    nobody: 'TypeError|TypeError',
    text: 'TypeError|TypeError',
    redirect: [303, 'https://a.test/b'],
    immutable: 'TypeError|TypeError',
    bad: 'RangeError|RangeError',
    error: ['error', 0],
    json: [1],
    undef: 'TypeError|TypeError',
    ok: [true, false],
    empty: null,
    string: '[object Response]',
  },
);

check(
  'bodies of every kind can be read in every form',
  `${thrown}
  const bytes = new Uint8Array([104, 105]);
  const out = {};
  out.text = await new Response(bytes).text();
  out.buffer = [...new Uint8Array(await new Response('hi').arrayBuffer())];
  out.bytes = [...await new Response(new DataView(bytes.buffer)).bytes()];
  out.params = await new Response(new URLSearchParams({ a: 'b c' })).text();
  out.paramsType = new Response(new URLSearchParams()).headers.get('content-type');
  const blob = await new Response('x', { headers: { 'content-type': 'Text/Plain' } }).blob();
  out.blob = [blob.type, await blob.text()];
  out.fromBlob = new Response(new Blob(['q'], { type: 'image/png' })).headers.get('content-type');
  const stream = new ReadableStream({ start(c) { c.enqueue(bytes); c.enqueue(new Uint8Array([33])); c.close(); } });
  const streamed = new Response(stream);
  out.stream = await streamed.text();
  out.twice = await rejected(streamed.text());
  out.used = streamed.bodyUsed;
  out.wrong = await rejected(new Response(new ReadableStream({ start(c) { c.enqueue('s'); c.close(); } })).text());
  out.bom = await new Response('\\ufeffx').text();
  out.lone = await new Response('\\ud800').text() === '\\ufffd';
  const clone = new Response('c'); const other = clone.clone();
  out.clone = [await clone.text(), await other.text()];
  const s2 = new Response(new ReadableStream({ start(c) { c.enqueue(bytes); c.close(); } })); const s3 = s2.clone();
  out.tee = [await s2.text(), await s3.text()];
  out.reader = (await new Response('zz').body.getReader().read()).value.length;
  out.object = await new Response({}).text();
  out.syntax = await rejected(new Response('{').json());
  return out;`,
  {
    text: 'hi',
    buffer: [104, 105],
    bytes: [104, 105],
    params: 'a=b+c',
    paramsType: 'application/x-www-form-urlencoded;charset=UTF-8',
    blob: ['text/plain', 'x'],
    fromBlob: 'image/png',
    stream: 'hi!',
    twice: 'TypeError',
    used: true,
    wrong: 'TypeError',
    bom: 'x',
    lone: true,
    clone: ['c', 'c'],
    tee: ['hi', 'hi'],
    reader: 2,
    object: '[object Object]',
    syntax: 'SyntaxError',
  },
);

check(
  'forms go out as multipart and come back, with their names',
  `const form = new FormData();
  form.append('a', '1'); form.append('a', '2\\n3'); form.set('b "q"', new File(['file'], 'n.txt', { type: 'text/x' }));
  form.append('c', new Blob(['blob']));
  const response = new Response(form);
  const back = await new Response(await response.clone().arrayBuffer(), { headers: response.headers }).formData();
  const file = back.get('b "q"');
  const urlencoded = await new Response(new URLSearchParams('x=1&y=%F0%9F%98%80+z')).formData();
  return { type: response.headers.get('content-type').split('=')[0], a: back.getAll('a'), name: file.name,
    file: await file.text(), ft: file.type, isFile: file instanceof File, c: back.get('c').name,
    keys: [...back.keys()], y: urlencoded.get('y'), has: form.has('a'), none: form.get('nope') };`,
  {
    type: 'multipart/form-data; boundary',
    a: ['1', '2\r\n3'],
    name: 'n.txt',
    file: 'file',
    ft: 'text/x',
    isFile: true,
    c: 'blob',
    keys: ['a', 'a', 'b "q"', 'c'],
    y: '😀 z',
    has: true,
    none: null,
  },
);

check(
  'blobs are sliced, typed and streamed',
  `const blob = new Blob(['abc', new Uint8Array([100]), new Blob(['e'])], { type: 'A/B' });
  const chunks = []; for await (const chunk of blob.stream()) chunks.push(...chunk);
  const file = new File(['x'], 'f', { lastModified: 5 });
  return [blob.size, blob.type, await blob.slice(1, -1).text(), await blob.slice(-2, undefined, 'q/r').text(),
    blob.slice(0, 1, 'q/r').type, chunks, [...await blob.bytes()].length, file.lastModified, file.size,
    file instanceof Blob, String(file), await new Blob(['a\\r\\nb'], { endings: 'native' }).text()];`,
  [5, 'a/b', 'bcd', 'de', 'q/r', [97, 98, 99, 100, 101], 5, 5, 1, true, '[object File]', 'a\nb'],
);

check(
  'events run their listeners in order',
  `const target = new EventTarget(); const seen = [];
  target.addEventListener('x', { handleEvent(e) { seen.push('object', e.target === target) } });
  target.addEventListener('x', () => seen.push('once'), { once: true });
  target.addEventListener('x', e => { seen.push('capture', e.eventPhase); e.preventDefault() }, true);
  const controller = new AbortController();
  target.addEventListener('x', () => seen.push('gone'), { signal: controller.signal }); controller.abort();
  const event = new CustomEvent('x', { cancelable: true, detail: 7 });
  const result = target.dispatchEvent(event); target.dispatchEvent(new Event('x'));
  return { seen, result, detail: event.detail, prevented: event.defaultPrevented, trusted: event.isTrusted,
    path: event.composedPath().length, constant: Event.AT_TARGET, keys: Object.keys(Event.prototype).length > 10 };`,
  {
    seen: ['capture', 2, 'object', true, 'once', 'capture', 2, 'object', true],
    result: false,
    detail: 7,
    prevented: true,
    trusted: false,
    path: 0,
    constant: 2,
    keys: true,
  },
);

check(
  'abort signals abort, time out and depend on each other',
  `${thrown}
  const c = new AbortController(); const order = [];
  c.signal.onabort = () => order.push('on'); c.signal.addEventListener('abort', () => order.push('listener'));
  const any = AbortSignal.any([c.signal, new AbortController().signal]);
  any.addEventListener('abort', () => order.push('any'));
  c.abort('why'); c.abort('again');
  const timed = AbortSignal.timeout(5); const reason = await new Promise(r => { timed.onabort = () => r(timed.reason) });
  return { order, reason: [c.signal.reason, any.reason, any.aborted], thrown: thrown(() => AbortSignal.abort().throwIfAborted()),
    name: reason.name, code: reason.code, illegal: thrown(() => new AbortSignal()), instance: reason instanceof DOMException,
    error: reason instanceof Error };`.replace('await new Promise', 'await new Promise'),
  {
    order: ['on', 'listener', 'any'],
    reason: ['why', 'why', true],
    thrown: 'DOMException|AbortError',
    name: 'TimeoutError',
    code: 23,
    illegal: 'TypeError|TypeError',
    instance: true,
    error: true,
  },
);

check(
  'URLs are parsed, changed and searched',
  `${thrown}
  const u = new URL('../b?x=1#h', 'https://user:pw@Example.com:8443/a/c'); const s = u.searchParams;
  s.append('y', 'ä ö'); u.hash = 'new'; u.pathname = '/p q'; u.port = '443';
  const seen = u.href; u.search = '?z=1&z=2';
  return { seen, all: s.getAll('z'), same: s === u.searchParams, origin: u.origin, bad: thrown(() => new URL('nope')),
    can: [URL.canParse('a:b'), URL.canParse('nope')], parse: URL.parse('nope'), json: JSON.stringify(new URL('http://a')),
    idn: new URL('https://bücher.example/').host, ip: new URL('http://0x7f.1/').hostname,
    sorted: (() => { const p = new URLSearchParams('b=2&a=1&b=1'); p.sort(); return p.toString() })(),
    record: new URLSearchParams({ a: '1', b: '&' }).toString(), size: new URLSearchParams([['a', 'b']]).size,
    del: (() => { const p = new URLSearchParams('a=1&a=2'); p.delete('a', '1'); return p + '' })() };`,
  {
    seen: 'https://user:pw@example.com/p%20q?x=1&y=%C3%A4+%C3%B6#new',
    all: ['1', '2'],
    same: true,
    origin: 'https://example.com',
    bad: 'TypeError|TypeError',
    can: [true, false],
    parse: null,
    json: '"http://a/"',
    idn: 'xn--bcher-kva.example',
    ip: '127.0.0.1',
    sorted: 'a=1&b=2&b=1',
    record: 'a=1&b=%26',
    size: 1,
    del: 'a=2',
  },
);

check(
  'text is encoded and decoded',
  `${thrown}
  const e = new TextEncoder(); const d = new TextDecoder(); const out = {};
  out.bytes = [...e.encode('é😀\\ud800')];
  const target = new Uint8Array(5); out.into = e.encodeInto('aé😀', target); out.target = [...target];
  out.split = d.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }) + '|' + d.decode(new Uint8Array([0x98, 0x80]));
  out.bom = [new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 65])), new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 65])).length];
  out.fatal = thrown(() => new TextDecoder('utf8', { fatal: true }).decode(new Uint8Array([0xff])));
  out.fine = new TextDecoder('utf8', { fatal: true }).decode(new Uint8Array([0xef, 0xbf, 0xbd])) === '\\ufffd';
  out.latin = new TextDecoder('latin1').decode(new Uint8Array([0xe9, 0x80])) ; out.latinName = new TextDecoder('ascii').encoding;
  out.sjis = new TextDecoder('shift_jis').decode(new Uint8Array([0x82, 0xa0])); out.utf16 = new TextDecoder('utf-16').decode(new Uint8Array([65, 0]));
  out.label = thrown(() => new TextDecoder('nope'));
  const through = new Response('aé').body.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream());
  out.streams = await new Response(through).text();
  return out;`,
  {
    bytes: [195, 169, 240, 159, 152, 128, 239, 191, 189],
    into: { read: 2, written: 3 },
    target: [97, 195, 169, 0, 0],
    split: '|😀',
    bom: ['A', 2],
    fatal: 'TypeError|TypeError',
    fine: true,
    latin: 'é€',
    latinName: 'windows-1252',
    sjis: 'あ',
    utf16: 'A',
    label: 'RangeError|RangeError',
    streams: 'aé',
  },
);

check(
  'base64 is forgiving, but not too much',
  `${thrown}
  return [btoa('hé'), atob(' aGk= '), atob('aGk'), thrown(() => atob('a')), thrown(() => btoa('😀')), thrown(() => atob('aG=k')),
    btoa(''), atob('')]`,
  [
    'aOk=',
    'hi',
    'hi',
    'DOMException|InvalidCharacterError',
    'DOMException|InvalidCharacterError',
    'DOMException|InvalidCharacterError',
    '',
    '',
  ],
);

check(
  'structuredClone copies what can be copied',
  `${thrown}
  const o = { d: new Date(5), r: /x/gi, m: new Map([[{ k: 1 }, new Set([1])]]), a: [1, , 3], n: Object(1n), e: new RangeError('m', { cause: 1 }),
    u: new Uint16Array([1, 2]), v: new DataView(new ArrayBuffer(2)), x: undefined, b: new Blob(['t'], { type: 'a/b' }) };
  o.self = o;
  const c = structuredClone(o);
  class C { constructor() { this.own = 1 } get y() { return 2 } }
  const shared = new ArrayBuffer(4); const two = structuredClone([new Uint8Array(shared, 1, 2), new Uint8Array(shared)]);
  const f = new File(['q'], 'n');
  return { d: c.d.getTime(), r: String(c.r), m: [...c.m][0][0].k + [...[...c.m][0][1]][0], hole: 1 in c.a, length: c.a.length, n: typeof c.n,
    e: [c.e instanceof RangeError, c.e.message, c.e.cause], u: [...c.u], v: c.v.byteLength, x: 'x' in c, b: await c.b.text(), self: c.self === c,
    cls: structuredClone(new C()).constructor === Object, shared: two[0].buffer === two[1].buffer, offset: two[0].byteOffset, f: structuredClone(f).name,
    fn: thrown(() => structuredClone(() => 1)), sym: thrown(() => structuredClone(Symbol('s'))), promise: thrown(() => structuredClone(Promise.resolve())),
    wm: thrown(() => structuredClone(new WeakMap())), proxy: thrown(() => structuredClone(new Proxy({}, {}))), res: thrown(() => structuredClone(new Response())),
    prim: [structuredClone('s'), structuredClone(null)], dom: structuredClone(new DOMException('m', 'AbortError')).code };`,
  {
    d: 5,
    r: '/x/gi',
    m: 2,
    hole: false,
    length: 3,
    n: 'object',
    e: [true, 'm', 1],
    u: [1, 2],
    v: 2,
    x: true,
    b: 't',
    self: true,
    cls: true,
    shared: true,
    offset: 1,
    f: 'n',
    fn: 'DOMException|DataCloneError',
    sym: 'DOMException|DataCloneError',
    promise: 'DOMException|DataCloneError',
    wm: 'DOMException|DataCloneError',
    proxy: 'DOMException|DataCloneError',
    res: 'DOMException|DataCloneError',
    prim: ['s', null],
    dom: 20,
  },
);

check(
  'transferred buffers are given up',
  `const b = new ArrayBuffer(8); const v = new Uint8Array(b); v[0] = 9;
  const c = structuredClone({ v }, { transfer: [b] });
  return [b.byteLength, c.v[0], c.v.length]`,
  [0, 9, 8],
);

check(
  'random values are random, within their quota',
  `${thrown}
  const a = crypto.getRandomValues(new Uint32Array(4));
  return [a.some(x => x !== 0), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
    thrown(() => crypto.getRandomValues(new Uint8Array(65537))), thrown(() => crypto.getRandomValues(new Float32Array(1))),
    thrown(() => crypto.getRandomValues([])), thrown(() => new Crypto())]`,
  [
    true,
    true,
    'DOMException|QuotaExceededError',
    'DOMException|TypeMismatchError',
    'TypeError|TypeError',
    'TypeError|TypeError',
  ],
);

check(
  'DOMException is an error with a stack',
  `const e = new DOMException('m', 'NotFoundError');
  return [e.name, e.message, e.code, String(e), e instanceof Error, typeof e.stack, e.stack.includes('NotFoundError: m'), DOMException.ABORT_ERR,
    Object.prototype.toString.call(e), new DOMException().name]`,
  [
    'NotFoundError',
    'm',
    8,
    'NotFoundError: m',
    true,
    'string',
    true,
    20,
    '[object DOMException]',
    'Error',
  ],
);

check(
  'data: and blob: URLs are fetched without the world',
  `const r = await fetch('data:text/html;charset=x;base64,aGk='); const b = URL.createObjectURL(new Blob(['bb'], { type: 'q/r' }));
  const s = await fetch(b); const p = await fetch('data:,a%20b');
  const gone = await (async () => { URL.revokeObjectURL(b); try { await fetch(b) } catch (e) { return e.name } })();
  return [await r.text(), r.headers.get('content-type'), await s.text(), s.headers.get('content-type'), await p.text(), p.headers.get('content-type'), gone]`,
  ['hi', 'text/html;charset=x', 'bb', 'q/r', 'a b', 'text/plain;charset=US-ASCII', 'TypeError'],
);

check(
  'globals are what they are called',
  `const wrong = [];
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    const value = globalThis[name];
    if (typeof value === 'function' && value.name !== name) wrong.push([name, value.name]);
    if (typeof value === 'function' && value.prototype && /^[A-Z]/.test(name) && value.prototype[Symbol.toStringTag] !== undefined
      && value.prototype[Symbol.toStringTag] !== name) wrong.push([name, value.prototype[Symbol.toStringTag]]);
  }
  class Mine extends Response { x() { return 1 } }
  const mine = new Mine('m');
  globalThis.fetch = 5; globalThis.URL = 6;
  const enumerable = Object.keys(Response.prototype).sort().slice(0, 3);
  return [wrong, mine.x(), await mine.text(), mine instanceof Response, fetch, URL, typeof Blob, 'Blob' in globalThis, self === globalThis,
    enumerable, Object.getOwnPropertyDescriptor(globalThis, 'Blob').enumerable, navigator.userAgent.startsWith('Isolane/')]`,
  [[], 1, 'm', true, 5, 6, 'function', true, true, ['arrayBuffer', 'blob', 'body'], false, true],
);
