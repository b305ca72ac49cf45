// AbortController and AbortSignal (https://dom.spec.whatwg.org/#interface-AbortSignal).

import { brandInterface } from '../interface.js';
import { makeList } from '../list.js';
import { TypeError, WeakRef, weakRefDeref } from '../primordials.js';
import { enforcedInteger, isObject, iteratorMethod, requireArguments } from '../webidl.js';

const { stopped, use } = core;
const { defineHandler, Event, EventTarget, fireTrusted, watchListeners } = use('events');

const internally = { __proto__: null };
let slotsOf;
/** Whether a value is an AbortSignal. */
export let isSignal;

/** An AbortError for a reason of the runner's: `client`, `drain`, ... */
export function abortError(reason) {
  const { DOMException } = use('dom-exception');
  return new DOMException(reason ?? 'This operation was aborted', 'AbortError');
}

export class AbortSignal extends EventTarget {
  #slots = {
    aborted: false,
    reason: undefined,
    /** What to do when it aborts: linked, `{run, next, before}`. */
    algorithms: null,
    last: null,
    /** Signals that it depends on, which depend on none themselves. */
    sources: null,
    /** What those have of it. */
    link: null,
    /** Links of signals that depend on it; when there are `sweepAt`, those of dead ones go. */
    dependents: null,
    sweepAt: 64,
  };

  static {
    slotsOf = signal => signal.#slots;
    isSignal = value => isObject(value) && #slots in value;
  }

  constructor(token = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor: use AbortController');
    super();
  }

  static abort(reason = abortError()) {
    const signal = new AbortSignal(internally);
    slotsOf(signal).aborted = true;
    slotsOf(signal).reason = reason;
    return signal;
  }

  static any(signals) {
    requireArguments(arguments.length, 1, 'AbortSignal.any');
    if (!isObject(signals) || iteratorMethod(signals, 'AbortSignal.any') === undefined) {
      throw new TypeError('AbortSignal.any: the argument must be an iterable of signals');
    }
    const list = makeList();
    for (const signal of signals) {
      if (!isSignal(signal))
        throw new TypeError('AbortSignal.any: each item must be an AbortSignal');
      list[list.length] = signal;
    }
    return dependentOn(list);
  }

  static timeout(milliseconds) {
    requireArguments(arguments.length, 1, 'AbortSignal.timeout');
    const delay = enforcedInteger(milliseconds, 'AbortSignal.timeout');
    const signal = new AbortSignal(internally);
    const { DOMException } = use('dom-exception');
    use('timers').background(
      () => abort(signal, new DOMException('The operation timed out', 'TimeoutError')),
      delay,
    );
    return signal;
  }

  get aborted() {
    return this.#slots.aborted;
  }

  get reason() {
    return this.#slots.reason;
  }

  throwIfAborted() {
    if (this.#slots.aborted) throw this.#slots.reason;
  }
}

brandInterface(AbortSignal, 'AbortSignal');
defineHandler(AbortSignal.prototype, 'abort', slotsOf);

export class AbortController {
  #signal = new AbortSignal(internally);

  get signal() {
    return this.#signal;
  }

