// Stands for the package tr46 in the bundle of whatwg-url: its tables are most of that package, and names in ASCII
// need none of them.

import { regExpExec, stringToLowerCase } from '../primordials.js';

// The last name that needed them: whoever makes URLs of such a host makes many.
let asked = '';
let answer = '';

/** https://url.spec.whatwg.org/#concept-domain-to-ascii, with beStrict false, as whatwg-url calls it. */
export function toASCII(domain, options) {
  // A label that begins with xn-- has to be decoded and checked.
  if (regExpExec(/^(?!.*xn--)[ -~]*$/i, domain) !== null) return stringToLowerCase(domain);
  if (domain !== asked) {
    answer = core.use('idna').toASCII(domain, options);
    asked = domain;
  }
  return answer;
}
