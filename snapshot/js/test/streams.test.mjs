// Streams against another implementation of the standard, which passes web-platform-tests: random programs are run on both, and
// must see the same, microtask by microtask.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as reference from 'web-streams-polyfill';

import { Execution, taskEvent } from './harness.mjs';

const PROGRAMS = 150;
const STEPS = 25;

const tick = () => new Promise(resolve => setImmediate(resolve));

/** Numbers from 0 to 1, the same for the same seed. */
function randomness(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };
}

function show(value) {
  if (Object.prototype.toString.call(value) === '[object Error]') return value.name;
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `${value.constructor.name}[${[...bytes]}] at ${value.byteOffset} of ${value.buffer.byteLength}`;
  }
  if (Array.isArray(value)) return `[${value.map(show)}]`;
  if (typeof value === 'object' && value !== null && 'done' in value) {
    return `{${show(value.value)}, ${value.done}}`;
  }
  return String(value);
}

/** A random program on the classes of one implementation; `log` is all that it saw. */
class Program {
  log = [];
  count = 0;
  /** What unfinished callbacks wait for. */
  waiting = [];
  streams = [];
  readers = [];
  writers = [];
  source = null;
  sink = null;
  transform = null;

  constructor(classes, kind, seed) {
    this.classes = classes;
    this.kind = kind;
    this.random = randomness(seed);
  }

  pick(...choices) {
    return choices[Math.floor(this.random() * choices.length)];
  }

  chance(share) {
    return this.random() < share;
  }

  next() {
    this.count += 1;
    return this.count;
  }

  watch(name, work) {
    const label = `${this.next()} ${name}`;
    let result;
    try {
      result = work();
    } catch (error) {
      this.log.push(`${label} threw ${show(error)}`);
      return;
    }
    if (typeof result?.then !== 'function') {
      this.log.push(`${label}: ${show(result)}`);
      return;
    }
    result.then(
      value => this.log.push(`${label} = ${show(value)}`),
      error => this.log.push(`${label} rejected ${show(error)}`),
    );
  }

  /** What a callback answers. */
  outcome() {
    const choice = this.random();
    if (choice < 0.5) return undefined;
    if (choice < 0.6) throw new Error('thrown');
    if (choice < 0.7) return Promise.reject(new Error('rejected'));
    return choice < 0.85 ? new Promise(resolve => this.waiting.push(resolve)) : Promise.resolve();
  }

  strategy() {
    const size = this.pick(
      undefined,
      () => 1,
      () => 2,
      () => {
        if (this.chance(0.1)) throw new Error('size');
        return 1;
      },
    );
    return { highWaterMark: this.pick(undefined, 0, 1, 2, 3), size };
  }

  fill({ byobRequest }) {
    if (byobRequest === null) return;
    const { view } = byobRequest;
    const count = Math.min(view.byteLength, this.pick(0, 1, 2, 3));
    for (let i = 0; i < count; i++) view[i] = 7;
    if (this.chance(0.6)) byobRequest.respond(count);
    else byobRequest.respondWithNewView(new Uint8Array(view.buffer, view.byteOffset, count));
  }

  produce(controller) {
    if (this.kind !== 'bytes') controller.enqueue(`chunk ${this.next()}`);
    else if (controller.byobRequest !== null && this.chance(0.6)) this.fill(controller);
    else controller.enqueue(new Uint8Array(this.pick(1, 2, 3, 5)).fill(this.next()));
  }

  underlyingSource() {
    const source = {
      start: controller => {
        this.source = controller;
      },
    };
    if (this.kind === 'bytes') {
      source.type = 'bytes';
      if (this.chance(0.4)) source.autoAllocateChunkSize = this.pick(1, 4, 8);
    }
    if (this.chance(0.8)) source.pull = controller => this.pull(controller);
    if (this.chance(0.7)) source.cancel = reason => this.told('cancel', reason);
    return source;
  }

  pull(controller) {
    this.log.push('pull');
    const choice = this.random();
    try {
      if (choice < 0.4) this.produce(controller);
      else if (choice < 0.45) controller.close();
      else if (choice < 0.5) controller.error(new Error('of pull'));
    } catch (error) {
      this.log.push(`pull saw ${show(error)}`);
    }
    return this.chance(0.8) ? undefined : this.outcome();
  }

  told(what, value) {
    this.log.push(`${what} ${show(value)}`);
    return this.outcome();
  }

  underlyingSink() {
    const sink = {
      start: controller => {
        this.sink = controller;
      },
    };
    if (this.chance(0.8)) sink.write = chunk => this.told('write', chunk);
    if (this.chance(0.7)) sink.close = () => this.told('close');
    if (this.chance(0.7)) sink.abort = reason => this.told('abort', reason);
    return sink;
  }

  transformer() {
    const transformer = {
      start: controller => {
        this.transform = controller;
      },
    };
    if (this.chance(0.8)) {
      transformer.transform = (chunk, controller) => {
        this.log.push(`transform ${show(chunk)}`);
        const choice = this.random();
        if (choice < 0.6) controller.enqueue(chunk);
        else if (choice < 0.65) controller.terminate();
        else if (choice < 0.7) controller.error(new Error('of transform'));
        return this.chance(0.7) ? undefined : this.outcome();
      };
    }
    if (this.chance(0.6)) transformer.flush = () => this.told('flush');
    if (this.chance(0.6)) transformer.cancel = reason => this.told('cancel', reason);
    return transformer;
  }

