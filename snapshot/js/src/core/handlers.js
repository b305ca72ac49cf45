// From the event to the handler, and from what the handler gave to the lane.

import {
  apply,
  stringify,
  stringToWellFormed,
  TypeError,
  typedArrayByteLength,
} from '../primordials.js';
import { BYTES, INBOUND, inboundBody, isUsed, TEXT } from './body.js';
import { made, use } from './chunks.js';
import { makeContext } from './context.js';
import {
  endWithoutHandler,
  environment,
  event,
  eventBody,
  fail,
  isSettled,
  succeed,
} from './execution.js';
import { attach, emit, quote } from './outbox.js';
import { makeRequest, makeRequestState } from './request.js';
import { responseState } from './response.js';

/** Text and bytes of more than this go out as a stream: 256 KiB. */
const WHOLE = 262144;
/** Text of more characters goes out as bytes: as JSON it would be quoted here, and there be read and encoded again. */
const QUOTED = 4096;

/** The request of the event; made once. */
export function eventRequest() {
  const { method, url, headers, body } = event;
  const state = makeRequestState(
    method,
    url,
    headers,
    'immutable',
    inboundBody(body, eventBody, 0),
  );
  return makeRequest(state);
}

/** What a scheduled handler is called with. */
function scheduledEvent() {
  const { cron, scheduledTime, id } = event;
  return { type: 'scheduled', cron, scheduledTime, id };
}

function argumentOf(type) {
  if (type === 'fetch') return eventRequest();
  return type === 'task' ? event.payload : scheduledEvent();
}

/** Calls the handler for the event, in a module that has been evaluated. */
export function run(namespace) {
  const { type } = event;
  try {
    let target = namespace.default;
    const isObject =
      (typeof target === 'object' && target !== null) || typeof target === 'function';
    let handler = isObject ? target[type] : undefined;
    if (isObject && event.taskType !== undefined) {
      const entry = use('task-handlers').entryOf(target, event);
      if (entry !== undefined) {
        target = entry;
        handler = entry.handler;
      }
    }
    if (typeof handler === 'function') {
      settle(apply(handler, target, [argumentOf(type), environment(), makeContext()]));
    } else if (made.events === undefined || !use('listeners').start(type)) {
      endWithoutHandler();
    }
  } catch (error) {
    fail(error);
  }
}

/** Takes what a handler returned: a value, or a promise for it. */
export function settle(result) {
  if (typeof result === 'object' && result !== null) {
    if (event.type !== 'fetch' || responseState(result) === undefined) {
      settleLater(result);
      return;
    }
  }
  complete(result);
}

async function settleLater(promise) {
  const mine = event;
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (mine === event) fail(error);
    return;
  }
  if (mine === event) complete(value);
}

/** Sends the handler's last word. Never throws. */
export function complete(value) {
  // An event's respondWith may have come first.
  if (isSettled()) return;
  try {
    if (event.type === 'fetch') sendResponse(value);
    else if (event.type === 'task') sendResult(value);
    else succeed();
  } catch (error) {
    fail(error);
  }
}

function sendResult(value) {
  let whole;
  let data;
  try {
    const isResult =
      typeof value === 'object' && value !== null && typeof value.success === 'boolean';
    data = isResult ? value.data : value;
    if (isResult) {
      whole = value.success ? stringify(value) : use('task-handlers').failureOf(value);
    } else {
      const text = stringify(value);
      whole = text === undefined ? '{"success":true}' : `{"success":true,"data":${text}}`;
    }
    if (event.indent > 0) data = stringify(data, null, event.indent);
  } catch (cause) {
    const { message } = cause ?? {};
    throw new TypeError(`The task's result can not be expressed as JSON: ${message}`, { cause });
  }
  emit(
    event.indent > 0
      ? `["result",${quote(whole)},${data === undefined ? 'null' : quote(data)}]`
      : `["result",${quote(whole)}]`,
  );
  succeed();
}

function sendResponse(value) {
  const state = typeof value === 'object' && value !== null ? responseState(value) : undefined;
  if (state === undefined) {
    throw new TypeError(
      `The fetch handler returned ${use('inspect').kindOf(value)} instead of a Response: ` +
        'return new Response(...), or a promise for one',
    );
  }
  if (state.type === 'error') {
    throw new TypeError('The fetch handler returned Response.error(): there is nothing to send');
  }
  const { body } = state;
  if (isUsed(body)) {
    throw new TypeError(
      'The body of the returned Response was read already: return response.clone() before reading it',
    );
  }
  if (body !== null && body.stream !== null && use('body').isLocked(body.stream)) {
    throw new TypeError(
      'The body of the returned Response is locked: release its reader before returning it',
    );
  }
  const head = `["head",${state.status},${quote(state.statusText)},${headersJson(state)},`;
  if (state.webSocket !== undefined) {
    use('websocket').answer(state.webSocket, () => {
      succeed();
      emit(`${head}{"stream":true}]`);
    });
    return;
  }
  succeed();
  if (body === null) emit(`${head}null]`);
  else sendBody(head, body);
}

/** The header list as JSON text. */
function headersJson(state) {
  if (state.list !== null) return use('headers').listJson(state.list);
  const { body, pairs } = state;
  if (pairs !== null) return use('headers').pairsJson(pairs);
  if (body === null || body.type === null) return '[]';
  return `[["content-type",${quote(body.type)}]]`;
}

function sendBody(head, body) {
  body.used = true;
  if (body.kind === TEXT && body.source.length > QUOTED) use('body').encode(body);
  const { kind, source } = body;
  // A stream that was made of the body and not read from adds nothing to it.
  if (kind === INBOUND || (kind === BYTES && body.held !== undefined)) {
    emit(`${head}{"forward":${kind === INBOUND ? source : body.held}}]`);
  } else if (kind === TEXT) {
    emit(`${head}{"text":${quote(stringToWellFormed(source))}}]`);
  } else if (kind === BYTES && typedArrayByteLength(source) <= WHOLE) {
    emit(`${head}{"bytes":${attach(source)}}]`);
  } else {
    emit(`${head}{"stream":true}]`);
    use('outbound').sendResponseBody(body);
  }
}
