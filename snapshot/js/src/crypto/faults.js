// The errors of the Web Cryptography API, most of which are DOMExceptions.

const { use } = core;

function fault(name, message) {
  return new (use('dom-exception').DOMException)(message, name);
}

export const dataError = message => fault('DataError', message);
export const invalidAccess = message => fault('InvalidAccessError', message);
export const notSupported = message => fault('NotSupportedError', message);
export const operationError = message => fault('OperationError', message);
/** `SyntaxError` is the name of a DOMException, too. */
export const syntaxError = message => fault('SyntaxError', message);