  abort(reason = abortError()) {
    abort(this.#signal, reason);
  }
}

brandInterface(AbortController, 'AbortController');

/** https://dom.spec.whatwg.org/#create-a-dependent-abort-signal */
function dependentOn(signals) {
  const result = new AbortSignal(internally);
  for (let i = 0; i < signals.length; i++) {
    const slots = slotsOf(signals[i]);
    if (slots.aborted) {
      slotsOf(result).aborted = true;
      slotsOf(result).reason = slots.reason;
      return result;
    }
  }
  const sources = makeList();
  for (let i = 0; i < signals.length; i++) {
    const own = slotsOf(signals[i]).sources;
    if (own === null) addOnce(sources, signals[i]);
    else for (let j = 0; j < own.length; j++) addOnce(sources, own[j]);
  }
  slotsOf(result).sources = sources;
  if (sources.length > 0) depend(result, sources);
  return result;
}

/**
 * Has `sources` know of a signal that depends on them. Nobody but who waits for it keeps it alive: a source may live long and
 * have one for each of many requests.
 */
function depend(signal, sources) {
  const link = { weak: new WeakRef(signal), kept: null, hears: false };
  slotsOf(signal).link = link;
  watchListeners(signal, hears => {
    link.hears = hears;
    keep(link);
  });
  for (let i = 0; i < sources.length; i++) {
    const slots = slotsOf(sources[i]);
    slots.dependents ??= makeList();
    if (slots.dependents.length >= slots.sweepAt) sweep(slots);
    slots.dependents[slots.dependents.length] = link;
  }
}

/** A signal with listeners or algorithms lives as long as its sources. */
function keep(link) {
  const signal = link.kept ?? weakRefDeref(link.weak);
  if (signal === undefined) return;
  link.kept = link.hears || slotsOf(signal).algorithms !== null ? signal : null;
}

function sweep(slots) {
  const { dependents } = slots;
  const alive = makeList();
  for (let i = 0; i < dependents.length; i++) {
    const link = dependents[i];
    if (link.kept !== null || weakRefDeref(link.weak) !== undefined) alive[alive.length] = link;
  }
  slots.dependents = alive;
  slots.sweepAt = alive.length < 32 ? 64 : alive.length * 2;
}

function addOnce(list, item) {
  for (let i = 0; i < list.length; i++) if (list[i] === item) return;
  list[list.length] = item;
}

/** https://dom.spec.whatwg.org/#abortsignal-signal-abort */
function abort(signal, reason) {
  const slots = slotsOf(signal);
  if (slots.aborted) return;
  slots.aborted = true;
  slots.reason = reason;
  const { dependents } = slots;
  const toRun = makeList();
  if (dependents !== null) {
    slots.dependents = null;
    for (let i = 0; i < dependents.length; i++) {
      const dependent = dependents[i].kept ?? weakRefDeref(dependents[i].weak);
      const own = dependent === undefined ? undefined : slotsOf(dependent);
      if (own === undefined || own.aborted) continue;
      own.aborted = true;
      own.reason = reason;
      toRun[toRun.length] = dependent;
    }
  }
  runSteps(signal, slots);
  for (let i = 0; i < toRun.length; i++) runSteps(toRun[i], slotsOf(toRun[i]));
}

function runSteps(signal, slots) {
  let step = slots.algorithms;
  slots.algorithms = null;
  slots.last = null;
  for (; step !== null; step = step.next) {
    const { run } = step;
    step.run = null;
    if (run !== null) run();
  }
  fireTrusted(signal, new Event('abort'));
}

/** One for the core's own use, and what aborts it. */
export function makeSignal() {
  return new AbortSignal(internally);
}

export { abort as abortSignal };

export function isAborted(signal) {
  return slotsOf(signal).aborted;
}

export function reasonOf(signal) {
  return slotsOf(signal).reason;
}

/** Runs `run` when the signal aborts, before its listeners; answers a function that takes this back. */
export function whenAborted(signal, run) {
  const slots = slotsOf(signal);
  const step = { run, next: null, before: slots.last };
  if (slots.last === null) slots.algorithms = step;
  else slots.last.next = step;
  slots.last = step;
  if (slots.link !== null) keep(slots.link);
  return () => {
    if (step.run !== null) takeBack(slots, step);
  };
}

function takeBack(slots, step) {
  step.run = null;
  // Those of a signal that is aborting are no list any more.
  if (slots.aborted) return;
  if (step.before === null) slots.algorithms = step.next;
  else step.before.next = step.next;
  if (step.next === null) slots.last = step.before;
  else step.next.before = step.before;
  if (slots.link !== null) keep(slots.link);
}

let context = null;

/** `ctx.signal`: aborted when the client left, or at drain. */
export function contextSignal() {
  if (context === null) {
    context = new AbortSignal(internally);
    const reason = stopped();
    if (reason !== undefined) abort(context, abortError(reason));
  }
  return context;
}

export function stopContext(reason) {
  if (context !== null) abort(context, abortError(reason));
}

/** The signal of a Request: the context's for the event's own, else one that follows the given one. */
export function signalOf(state) {
  if (state.guard === 'immutable' && state.follows === null) return contextSignal();
  const list = makeList();
  if (state.follows !== null) list[0] = state.follows;
  return dependentOn(list);
}

export function forget() {
  context = null;
}
