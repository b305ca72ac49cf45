// performance (https://w3c.github.io/hr-time/, performance-timeline, user-timing): a clock that starts with the context, coarse
// to 100 us, and what tenant code marks on it.

import { elapsed } from '../clock.js';
import { brandInterface } from '../interface.js';
import { append, makeList } from '../list.js';
import { apply, freeze, TypeError } from '../primordials.js';
import { dictionary, domString, isObject, iteratorMethod, requireArguments } from '../webidl.js';

const { birth, log, use } = core;
const { EventTarget } = use('events');

const internally = { __proto__: null };
/** Marks and measures are kept up to this many; what comes after is told to observers alone. */
const KEPT = 10000;

let entries = makeList();
let observers = makeList();
let told = false;

let slotsOf;

export class PerformanceEntry {
  #slots;

  static {
    slotsOf = entry => entry.#slots;
  }

  constructor(token = undefined, slots = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#slots = slots;
  }

  get name() {
    return this.#slots.name;
  }

  get entryType() {
    return this.#slots.entryType;
  }

  get startTime() {
    return this.#slots.startTime;
  }

  get duration() {
    return this.#slots.duration;
  }

  toJSON() {
    const { name, entryType, startTime, duration } = this.#slots;
    return { name, entryType, startTime, duration };
  }
}

brandInterface(PerformanceEntry, 'PerformanceEntry');

function cloned(detail) {
  if (detail === undefined || detail === null) return null;
  return use('clone').cloneWith(detail, makeList()).value;
}

function time(value, what) {
  const number = +value;
  // Not finite: WebIDL's double is.
  if (!(number - number === 0)) throw new TypeError(`${what} must be a finite number`);
  return number;
}

export class PerformanceMark extends PerformanceEntry {
  #brand = undefined;

  constructor(markName, markOptions = undefined) {
    requireArguments(arguments.length, 1, 'PerformanceMark');
    const name = domString(markName);
    const options = dictionary(markOptions, 'PerformanceMark: the options');
    const given = options?.detail;
    const start = options?.startTime;
    const startTime = start === undefined ? elapsed() : time(start, 'startTime');
    if (startTime < 0) throw new TypeError('PerformanceMark: startTime can not be negative');
    const detail = cloned(given);
    super(internally, { name, entryType: 'mark', startTime, duration: 0, detail });
  }

  get detail() {
    this.#brand;
    return slotsOf(this).detail;
  }
}

brandInterface(PerformanceMark, 'PerformanceMark');

export class PerformanceMeasure extends PerformanceEntry {
  #brand = undefined;

  constructor(token = undefined, slots = undefined) {
    super(token, slots);
  }

  get detail() {
    this.#brand;
    return slotsOf(this).detail;
  }
}

brandInterface(PerformanceMeasure, 'PerformanceMeasure');

/** Entries by their time, those of one time by their age. */
function sorted(list, type, name) {
  const found = [];
  for (let i = 0; i < list.length; i++) {
    const slots = slotsOf(list[i]);
    if (type !== undefined && slots.entryType !== type) continue;
    if (name !== undefined && slots.name !== name) continue;
    append(found, list[i]);
    for (let j = found.length - 1; j > 0; j--) {
      if (slotsOf(found[j - 1]).startTime <= slots.startTime) break;
      found[j] = found[j - 1];
      found[j - 1] = list[i];
    }
  }
  return found;
}

function record(entry) {
  if (entries.length < KEPT) {
    entries[entries.length] = entry;
  } else if (!told) {
    told = true;
    log('WARN', `performance keeps ${KEPT} marks and measures: clear them`);
  }
  for (let i = 0; i < observers.length; i++) observers[i].queue(entry);
}

function forgetEntries(type, name) {
  const kept = makeList();
  for (let i = 0; i < entries.length; i++) {
    const slots = slotsOf(entries[i]);
    if (slots.entryType !== type || (name !== undefined && slots.name !== name)) {
      kept[kept.length] = entries[i];
    }
  }
  entries = kept;
}

/** A time, or that of the last mark of a name. */
function timeOf(mark, what) {
  if (typeof mark === 'number') {
    const value = time(mark, what);
    if (value < 0) throw new TypeError(`performance.measure: ${what} can not be negative`);
    return value;
  }
  const name = domString(mark);
  for (let i = entries.length - 1; i >= 0; i--) {
    const slots = slotsOf(entries[i]);
    if (slots.entryType === 'mark' && slots.name === name) return slots.startTime;
  }
  throw new (use('dom-exception').DOMException)(
    `performance.measure: there is no mark ${core.quote(name)}`,
    'SyntaxError',
  );
}

