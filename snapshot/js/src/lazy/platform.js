// navigator and scheduler.

import { brandInterface } from '../interface.js';
import { Promise, TypeError } from '../primordials.js';
import { isObject } from '../webidl.js';
import { version } from '../version.js';

const { use } = core;

const internally = { __proto__: null };

export class Navigator {
  #brand = undefined;

  constructor(token = undefined) {
    if (token !== internally) throw new TypeError('Illegal constructor');
  }

  get userAgent() {
    this.#brand;
    return `Isolane/${version}`;
  }
}

brandInterface(Navigator, 'Navigator');

class Scheduler {
  #brand = undefined;

  /** A promise that is fulfilled after `delay` milliseconds, or rejected when `options.signal` aborts. */
  wait(delay, options = undefined) {
    this.#brand;
    return new Promise((resolve, reject) => {
      const signal = isObject(options) ? options.signal : undefined;
      const abort = signal === undefined ? undefined : use('abort');
      if (signal !== undefined && !abort.isSignal(signal)) {
        throw new TypeError('scheduler.wait: signal must be an AbortSignal');
      }
      if (signal !== undefined && abort.isAborted(signal)) throw abort.reasonOf(signal);
      const id = use('timers').setTimeout(resolve, delay, []);
      if (signal === undefined) return;
      abort.whenAborted(signal, () => {
        use('timers').clear(id);
        reject(abort.reasonOf(signal));
      });
    });
  }
}

brandInterface(Scheduler, 'Scheduler');

export const navigator = new Navigator(internally);
export const scheduler = new Scheduler();
