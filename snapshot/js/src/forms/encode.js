// A form as multipart/form-data (https://html.spec.whatwg.org/#multipart-form-data).

import {
  numberToString,
  stringCharCodeAt,
  typedArrayByteLength,
  typedArraySet,
  Uint8Array,
} from '../primordials.js';
import { makeList } from '../list.js';

const { natives, use } = core;

/** A name within quotes: line breaks and quotes are percent-encoded. */
function escaped(text) {
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code === 10) result += '%0A';
    else if (code === 13) result += '%0D';
    else if (code === 34) result += '%22';
    else result += text[i];
  }
  return result;
}

/** Every line break as CR LF. */
function withCrLf(text) {
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code === 13) {
      result += '\r\n';
      if (stringCharCodeAt(text, i + 1) === 10) i += 1;
    } else {
      result += code === 10 ? '\r\n' : text[i];
    }
  }
  return result;
}

function makeBoundary() {
  const random = new Uint8Array(16);
  natives.randomFill(random);
  let text = '----isolane-form-';
  for (let i = 0; i < 16; i++) text += (random[i] < 16 ? '0' : '') + numberToString(random[i], 16);
  return text;
}

/** The bytes of a form's entries, and the content type that tells how to read them. */
export function encodeMultipart(entries) {
  const boundary = makeBoundary();
  const parts = makeList();
  let size = 0;
  const add = bytes => {
    parts[parts.length] = bytes;
    size += typedArrayByteLength(bytes);
  };
  const addText = text => add(new Uint8Array(natives.utf8Encode(text)));
  for (let i = 0; i < entries.length; i++) {
    const { name, value } = entries[i];
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(withCrLf(name))}"`;
    if (typeof value === 'string') {
      addText(`${head}\r\n\r\n${withCrLf(value)}\r\n`);
      continue;
    }
    const blobs = use('blob');
    const type = blobs.typeOf(value) || 'application/octet-stream';
    addText(`${head}; filename="${escaped(blobs.nameOf(value))}"\r\nContent-Type: ${type}\r\n\r\n`);
    add(blobs.bytesOf(value));
    addText('\r\n');
  }
  addText(`--${boundary}--\r\n`);
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (let i = 0; i < parts.length; i++) {
    typedArraySet(bytes, parts[i], offset);
    offset += typedArrayByteLength(parts[i]);
  }
  return { bytes, type: `multipart/form-data; boundary=${boundary}` };
}
