// setTimeout, setInterval and their like (https://html.spec.whatwg.org/#timers). The lane learns when the
// next one is due, and calls back; one timer runs per turn, so that its microtasks run before the next's.

import { makeList } from '../list.js';
import { apply, Map, mapDelete, mapGet, mapSet, TypeError } from '../primordials.js';

const { limitError, limitOf, natives, use } = core;

/** A binary heap by `due`, then by age. Cancelled timers stay in it until they come up. */
let heap = makeList();
let byId = new Map();
let made = 0;

function before(a, b) {
  return a.due < b.due || (a.due === b.due && a.age < b.age);
}

function push(timer) {
  let i = heap.length;
  heap[i] = timer;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!before(heap[i], heap[parent])) return;
    swap(i, parent);
    i = parent;
  }
}

function swap(i, j) {
  const timer = heap[i];
  heap[i] = heap[j];
  heap[j] = timer;
}

function removeFirst() {
  const last = heap.length - 1;
  heap[0] = heap[last];
  heap.length = last;
  let i = 0;
  for (;;) {
    let least = i;
    const left = 2 * i + 1;
    if (left < last && before(heap[left], heap[least])) least = left;
    if (left + 1 < last && before(heap[left + 1], heap[least])) least = left + 1;
    if (least === i) return;
    swap(i, least);
    i = least;
  }
}

/** The timer that is due next, or undefined. */
function first() {
  while (heap.length > 0 && heap[0].cancelled) removeFirst();
  return heap[0];
}

let age = 0;

function schedule(timer, delay) {
  timer.due = natives.now() + delay;
  timer.age = age++;
  push(timer);
}

function start(callback, delay, args, every, what) {
  if (typeof callback !== 'function') {
    throw new TypeError(
      `${what}: the first argument must be a function, not ${use('inspect').kindOf(callback)}`,
    );
  }
  let milliseconds = delay | 0;
  if (milliseconds < 0) milliseconds = 0;
  // An interval of nothing would leave the lane no rest.
  if (every && milliseconds === 0) milliseconds = 1;
  const limit = limitOf('timer');
  made += 1;
  if (limit !== undefined && made > limit[0]) throw limitError('timer', made, limit[0]);
  const id = made;
  const timer = {
    id,
    callback,
    args,
    every: every ? milliseconds : -1,
    due: 0,
    age: 0,
    cancelled: false,
    frame: natives.getFrame(),
  };
  mapSet(byId, id, timer);
  schedule(timer, milliseconds);
  return id;
}

export function setTimeout(callback, delay, args) {
  return start(callback, delay, args, false, 'setTimeout');
}

export function setInterval(callback, delay, args) {
  return start(callback, delay, args, true, 'setInterval');
}

/** A timer of the platform's own, which keeps nothing alive and counts for nothing. */
export function background(callback, delay) {
  const frame = natives.getFrame();
  const timer = { id: 0, callback, args: [], every: -1, due: 0, age: 0, cancelled: false, frame };
  schedule(timer, delay);
}

/** Ends a timer of either kind. An unknown id is nothing to speak of. */
export function clear(id) {
  const timer = mapGet(byId, typeof id === 'number' ? id : id | 0);
  if (timer === undefined) return;
  timer.cancelled = true;
  mapDelete(byId, timer.id);
}

/** Runs the timer that is due first, if one is. */
export function runDue() {
  const timer = first();
  if (timer === undefined || timer.due > natives.now()) return;
  removeFirst();
  if (timer.every < 0) mapDelete(byId, timer.id);
  natives.setFrame(timer.frame);
  try {
    apply(timer.callback, globalThis, timer.args);
  } catch (error) {
    use('uncaught').report(error);
  }
  if (timer.every >= 0 && !timer.cancelled) schedule(timer, timer.every);
}

/** Whole milliseconds until a timer is due, 0 when one is, -1 when there is none. */
export function untilNext() {
  const timer = first();
  if (timer === undefined) return -1;
  const rest = timer.due - natives.now();
  if (rest >= 0x7fffffff) return 0x7fffffff;
  return rest <= 0 ? 0 : rest > (rest | 0) ? (rest | 0) + 1 : rest | 0;
}

export function forget() {
  heap = makeList();
  byId = new Map();
  made = 0;
}