/** `(DOMString or DOMHighResTimeStamp)` of a dictionary. */
function markFrom(value, what) {
  if (value === undefined) return undefined;
  return typeof value === 'number' ? time(value, what) : domString(value);
}

function measureOptions(given) {
  // Read in the order of their names.
  const detail = given.detail;
  const duration = given.duration;
  const length = duration === undefined ? undefined : time(duration, 'duration');
  const end = markFrom(given.end, 'end');
  const start = markFrom(given.start, 'start');
  return { detail, duration: length, end, start };
}

/** https://w3c.github.io/user-timing/#dom-performance-measure */
function makeMeasure(name, startOrOptions, endMark) {
  let options = { detail: undefined, duration: undefined, end: undefined, start: undefined };
  if (isObject(startOrOptions)) {
    options = measureOptions(startOrOptions);
    const { detail, duration, end, start } = options;
    const isEmpty =
      detail === undefined && duration === undefined && end === undefined && start === undefined;
    if (!isEmpty) {
      if (endMark !== undefined) {
        throw new TypeError('performance.measure: there are options and an end mark');
      }
      if (start === undefined && end === undefined) {
        throw new TypeError('performance.measure: the options need start or end');
      }
      if (start !== undefined && end !== undefined && duration !== undefined) {
        throw new TypeError('performance.measure: start, end and duration are one too many');
      }
    }
  } else if (startOrOptions !== undefined && startOrOptions !== null) {
    options.start = domString(startOrOptions);
  }
  if (endMark !== undefined) options.end = domString(endMark);
  const { duration, end, start } = options;
  let endTime;
  if (end !== undefined) endTime = timeOf(end, 'end');
  else if (start !== undefined && duration !== undefined) {
    endTime = timeOf(start, 'start') + duration;
  } else endTime = elapsed();
  let startTime = 0;
  if (start !== undefined) startTime = timeOf(start, 'start');
  else if (duration !== undefined && end !== undefined) startTime = endTime - duration;
  const slots = {
    name,
    entryType: 'measure',
    startTime,
    duration: endTime - startTime,
    detail: cloned(options.detail),
  };
  return new PerformanceMeasure(internally, slots);
}

export class Performance extends EventTarget {
  #brand = undefined;

  constructor(token = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    super();
  }

  get timeOrigin() {
    this.#brand;
    return birth();
  }

  now() {
    this.#brand;
    return elapsed();
  }

  toJSON() {
    this.#brand;
    return { timeOrigin: birth() };
  }

  clearMarks(markName = undefined) {
    this.#brand;
    forgetEntries('mark', markName === undefined ? undefined : domString(markName));
  }

  clearMeasures(measureName = undefined) {
    this.#brand;
    forgetEntries('measure', measureName === undefined ? undefined : domString(measureName));
  }

  getEntries() {
    this.#brand;
    return sorted(entries);
  }

  getEntriesByName(name, type = undefined) {
    this.#brand;
    requireArguments(arguments.length, 1, 'Performance.getEntriesByName');
    const text = domString(name);
    return sorted(entries, type === undefined ? undefined : domString(type), text);
  }

  getEntriesByType(type) {
    this.#brand;
    requireArguments(arguments.length, 1, 'Performance.getEntriesByType');
    return sorted(entries, domString(type));
  }

  mark(markName, markOptions = undefined) {
    this.#brand;
    requireArguments(arguments.length, 1, 'Performance.mark');
    const mark = new PerformanceMark(markName, markOptions);
    record(mark);
    return mark;
  }

  measure(measureName, startOrMeasureOptions = undefined, endMark = undefined) {
    this.#brand;
    requireArguments(arguments.length, 1, 'Performance.measure');
    const measure = makeMeasure(domString(measureName), startOrMeasureOptions, endMark);
    record(measure);
    return measure;
  }
}

brandInterface(Performance, 'Performance');

export class PerformanceObserverEntryList {
  #entries;

  constructor(token = undefined, list = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#entries = list;
  }

