// Records from the runner, see docs/boundary.md.

import { parseJSON } from '../primordials.js';
import { use } from './chunks.js';
import { stop } from './execution.js';

/** Hands each record to whom it is for. `attachments` is an array of which the first is not one. */
export function deliver(recordsJson, attachments) {
  const records = parseJSON(recordsJson);
  for (let i = 0; i < records.length; i++) {
    try {
      deliverOne(records[i], attachments);
    } catch (error) {
      // The others are still to come.
      use('uncaught').report(error);
    }
  }
}

function deliverOne(record, attachments) {
  const kind = record[0];
  const id = record[1];
  const bytes = index => attachments[index + 1];
  if (kind === 'resolve') {
    use('ops').resolve(id, record[2], record.length > 3 ? bytes(record[3]) : undefined);
  } else if (kind === 'reject') {
    use('ops').reject(id, record[2]);
  } else if (kind === 'chunk') {
    use('inbound').receive(id, bytes(record[2]));
  } else if (kind === 'end') {
    use('inbound').end(id);
  } else if (kind === 'fail') {
    use('inbound').fail(id, record[2]);
  } else if (kind === 'credit') {
    use('outbound').grant(id, record[2]);
  } else if (kind === 'cancel') {
    use('outbound').cancel(id, record[2]);
  } else if (kind === 'stop') {
    stop(id);
  }
}