  make() {
    const { ReadableStream, TransformStream, WritableStream } = this.classes;
    if (this.kind === 'write') {
      this.streams.push({ writable: new WritableStream(this.underlyingSink(), this.strategy()) });
    } else if (this.kind === 'transform') {
      this.streams.push(new TransformStream(this.transformer(), this.strategy(), this.strategy()));
    } else {
      const strategy =
        this.kind === 'bytes' ? { highWaterMark: this.pick(0, 1, 3) } : this.strategy();
      this.streams.push({ readable: new ReadableStream(this.underlyingSource(), strategy) });
    }
  }

  /** Things that could be done with a readable stream. */
  *reading(readable) {
    const acquire = options => {
      const reader = readable.getReader(options);
      this.readers.push(reader);
      this.watch('closed', () => reader.closed);
    };
    yield [1, 'getReader', () => acquire()];
    if (this.kind === 'bytes') yield [1, 'getReader of bytes', () => acquire({ mode: 'byob' })];
    yield [0.3, 'cancel', () => readable.cancel(new Error('cancelled'))];
    yield [
      0.25,
      'tee',
      () => {
        for (const branch of readable.tee()) this.streams.push({ readable: branch });
      },
    ];
  }

  *withReader(reader) {
    for (let i = 0; i < 3; i++) {
      yield [1, 'read', () => this.read(reader)];
    }
    yield [0.3, 'releaseLock', () => reader.releaseLock()];
    yield [0.2, 'cancel of reader', () => reader.cancel(new Error('cancelled'))];
  }

  read(reader) {
    if (Object.prototype.toString.call(reader) !== '[object ReadableStreamBYOBReader]') {
      return reader.read();
    }
    const View = this.pick(Uint8Array, Uint16Array, Uint32Array, DataView);
    const length = this.pick(1, 2, 3, 4);
    const size = View.BYTES_PER_ELEMENT ?? 0;
    const buffer = new ArrayBuffer(size + length * (size || 1));
    const min = this.pick(undefined, undefined, 1, 2);
    return reader.read(new View(buffer, size, length), { min });
  }

  *writing(writable) {
    yield [
      1,
      'getWriter',
      () => {
        const writer = writable.getWriter();
        this.writers.push(writer);
        this.watch('closed', () => writer.closed);
        this.watch('ready', () => writer.ready);
      },
    ];
    yield [0.2, 'abort', () => writable.abort(new Error('aborted'))];
    yield [0.2, 'close', () => writable.close()];
  }

  *withWriter(writer) {
    for (let i = 0; i < 3; i++) yield [1, 'write', () => writer.write(`chunk ${this.next()}`)];
    yield [1, 'desiredSize', () => writer.desiredSize];
    yield [1, 'ready', () => writer.ready];
    yield [0.2, 'close of writer', () => writer.close()];
    yield [0.15, 'abort of writer', () => writer.abort(new Error('aborted'))];
    yield [0.2, 'releaseLock', () => writer.releaseLock()];
  }

  *withControllers() {
    const { sink, source, transform } = this;
    if (source !== null) {
      yield [1, 'enqueue', () => this.produce(source)];
      yield [1, 'desiredSize', () => source.desiredSize];
      yield [0.15, 'close of source', () => source.close()];
      yield [0.1, 'error of source', () => source.error(new Error('of source'))];
      if (this.kind === 'bytes') {
        yield [1, 'request', () => show(source.byobRequest?.view)];
        yield [0.7, 'fill', () => this.fill(source)];
      }
    }
    if (sink !== null) {
      yield [0.1, 'error of sink', () => sink.error(new Error('of sink'))];
      yield [0.2, 'signal', () => sink.signal.aborted];
    }
    if (transform !== null) {
      yield [0.3, 'enqueue', () => transform.enqueue(`chunk ${this.next()}`)];
      yield [0.1, 'error', () => transform.error(new Error('of transform'))];
      yield [0.1, 'terminate', () => transform.terminate()];
      yield [1, 'desiredSize', () => transform.desiredSize];
    }
  }

  *possible() {
    const { readable, writable } = this.pick(...this.streams);
    if (readable !== undefined) yield* this.reading(readable);
    if (writable !== undefined) yield* this.writing(writable);
    if (this.readers.length > 0) yield* this.withReader(this.pick(...this.readers));
    if (this.writers.length > 0) yield* this.withWriter(this.pick(...this.writers));
    yield* this.withControllers();
  }

  async run() {
    this.make();
    for (let i = 0; i < STEPS; i++) {
      const [share, name, work] = this.pick(...this.possible());
      if (this.chance(share)) this.watch(name, work);
      if (this.chance(0.2)) this.waiting.shift()?.();
      if (this.chance(0.5)) await tick();
      else if (this.chance(0.3)) await null;
    }
    for (let i = 0; i < STEPS && this.waiting.length > 0; i++) {
      this.waiting.shift()();
      await tick();
    }
    await tick();
    return this.log;
  }
}

for (const kind of ['read', 'bytes', 'write', 'transform']) {
  test(`streams do what others do, in the same order: ${kind}`, async () => {
    const it = new Execution();
    it.init(taskEvent(null));
    const ours = it.evaluate('({ ReadableStream, TransformStream, WritableStream })');
    const ignore = () => {};
    process.on('unhandledRejection', ignore);
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const expected = await new Program(reference, kind, seed).run();
      assert.deepEqual(await new Program(ours, kind, seed).run(), expected, `${kind} ${seed}`);
    }
    process.off('unhandledRejection', ignore);
  });
}
