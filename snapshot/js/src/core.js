// What the snapshot is born with: see docs/boundary.md. The bundler makes of it
// `(function (natives) { ...; return dispatch })`, in which `core` is an object that chunks have, too.

import './core/raw.js';
import './core/globals.js';
import {
  BYTES,
  bodyOf,
  INBOUND,
  inboundBody,
  isUsed,
  makeBody,
  STREAM,
  TEXT,
} from './core/body.js';
import { made, use } from './core/chunks.js';
import { dispatch } from './core/dispatch.js';
import {
  birth,
  environment,
  event,
  fail,
  hold,
  release,
  setSending,
  stopped,
  waitUntil,
  whenStuck,
} from './core/execution.js';
import { complete, eventRequest, settle } from './core/handlers.js';
import { limitError, limitOf } from './core/limits.js';
import { log } from './core/log.js';
import { attach, emit, quote } from './core/outbox.js';
import { makeContext } from './core/context.js';
import { makeRequest, makeRequestState, requestState } from './core/request.js';
import { makeResponse, makeResponseState, responseState } from './core/response.js';

Object.assign(core, {
  attach,
  BYTES,
  birth: () => birth,
  bodyOf,
  complete,
  emit,
  environment,
  event: () => event,
  eventRequest,
  fail,
  hold,
  INBOUND,
  inboundBody,
  isUsed,
  limitError,
  limitOf,
  log,
  made,
  makeBody,
  makeRequest,
  makeRequestState,
  makeResponse,
  makeResponseState,
  quote,
  release,
  requestState,
  responseState,
  STREAM,
  setSending,
  settle,
  stopped,
  TEXT,
  use,
  waitUntil,
  whenStuck,
});

// One of each kind of object that nearly every execution makes, so that V8 need not derive their hidden classes anew in
// each context: those of the snapshot live as long as an object that has them.
core.kept = [
  makeRequest(null),
  makeResponse(null),
  makeContext(),
  JSON.parse('{"type":"fetch","method":"GET","url":"","headers":[],"body":null}'),
  Object.freeze(JSON.parse('{"vars":{}}').vars),
];

export default dispatch;
