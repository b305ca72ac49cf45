// The standard's URL parser, for the URLs that `url/fast.js` leaves, and for setters.

import {
  basicURLParse,
  cannotHaveAUsernamePasswordPort,
  hasAnOpaquePath,
  serializeHost,
  serializePath,
  setThePassword,
  setTheUsername,
} from 'whatwg-url/lib/url-state-machine.js';
import { stringCharCodeAt, stringSlice } from '../primordials.js';

/** The package's record as our parts, see url/fast.js. */
function partsOf(url) {
  return {
    scheme: url.scheme,
    username: url.username,
    password: url.password,
    host: url.host === null ? null : serializeHost(url.host),
    port: url.port,
    pathname: serializePath(url),
    opaque: hasAnOpaquePath(url),
    query: url.query,
    fragment: url.fragment,
  };
}

/** Parts, or null; `base` is a string that can be parsed, or undefined. */
export function parse(text, base) {
  const options = base === undefined ? {} : { baseURL: basicURLParse(base) };
  const url = basicURLParse(text, options);
  return url === null ? null : partsOf(url);
}

/** The parts of a URL after one of the URL class's setters; null when the value changes nothing. */
export function set(href, part, value) {
  const url = basicURLParse(href);
  return change(url, part, value) ? partsOf(url) : null;
}

function change(url, part, value) {
  switch (part) {
    case 'protocol':
      basicURLParse(`${value}:`, { url, stateOverride: 'scheme start' });
      return true;
    case 'username':
      if (cannotHaveAUsernamePasswordPort(url)) return false;
      setTheUsername(url, value);
      return true;
    case 'password':
      if (cannotHaveAUsernamePasswordPort(url)) return false;
      setThePassword(url, value);
      return true;
    case 'host':
    case 'hostname':
      if (hasAnOpaquePath(url)) return false;
      basicURLParse(value, { url, stateOverride: part });
      return true;
    case 'port':
      if (cannotHaveAUsernamePasswordPort(url)) return false;
      if (value === '') url.port = null;
      else basicURLParse(value, { url, stateOverride: 'port' });
      return true;
    case 'pathname':
      if (hasAnOpaquePath(url)) return false;
      url.path = [];
      basicURLParse(value, { url, stateOverride: 'path start' });
      return true;
    case 'search':
      url.query = value === '' ? null : '';
      if (value !== '') basicURLParse(after(value, 63), { url, stateOverride: 'query' });
      return true;
    default:
      url.fragment = value === '' ? null : '';
      if (value !== '') basicURLParse(after(value, 35), { url, stateOverride: 'fragment' });
      return true;
  }
}

function after(text, code) {
  return stringCharCodeAt(text, 0) === code ? stringSlice(text, 1) : text;
}
