// The program of one stage: calls its functions, with one `this` for all of them that lasts from call to call.
// Beside it stand functions.js, which has what the document says, and a file for each function.

import { config, functions, hostname, shim } from './functions.js';

const now = performance.now.bind(performance);
// An execution's limits are for its calls together: so there are not too many in one.
const SLICE_MS = 10;
const STEPS = 64;
const ABSENT = {
  util: 'this.util is not there: use template literals and JSON.stringify',
  moment: 'this.moment is not there: use Date and Intl.DateTimeFormat',
};

let fresh = true;

function restored(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(restored);
  const { js_function_key: key } = value;
  if (key !== undefined && Object.keys(value).length === 1) return functions[key];
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, restored(item)]));
}

const self = { hostname, config: restored(config) };
for (const [name, message] of Object.entries(ABSENT)) {
  Object.defineProperty(self, name, {
    configurable: true,
    get() {
      throw new TypeError(message);
    },
    set(value) {
      Object.defineProperty(self, name, { value, writable: true, configurable: true });
    },
  });
}

const called = Object.fromEntries(
  Object.entries(functions).map(([key, f]) => [key, shim ? shim(key, f) : f]),
);

function text(value) {
  return JSON.stringify(value) ?? null;
}

function thrown(error) {
  try {
    if (error instanceof Error) {
      return [`${error.name}`, `${error.message}`, `${error.stack ?? ''}`];
    }
    const shown = typeof error === 'object' ? JSON.stringify(error) : String(error);
    return ['Error', `thrown: ${shown}`, ''];
  } catch {
    return ['Error', 'thrown: what can not be shown', ''];
  }
}

// Whether a promise waits for more than other promises do: for the network, or for time.
async function waits(promise) {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let step = 0; step < STEPS && !settled; step += 1) await null;
  return !settled;
}

async function each(f, calls) {
  const until = now() + SLICE_MS;
  const done = [];
  for (const args of calls) {
    let alone = false;
    try {
      const value = f.apply(self, args);
      if (typeof value?.then === 'function') {
        const promise = Promise.resolve(value);
        // What calls may ask of the world is counted by execution: after one that asked, another begins.
        alone = await waits(promise);
        done.push(text(await promise));
      } else {
        done.push(text(value));
      }
    } catch (error) {
      done.push(thrown(error));
    }
    if (alone || now() >= until) break;
  }
  return done;
}

export default {
  async task({ key, calls }) {
    const first = fresh;
    fresh = false;
    if (key === undefined) {
      return Object.keys(functions).filter(name => typeof functions[name] !== 'function');
    }
    return { fresh: first, done: await each(called[key], calls) };
  },
};
