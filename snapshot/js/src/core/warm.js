// Runs when the snapshot is made: an execution as most of them are. What V8 derives from objects when it first meets
// their shapes (hidden classes, and transitions between them) is then in the snapshot. It would be made again in
// each context otherwise: 18 properties of a record are 18 hidden classes, at 0.2 us each.

import { dispatch } from './dispatch.js';
import { makeRequestState } from './request.js';
import { makeResponseState, Response } from './response.js';
import { makeBody } from './body.js';

const event =
  '{"type":"fetch","method":"GET","url":"https://a.test/","headers":[["a","b"]],"body":null}';

export function warm() {
  dispatch(0, event, '{"vars":{}}', '{"ops":{}}');
  dispatch(1, { default: { fetch: () => new Response('') } });
  dispatch(2);
}

/** Hidden classes live as long as an object that has them. */
export const shapes = [
  makeRequestState('', '', null, '', null),
  makeResponseState(200, '', null, null),
  makeBody(0, '', null),
  JSON.parse(event),
  { value: undefined, done: true },
];
