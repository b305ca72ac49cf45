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

/**
 * A part of a URL as the parser makes it, alone: null when it can not be one. `scheme` tells a default port.
 */
export function canonical(part, text, scheme) {
  const url = basicURLParse('https://dummy.invalid/');
  const run = stateOverride => basicURLParse(text, { url, stateOverride }) !== null;
  switch (part) {
    case 'username':
      setTheUsername(url, text);
      return url.username;
    case 'password':
      setThePassword(url, text);
      return url.password;
    case 'hostname':
      return run('hostname') ? serializeHost(url.host) : null;
    case 'port':
      url.scheme = scheme ?? '';
      if (!run('port')) return null;
      return url.port === null ? '' : `${url.port}`;
    case 'pathname':
      url.path = [];
      run('path start');
      return serializePath(url);
    case 'opaque path':
      url.path = '';
      run('opaque path');
      return url.path;
    case 'search':
      url.query = '';
      run('query');
      return url.query;
    default:
      url.fragment = '';
      run('fragment');
      return url.fragment;
  }
}

function after(text, code) {
  return stringCharCodeAt(text, 0) === code ? stringSlice(text, 1) : text;
}
