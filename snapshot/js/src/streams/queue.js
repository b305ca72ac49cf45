// Queues, linked: an array would ask Array.prototype, which is the tenant's.

import { RangeError } from '../primordials.js';

/** https://streams.spec.whatwg.org/#queue-with-sizes; `length` counts items, `total` their sizes. */
export function makeQueue() {
  return { __proto__: null, first: null, last: null, length: 0, total: 0 };
}

export function push(queue, value, size = 0) {
  const node = { value, size, next: null };
  if (queue.last === null) queue.first = node;
  else queue.last.next = node;
  queue.last = node;
  queue.length += 1;
  queue.total += size;
}

export function peek(queue) {
  return queue.first.value;
}

export function shift(queue) {
  const { value, size, next } = queue.first;
  queue.first = next;
  if (next === null) queue.last = null;
  queue.length -= 1;
  // Rounding may take it below nothing.
  queue.total = queue.total - size < 0 ? 0 : queue.total - size;
  return value;
}

export function clear(queue) {
  queue.first = null;
  queue.last = null;
  queue.length = 0;
  queue.total = 0;
}

/** The items of a queue, which is empty from now on. */
export function take(queue) {
  let node = queue.first;
  clear(queue);
  return () => {
    if (node === null) return undefined;
    const { value } = node;
    node = node.next;
    return value;
  };
}

/** https://streams.spec.whatwg.org/#enqueue-value-with-size, for a size that tenant code gave */
export function checkSize(size) {
  if (!(size >= 0 && size < 1 / 0)) {
    throw new RangeError(`The size of a chunk can not be ${size}`);
  }
}