  getEntries() {
    return sorted(this.#entries);
  }

  getEntriesByName(name, type = undefined) {
    const list = this.#entries;
    requireArguments(arguments.length, 1, 'PerformanceObserverEntryList.getEntriesByName');
    const text = domString(name);
    return sorted(list, type === undefined ? undefined : domString(type), text);
  }

  getEntriesByType(type) {
    const list = this.#entries;
    requireArguments(arguments.length, 1, 'PerformanceObserverEntryList.getEntriesByType');
    return sorted(list, domString(type));
  }
}

brandInterface(PerformanceObserverEntryList, 'PerformanceObserverEntryList');

/** What an observer looks for, and what it has not been told yet. */
class Watch {
  mark = false;
  measure = false;
  /** Null, `many` for `entryTypes`, `one` for `type`. */
  mode = null;
  waiting = makeList();
  scheduled = false;

  constructor(observer, callback) {
    this.observer = observer;
    this.callback = callback;
  }

  queue(entry) {
    if (!this[slotsOf(entry).entryType]) return;
    this.waiting[this.waiting.length] = entry;
    if (this.scheduled) return;
    this.scheduled = true;
    use('timers').background(() => this.tell(), 0);
  }

  take() {
    const list = this.waiting;
    this.waiting = makeList();
    return list;
  }

  tell() {
    this.scheduled = false;
    if (this.waiting.length === 0) return;
    const list = new PerformanceObserverEntryList(internally, this.take());
    const { callback, observer } = this;
    apply(callback, observer, [list, observer, { droppedEntriesCount: 0 }]);
  }

  forget() {
    this.mark = false;
    this.measure = false;
    this.mode = null;
    this.waiting = makeList();
    const kept = makeList();
    for (let i = 0; i < observers.length; i++) {
      if (observers[i] !== this) kept[kept.length] = observers[i];
    }
    observers = kept;
  }
}

function typesFrom(given) {
  if (!isObject(given) || iteratorMethod(given, 'entryTypes') === undefined) {
    throw new TypeError('PerformanceObserver.observe: entryTypes must be an iterable');
  }
  const types = makeList();
  for (const item of given) types[types.length] = domString(item);
  return types;
}

export class PerformanceObserver {
  #watch;

  static get supportedEntryTypes() {
    return supported;
  }

  constructor(callback) {
    requireArguments(arguments.length, 1, 'PerformanceObserver');
    if (typeof callback !== 'function') {
      throw new TypeError('PerformanceObserver: the argument must be a function');
    }
    this.#watch = new Watch(this, callback);
  }

  observe(options = undefined) {
    const watch = this.#watch;
    const given = dictionary(options, 'PerformanceObserver.observe: the options');
    const buffered = given?.buffered;
    const list = given?.entryTypes;
    const types = list === undefined ? undefined : typesFrom(list);
    const one = given?.type;
    const type = one === undefined ? undefined : domString(one);
    if (types === undefined && type === undefined) {
      throw new TypeError('PerformanceObserver.observe: the options need entryTypes or type');
    }
    if (types !== undefined && (type !== undefined || buffered !== undefined)) {
      throw new TypeError('PerformanceObserver.observe: entryTypes stands alone');
    }
    const mode = types === undefined ? 'one' : 'many';
    if (watch.mode !== null && watch.mode !== mode) {
      throw new (use('dom-exception').DOMException)(
        'PerformanceObserver.observe: entryTypes and type can not both be used',
        'InvalidModificationError',
      );
    }
    if (mode === 'many') {
      const known = { mark: false, measure: false };
      for (let i = 0; i < types.length; i++) {
        if (types[i] === 'mark' || types[i] === 'measure') known[types[i]] = true;
      }
      if (!known.mark && !known.measure) return;
      watch.mark = known.mark;
      watch.measure = known.measure;
    } else {
      if (type !== 'mark' && type !== 'measure') return;
      watch[type] = true;
    }
    watch.mode = mode;
    let isNew = true;
    for (let i = 0; i < observers.length; i++) if (observers[i] === watch) isNew = false;
    if (isNew) observers[observers.length] = watch;
    if (!buffered || mode === 'many') return;
    for (let i = 0; i < entries.length; i++) {
      if (slotsOf(entries[i]).entryType === type) watch.queue(entries[i]);
    }
  }

  disconnect() {
    this.#watch.forget();
  }

  takeRecords() {
    return sorted(this.#watch.take());
  }
}

brandInterface(PerformanceObserver, 'PerformanceObserver');

const supported = freeze(['mark', 'measure']);

export const performance = new Performance(internally);

/** The marks of an execution that has ended are not the next one's. */
export function forget() {
  entries = makeList();
  observers = makeList();
  told = false;
}
