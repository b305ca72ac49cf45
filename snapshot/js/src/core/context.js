// The third argument of a handler, `ctx`.

import { freeze } from '../primordials.js';
import { use } from './chunks.js';
import { event, stopped, waitUntil } from './execution.js';

/** The methods need no receiver: there is one execution in a context, and handlers take them apart. */
class ExecutionContext {
  waitUntil(promise) {
    waitUntil(promise);
  }

  /** There is nothing behind a worker to pass an exception to. */
  passThroughOnException() {}

  isShuttingDown() {
    return stopped() === 'drain';
  }

  get signal() {
    return use('abort').contextSignal();
  }

  /** Which task this is; undefined when the event is none. */
  get task() {
    if (event.type !== 'task') return undefined;
    const { taskId, taskType, attempt, maxAttempts, key, queue, scheduledTime } = event;
    return freeze({
      id: taskId,
      type: taskType,
      attempt,
      maxAttempts,
      key,
      queue,
      scheduledTime,
    });
  }
}

export function makeContext() {
  return new ExecutionContext();
}
