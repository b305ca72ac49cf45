// Components given one by one, and those of a base URL (https://urlpattern.spec.whatwg.org/#urlpatterninit-processing).

import { TypeError, stringSlice, stringStartsWith } from '../primordials.js';
import * as canonical from './canonical.js';
import { escapePattern } from './written.js';

export const COMPONENTS = [
  'protocol',
  'username',
  'password',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
];

export function isSpecial(scheme) {
  return (
    scheme === 'http' ||
    scheme === 'https' ||
    scheme === 'ws' ||
    scheme === 'wss' ||
    scheme === 'ftp' ||
    scheme === 'file'
  );
}

function isAbsolute(path, isPattern) {
  if (stringStartsWith(path, '/')) return true;
  return isPattern && (stringStartsWith(path, '\\/') || stringStartsWith(path, '{/'));
}

const without = (text, prefix) => (stringStartsWith(text, prefix) ? stringSlice(text, 1) : text);

/** Adds what `init` leaves out up to its first member: a URL's rest depends on what comes before it. */
function inherit(result, init, base, isPattern) {
  const of = text => (isPattern ? escapePattern(text) : text);
  if (init.protocol !== undefined) return;
  result.protocol = of(base.scheme);
  const hasHost = init.hostname !== undefined;
  const hasPort = hasHost || init.port !== undefined;
  if (!isPattern && !hasPort && init.username === undefined) {
    result.username = base.username;
    if (init.password === undefined) result.password = base.password;
  }
  if (hasHost) return;
  result.hostname = of(base.host ?? '');
  if (hasPort) return;
  result.port = base.port === null ? '' : `${base.port}`;
  if (init.pathname !== undefined) return;
  result.pathname = of(base.pathname);
  if (init.search !== undefined) return;
  result.search = of(base.query ?? '');
  if (init.hash !== undefined) return;
  result.hash = of(base.fragment ?? '');
}

function absolutePath(path, base, isPattern) {
  if (base === null || base.opaque || isAbsolute(path, isPattern)) return path;
  const basePath = isPattern ? escapePattern(base.pathname) : base.pathname;
  let end = basePath.length;
  while (end > 0 && stringSlice(basePath, end - 1, end) !== '/') end -= 1;
  return stringSlice(basePath, 0, end) + path;
}

/**
 * The components that `init` describes; of a URL they are canonical, of a pattern as they are written. Throws a TypeError.
 */
export function processInit(init, isPattern) {
  const result = { __proto__: null };
  let base = null;
  if (init.baseURL !== undefined) {
    base = core.use('url').parseParts(init.baseURL, undefined);
    if (base === null) {
      throw new TypeError(`URLPattern: ${core.quote(init.baseURL)} is no URL to be a base`);
    }
    inherit(result, init, base, isPattern);
  }
  const through = (encode, text) => (isPattern ? text : encode(text));
  if (init.protocol !== undefined) {
    const { protocol } = init;
    const hasColon = stringSlice(protocol, -1) === ':';
    result.protocol = through(
      canonical.protocol,
      hasColon ? stringSlice(protocol, 0, -1) : protocol,
    );
  }
  if (init.username !== undefined) result.username = through(canonical.username, init.username);
  if (init.password !== undefined) result.password = through(canonical.password, init.password);
  if (init.hostname !== undefined) result.hostname = through(canonical.hostname, init.hostname);
  const scheme = result.protocol ?? '';
  if (init.port !== undefined) {
    result.port = isPattern ? init.port : canonical.port(init.port, scheme);
  }
  if (init.pathname !== undefined) {
    const path = absolutePath(init.pathname, base, isPattern);
    const hasSegments = scheme === '' || isSpecial(scheme);
    result.pathname = through(hasSegments ? canonical.pathname : canonical.opaquePathname, path);
  }
  if (init.search !== undefined)
    result.search = through(canonical.search, without(init.search, '?'));
  if (init.hash !== undefined) result.hash = through(canonical.hash, without(init.hash, '#'));
  return result;
}
