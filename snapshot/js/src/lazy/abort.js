// AbortController and AbortSignal (https://dom.spec.whatwg.org/#interface-AbortSignal).

import { brandInterface } from '../interface.js';
import { makeList } from '../list.js';
import { TypeError } from '../primordials.js';
import { enforcedInteger, isObject, iteratorMethod, requireArguments } from '../webidl.js';

const { stopped, use } = core;
const { defineHandler, Event, EventTarget, fireTrusted } = use('events');

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
    /** What to do when it aborts: linked, `{run, next}`. */
    algorithms: null,
    last: null,
    /** Signals that it depends on, which depend on none themselves. */
    sources: null,
    dependents: null,
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
  for (let i = 0; i < sources.length; i++) {
    const slots = slotsOf(sources[i]);
    slots.dependents ??= makeList();
    addOnce(slots.dependents, result);
  }
  return result;
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
    for (let i = 0; i < dependents.length; i++) {
      const own = slotsOf(dependents[i]);
      if (own.aborted) continue;
      own.aborted = true;
      own.reason = reason;
      toRun[toRun.length] = dependents[i];
    }
  }
  runSteps(signal, slots);
  for (let i = 0; i < toRun.length; i++) runSteps(toRun[i], slotsOf(toRun[i]));
}

function runSteps(signal, slots) {
  let step = slots.algorithms;
  slots.algorithms = null;
  slots.last = null;
  for (; step !== null; step = step.next) if (step.run !== null) step.run();
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
  const step = { run, next: null };
  if (slots.last === null) slots.algorithms = step;
  else slots.last.next = step;
  slots.last = step;
  return () => {
    step.run = null;
  };
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
