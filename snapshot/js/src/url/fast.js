// URLs that are written as they are parsed: http and https, plain characters, a name for a host. That is nearly all that
// programs come across; the others go through the standard's state machine in the chunk `url-parser`.

import { regExpExec, stringIncludes } from '../primordials.js';

/** The parts that a URL consists of. `host` and `pathname` are serialized; `opaque` paths begin with no slash. */
export function makeParts(scheme, host, port, pathname, query, fragment) {
  return {
    scheme,
    username: '',
    password: '',
    host,
    port,
    pathname,
    opaque: false,
    query,
    fragment,
  };
}

// Names end in a letter, or they could be IPv4 addresses; `xn--` needs to be checked.
const absolute = () =>
  /^(https?):\/\/((?:[a-z0-9_-]+\.)*[a-z0-9_-]*[a-z])(?::([1-9]\d{0,3}))?(\/[\w.~!$&'()*+,;=:@%/-]*)?(?:\?([\w.~!$&()*+,;=:@%/?-]*))?(?:#([\w.~!$&'()*+,;=:@%/?-]*))?$/;
const rooted = () =>
  /^(\/(?:[\w.~!$&'()*+,;=:@%-][\w.~!$&'()*+,;=:@%/-]*)?)(?:\?([\w.~!$&()*+,;=:@%/?-]*))?(?:#([\w.~!$&'()*+,;=:@%/?-]*))?$/;

/** Whether a path may have segments that are dots. */
function hasDots(path) {
  return stringIncludes(path, '/.') || stringIncludes(path, '/%2');
}

/** The parts of `text`, or null when it takes more to tell. */
export function parseFast(text) {
  const match = regExpExec(absolute(), text);
  if (match === null) return null;
  const host = match[2];
  const path = match[4] ?? '/';
  if (hasDots(path) || stringIncludes(host, 'xn--') || isHexNumber(host)) return null;
  let port = null;
  if (match[3] !== undefined) {
    port = +match[3];
    if (port === (match[1] === 'http' ? 80 : 443)) port = null;
  }
  return makeParts(match[1], host, port, path, match[5] ?? null, match[6] ?? null);
}

/** `0xab`, which is a number for IPv4, ends in a letter, too. */
function isHexNumber(host) {
  return regExpExec(/(?:^|\.)0x[0-9a-f]*$/, host) !== null;
}

/** The parts of `text` that begins with one slash, on the origin of `base`; null when it takes more to tell. */
export function parseRooted(text, base) {
  if (base.scheme !== 'http' && base.scheme !== 'https') return null;
  const match = regExpExec(rooted(), text);
  if (match === null || hasDots(match[1])) return null;
  const parts = makeParts(
    base.scheme,
    base.host,
    base.port,
    match[1],
    match[2] ?? null,
    match[3] ?? null,
  );
  parts.username = base.username;
  parts.password = base.password;
  return parts;
}
