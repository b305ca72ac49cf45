// DOMException (https://webidl.spec.whatwg.org/#idl-DOMException).

import { brandInterface } from '../interface.js';
import { captureStackTrace, defineProperty, errorProto, setPrototypeOf } from '../primordials.js';
import { domString } from '../webidl.js';

/** Names that have a code, which only old programs ask for. */
const codes = {
  __proto__: null,
  IndexSizeError: 1,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25,
};

const constants = [
  'INDEX_SIZE_ERR',
  'DOMSTRING_SIZE_ERR',
  'HIERARCHY_REQUEST_ERR',
  'WRONG_DOCUMENT_ERR',
  'INVALID_CHARACTER_ERR',
  'NO_DATA_ALLOWED_ERR',
  'NO_MODIFICATION_ALLOWED_ERR',
  'NOT_FOUND_ERR',
  'NOT_SUPPORTED_ERR',
  'INUSE_ATTRIBUTE_ERR',
  'INVALID_STATE_ERR',
  'SYNTAX_ERR',
  'INVALID_MODIFICATION_ERR',
  'NAMESPACE_ERR',
  'INVALID_ACCESS_ERR',
  'VALIDATION_ERR',
  'TYPE_MISMATCH_ERR',
  'SECURITY_ERR',
  'NETWORK_ERR',
  'ABORT_ERR',
  'URL_MISMATCH_ERR',
  'QUOTA_EXCEEDED_ERR',
  'TIMEOUT_ERR',
  'INVALID_NODE_TYPE_ERR',
  'DATA_CLONE_ERR',
];

let isDOMException;

export class DOMException {
  #name;
  #message;

  static {
    isDOMException = value => #name in value;
  }

  constructor(message = '', options = 'Error') {
    this.#message = domString(message);
    const given = typeof options === 'object' && options !== null;
    const name = given ? options.name : options;
    this.#name = name === undefined ? 'Error' : domString(name);
    if (given && 'cause' in options) {
      defineProperty(this, 'cause', {
        __proto__: null,
        value: options.cause,
        writable: true,
        configurable: true,
      });
    }
    captureStackTrace(this, DOMException);
  }

  get name() {
    return this.#name;
  }

  get message() {
    return this.#message;
  }

  get code() {
    return codes[this.#name] ?? 0;
  }
}

brandInterface(DOMException, 'DOMException');
setPrototypeOf(DOMException.prototype, errorProto);
for (let i = 0; i < constants.length; i++) {
  const constant = { __proto__: null, value: i + 1, enumerable: true };
  defineProperty(DOMException, constants[i], constant);
  defineProperty(DOMException.prototype, constants[i], constant);
}

/** Name and message of a DOMException; undefined when `value` is something else. */
export function partsOf(value) {
  return isDOMException(value) ? { name: value.name, message: value.message } : undefined;
}
