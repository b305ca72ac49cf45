// An execution as the lane runs it: a context that has evaluated dist/core.js, and the calls of dispatch.

import { createHash, createHmac, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { types } from 'node:util';
import vm from 'node:vm';

const dist = new URL('../dist/', import.meta.url);
const core = new vm.Script(readFileSync(new URL('core.js', dist), 'utf8'), {
  filename: 'isolane:core',
});

/** Rejections of any context, by promise: what V8's PromiseRejectCallback tells a lane. */
const rejections = [];
const onRejection = (reason, promise) => rejections.push([0, promise, reason]);
process.on('rejectionHandled', promise => rejections.push([1, promise, undefined]));

const turnEnd = () => new Promise(resolve => setImmediate(resolve));

export const limits = { ops: { fetch: [50, 6], timer: [10000, 0], console: [10000, 1048576] } };

export class Execution {
  /** Milliseconds of a clock that only the test moves. */
  now = Date.now() + 1000;
  records = [];
  state = '';

  constructor() {
    this.context = vm.createContext(vm.constants.DONT_CONTEXTIFY ?? {}, { codeGeneration: {} });
    // What a vm context has and a bare one of V8 has not.
    vm.runInContext('delete globalThis.console', this.context);
    const encoder = new TextEncoder();
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const fill = vm.runInContext(
      '(bytes => { const b = new Uint8Array(bytes.length); b.set(bytes); return b.buffer })',
      this.context,
    );
    this.toBuffer = fill;
    const natives = vm.runInContext('({})', this.context);
    let frame;
    Object.assign(natives, {
      randomFill: view => void webcrypto.getRandomValues(view),
      utf8Encode: text => fill(encoder.encode(text)),
      utf8Decode: view => decoder.decode(view),
      now: () => this.now,
      hash: (data, name, key) =>
        fill((key === undefined ? createHash(name) : createHmac(name, key)).update(data).digest()),
      isProxy: value => types.isProxy(value),
      getFrame: () => frame,
      setFrame: value => {
        frame = value;
      },
      source: name => readFileSync(new URL(`rare/${name}.js`, dist), 'utf8'),
    });
    this.dispatch = core.runInContext(this.context)(natives);
    this.#defineLazyGlobals(natives);
  }

  /** What pools/v8/blob.py does with lazy data properties, as near as accessors come. */
  #defineLazyGlobals(natives) {
    const global = vm.runInContext('globalThis', this.context);
    for (const [name, text, enumerable] of JSON.parse(natives.lazies)) {
      const reveal = value =>
        Object.defineProperty(global, name, {
          value,
          enumerable,
          configurable: true,
          writable: true,
        });
      Object.defineProperty(global, name, {
        get: () => reveal(this.dispatch(10, text))[name],
        set: reveal,
        enumerable,
        configurable: true,
      });
    }
    natives.lazies = undefined;
  }

  /** Evaluates script text in the tenant's realm. */
  evaluate(text) {
    return vm.runInContext(text, this.context);
  }

  init(event, { env = {}, bindings, limits: given = limits, attachments = [] } = {}) {
    this.dispatch(
      0,
      JSON.stringify(event),
      JSON.stringify({ vars: env, bindings }),
      JSON.stringify(given),
      ...attachments.map(it => this.toBuffer(it)),
    );
  }

  /** Evaluates a module, then runs its handler; answers after the turn. */
  async run(source) {
    const module = new vm.SourceTextModule(source, {
      context: this.context,
      identifier: 'main.js',
    });
    await module.link(() => {
      throw new Error('no imports here');
    });
    await module.evaluate();
    this.dispatch(1, module.namespace);
    return this.turn();
  }

  async deliver(...records) {
    const attachments = [];
    const plain = records.map(record =>
      record.map(it => (it instanceof Uint8Array ? attachments.push(this.toBuffer(it)) - 1 : it)),
    );
    this.dispatch(3, JSON.stringify(plain), ...attachments);
    return this.turn();
  }

  /** Moves the clock and runs what is due, turn by turn. */
  async tick(milliseconds = 0) {
    this.now += milliseconds;
    do {
      this.dispatch(6);
      await this.turn();
    } while (this.next === 0);
    return this;
  }

  /** Lets microtasks run, reports rejections, takes what the turn produced. */
  async turn() {
    // The test runner would take them for failures of the test.
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', onRejection);
    await turnEnd();
    const mine = rejections.splice(0);
    for (const [later, promise, reason] of mine) this.dispatch(5, later, promise, reason);
    if (mine.length > 0) await turnEnd();
    this.take();
    return this;
  }

  take() {
    const answer = this.dispatch(2);
    const text = typeof answer === 'string' ? answer : answer[0];
    const [line, ...rest] = text.split('\n');
    const [, state, next] = /^(P|I|D[OXNL])(\d*)$/.exec(line);
    this.state = state;
    this.next = next === '' ? undefined : Number(next);
    this.fresh = JSON.parse(rest.join('\n'));
    this.attachments = typeof answer === 'string' ? [] : Array.from(answer).slice(1);
    this.bytes = index => Buffer.from(this.attachments[index]);
    for (const record of this.fresh) {
      const last = record.at(-1);
      if (record[0] === 'chunk') record[2] = this.bytes(last);
      if (record[0] === 'op' && record.length > 4) record[4] = this.bytes(last);
      if (record[0] === 'head' && typeof last?.bytes === 'number')
        last.bytes = this.bytes(last.bytes);
    }
    this.records.push(...this.fresh);
  }

  of(kind) {
    return this.records.filter(it => it[0] === kind);
  }

  get head() {
    return this.of('head')[0];
  }

  get logs() {
    return this.of('log').map(([, level, text]) => `${level} ${text}`);
  }

  get error() {
    return this.of('error')[0]?.[1];
  }

  get result() {
    const json = this.of('result')[0]?.[1];
    return json === undefined ? undefined : JSON.parse(json);
  }
}

export const fetchEvent = (more = {}) => ({
  type: 'fetch',
  method: 'GET',
  url: 'https://example.com/path?q=1',
  headers: [],
  body: null,
  ...more,
});

export const taskEvent = (payload, more = {}) => ({ type: 'task', payload, ...more });

/** Runs a module for a fetch event. */
export async function onFetch(source, event = {}, options = {}) {
  const execution = new Execution();
  execution.init(fetchEvent(event), options);
  return execution.run(source);
}

/** Runs a module for a task. */
export async function onTask(source, payload = null, more = {}, options = {}) {
  const execution = new Execution();
  execution.init(taskEvent(payload, more), options);
  return execution.run(source);
}

/** Runs the body of an async function in a task, and answers what it returned. */
export async function inWorker(body, options = {}) {
  const execution = await onTask(
    `export default { async task(payload, env, ctx) { ${body} } }`,
    options.payload,
    {},
    options,
  );
  while (execution.next !== undefined) await execution.tick(execution.next);
  if (execution.error !== undefined) {
    throw new Error(
      `${execution.error.name}: ${execution.error.message}\n${execution.error.stack}`,
    );
  }
  return execution.result?.data;
}
