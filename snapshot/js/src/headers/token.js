// RFC 9110's token: names of headers and methods.

import { stringCharCodeAt } from '../primordials.js';

function isTokenCode(code) {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 45 ||
    code === 95 ||
    code === 33 ||
    (code >= 35 && code <= 39) ||
    code === 42 ||
    code === 43 ||
    code === 46 ||
    code === 94 ||
    code === 96 ||
    code === 124 ||
    code === 126
  );
}

export function isToken(text) {
  for (let i = 0; i < text.length; i++) {
    if (!isTokenCode(stringCharCodeAt(text, i))) return false;
  }
  return text !== '';
}
