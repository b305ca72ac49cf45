// The names on the global object. A function is cheaper in the snapshot than an accessor, so operations are
// functions that load their chunk when they are called, and only the rest is lazy.

import { apply } from '../primordials.js';
import { defineGlobal, defineHandler, defineLazy, use } from './chunks.js';
import { Request } from './request.js';
import { Response } from './response.js';

// Methods of a literal, so that they are no constructors; each has the length that WebIDL gives it.
const operations = {
  atob(data) {
    return use('base64').atob(data, arguments.length);
  },
  btoa(data) {
    return use('base64').btoa(data, arguments.length);
  },
  clearInterval(id = undefined) {
    use('timers').clear(id);
  },
  clearTimeout(id = undefined) {
    use('timers').clear(id);
  },
  fetch(input, init = undefined) {
    return use('fetch').fetch(input, init, arguments.length);
  },
  queueMicrotask(callback) {
    use('microtasks').queueMicrotask(callback);
  },
  reportError(error) {
    use('uncaught').reportError(error, arguments.length);
  },
  setInterval(handler, timeout = 0, ...args) {
    return use('timers').setInterval(handler, timeout, args);
  },
  setTimeout(handler, timeout = 0, ...args) {
    return use('timers').setTimeout(handler, timeout, args);
  },
  structuredClone(value, options = undefined) {
    return use('clone').structuredClone(value, options, arguments.length);
  },
};

for (const [name, operation] of Object.entries(operations)) defineGlobal(name, operation, true);

// The prototype of the global object. The chunk that has EventTarget puts EventTarget.prototype behind it, and takes these
// away again: until then nobody can tell the difference, and a context does not pay for the class.
core.scope = {
  addEventListener(_type, _callback, _options = undefined) {
    return apply(use('events').addEventListener, this, arguments);
  },
  dispatchEvent(_event) {
    return apply(use('events').dispatchEvent, this, arguments);
  },
  removeEventListener(_type, _callback, _options = undefined) {
    return apply(use('events').removeEventListener, this, arguments);
  },
};
core.global = globalThis;
Object.setPrototypeOf(globalThis, core.scope);

for (const name of ['onerror', 'onrejectionhandled', 'onunhandledrejection']) defineHandler(name);

defineGlobal('Request', Request, false);
defineGlobal('Response', Response, false);
defineGlobal('self', globalThis, true);

/** Interfaces by their chunk. */
const interfaces = {
  abort: ['AbortController', 'AbortSignal'],
  blob: ['Blob', 'File'],
  'byte-streams': [
    'ReadableByteStreamController',
    'ReadableStreamBYOBReader',
    'ReadableStreamBYOBRequest',
  ],
  compression: ['CompressionStream', 'DecompressionStream'],
  cache: ['Cache', 'CacheStorage'],
  crypto: ['Crypto'],
  'crypto-subtle': ['CryptoKey', 'SubtleCrypto'],
  'dom-exception': ['DOMException'],
  encoding: ['TextDecoder', 'TextDecoderStream', 'TextEncoder', 'TextEncoderStream'],
  'event-source': ['EventSource'],
  events: ['CustomEvent', 'ErrorEvent', 'Event', 'EventTarget', 'PromiseRejectionEvent'],
  formdata: ['FormData'],
  headers: ['Headers'],
  messages: ['MessageChannel', 'MessageEvent', 'MessagePort'],
  performance: [
    'Performance',
    'PerformanceEntry',
    'PerformanceMark',
    'PerformanceMeasure',
    'PerformanceObserver',
    'PerformanceObserverEntryList',
  ],
  platform: ['Navigator'],
  strategies: ['ByteLengthQueuingStrategy', 'CountQueuingStrategy'],
  streams: ['ReadableStream', 'ReadableStreamDefaultController', 'ReadableStreamDefaultReader'],
  transform: ['TransformStream', 'TransformStreamDefaultController'],
  url: ['URL', 'URLSearchParams'],
  websocket: ['CloseEvent', 'WebSocket', 'WebSocketPair'],
  writable: ['WritableStream', 'WritableStreamDefaultController', 'WritableStreamDefaultWriter'],
  'url-pattern': ['URLPattern'],
};

// Whoever makes the snapshot gives these to the global object (pools/v8/blob.py), as lazy data properties of V8's own: they look
// like plain ones before they are touched, and cost a context a cell each; the first touch takes 5 us more than an accessor's.
const lazies = [
  ['navigator', 'platform navigator', true],
  ['scheduler', 'platform scheduler', true],
];

for (const [chunk, names] of Object.entries(interfaces)) {
  for (const name of names) lazies.push([name, `${chunk} ${name}`, false]);
}

natives.lazies = JSON.stringify(lazies);

defineLazy('cache', 'caches', true);
defineLazy('console', 'console', false);
defineLazy('crypto', 'crypto', true);
defineLazy('environment', 'env', false);
defineLazy('performance', 'performance', true);
