// FormData (https://xhr.spec.whatwg.org/#interface-formdata), and forms as bodies.

import { encodeMultipart } from '../forms/encode.js';
import { parseMultipart } from '../forms/parse.js';
import { brandInterface } from '../interface.js';
import { append, makeList } from '../list.js';
import { extractType, parameterOf } from '../mime.js';
import { defineIterator, KEY, makePairIteration, PAIR, VALUE } from '../pair-iterator.js';
import { TypeError } from '../primordials.js';
import { isObject, requireArguments, usvString } from '../webidl.js';

const { BYTES, makeBody, natives, use } = core;

let entriesOf;
/** Whether a value is a FormData. */
export let isFormData;

function entryFor(name, value, count, filename, what) {
  const blobs = core.made.blob;
  const isBlob = blobs?.isBlob(value) ?? false;
  if (count > 2 && !isBlob) throw new TypeError(`${what}: only a Blob can have a file name`);
  if (!isBlob) return { name: usvString(name), value: usvString(value) };
  const key = usvString(name);
  if (blobs.isFile(value) && count < 3) return { name: key, value };
  const bytes = blobs.bytesOf(value);
  const type = blobs.typeOf(value);
  const given = count > 2 ? usvString(filename) : 'blob';
  const time = blobs.isFile(value) ? blobs.lastModifiedOf(value) : undefined;
  return { name: key, value: blobs.fileFromBytes(bytes, type, given, time) };
}

export class FormData {
  #entries = makeList();

  static {
    entriesOf = form => form.#entries;
    isFormData = value => isObject(value) && #entries in value;
  }

  constructor(form = undefined) {
    if (form !== undefined)
      throw new TypeError('FormData: there are no forms here to take entries from');
  }

  append(name, value, filename = undefined) {
    const entries = this.#entries;
    requireArguments(arguments.length, 2, 'FormData.append');
    const entry = entryFor(name, value, arguments.length, filename, 'FormData.append');
    entries[entries.length] = entry;
  }

  delete(name) {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, 'FormData.delete');
    const key = usvString(name);
    let kept = 0;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i].name !== key) entries[kept++] = entries[i];
    }
    entries.length = kept;
  }

  get(name) {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, 'FormData.get');
    const key = usvString(name);
    for (let i = 0; i < entries.length; i++) if (entries[i].name === key) return entries[i].value;
    return null;
  }

  getAll(name) {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, 'FormData.getAll');
    const key = usvString(name);
    const values = [];
    for (let i = 0; i < entries.length; i++) {
      if (entries[i].name === key) append(values, entries[i].value);
    }
    return values;
  }

  has(name) {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, 'FormData.has');
    const key = usvString(name);
    for (let i = 0; i < entries.length; i++) if (entries[i].name === key) return true;
    return false;
  }

  set(name, value, filename = undefined) {
    const entries = this.#entries;
    requireArguments(arguments.length, 2, 'FormData.set');
    const entry = entryFor(name, value, arguments.length, filename, 'FormData.set');
    let kept = 0;
    let done = false;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i].name !== entry.name) entries[kept++] = entries[i];
      else if (!done) {
        entries[kept++] = entry;
        done = true;
      }
    }
    entries.length = kept;
    if (!done) entries[kept] = entry;
  }

  entries() {
    return iterate(this, PAIR);
  }

  forEach(callback, thisArg = undefined) {
    forEach(this, callback, thisArg);
  }

  keys() {
    return iterate(this, KEY);
  }

  values() {
    return iterate(this, VALUE);
  }
}

brandInterface(FormData, 'FormData');
defineIterator(FormData);
const { forEach, iterate } = makePairIteration('FormData', (form, index) => entriesOf(form)[index]);

/** A form as the body of a request or response. */
export function encode(form) {
  const { bytes, type } = encodeMultipart(entriesOf(form));
  return makeBody(BYTES, bytes, type);
}

/** The form in a body, by its content type (https://fetch.spec.whatwg.org/#dom-body-formdata). */
export function parse(bytes, type) {
  const form = new FormData();
  const entries = entriesOf(form);
  const found = extractType(type);
  const essence = found?.essence ?? '';
  if (essence === 'multipart/form-data') {
    const boundary = parameterOf(found, 'boundary');
    if (boundary === undefined) throw new TypeError('formData: the content type has no boundary');
    parseMultipart(bytes, boundary, entry => {
      entries[entries.length] = entry;
    });
    return form;
  }
  if (essence === 'application/x-www-form-urlencoded') {
    use('url').parseForm(natives.utf8Decode(bytes), (name, value) => {
      entries[entries.length] = { name, value };
    });
    return form;
  }
  throw new TypeError(`formData: a body of type ${core.quote(essence)} is no form`);
}
