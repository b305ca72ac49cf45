// URLPattern (https://urlpattern.spec.whatwg.org/#urlpattern-class).

import { brandInterface } from '../interface.js';
import * as canonical from '../pattern/canonical.js';
import { compile, HOSTNAME, match, matchesSpecial, PATHNAME, PLAIN } from '../pattern/component.js';
import { COMPONENTS, isSpecial, processInit } from '../pattern/init.js';
import { parseWhole } from '../pattern/whole.js';
import { stringStartsWith, TypeError } from '../primordials.js';
import { isObject, usvString } from '../webidl.js';

const { use } = core;

const MEMBERS = [
  'baseURL',
  'hash',
  'hostname',
  'password',
  'pathname',
  'port',
  'protocol',
  'search',
  'username',
];

/** A URLPatternInput: a string, or its dictionary with the members that are there. */
function inputOf(value) {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) return usvString(value);
  const init = {};
  for (let i = 0; i < MEMBERS.length; i++) {
    const given = value[MEMBERS[i]];
    if (given !== undefined) init[MEMBERS[i]] = usvString(given);
  }
  return init;
}

/** Own members only: what `{}` inherits may be a tenant's. */
const own = init => ({ __proto__: null, ...init });

/** https://urlpattern.spec.whatwg.org/#url-pattern-create; the components by their names. */
function create(input, baseURL, ignoresCase) {
  let init;
  if (typeof input === 'string') {
    init = parseWhole(input);
    if (baseURL !== undefined) init.baseURL = baseURL;
    else if (init.protocol === undefined) {
      throw new TypeError(`URLPattern: ${core.quote(input)} has no protocol, and there is no base`);
    }
  } else {
    if (baseURL !== undefined) throw new TypeError('URLPattern: a dictionary has its own baseURL');
    init = own(input);
  }
  const given = processInit(init, true);
  const { hostname = '*', pathname = '*', port = '*', protocol = '*' } = given;
  const { hash = '*', password = '*', search = '*', username = '*' } = given;
  const part = (text, encode) => compile(text, encode, PLAIN, ignoresCase);
  const scheme = compile(protocol, canonical.protocol, PLAIN, false);
  const host = isAddress(hostname) ? canonical.address : canonical.hostname;
  return {
    __proto__: null,
    protocol: scheme,
    username: compile(username, canonical.username, PLAIN, false),
    password: compile(password, canonical.password, PLAIN, false),
    hostname: compile(hostname, host, HOSTNAME, false),
    port: compile(isDefaultPort(protocol, port) ? '' : port, canonical.port, PLAIN, false),
    pathname: matchesSpecial(scheme)
      ? compile(pathname, canonical.pathname, PATHNAME, ignoresCase)
      : part(pathname, canonical.opaquePathname),
    search: part(search, canonical.search),
    hash: part(hash, canonical.hash),
  };
}

function isAddress(hostname) {
  return (
    hostname.length > 1 &&
    (stringStartsWith(hostname, '[') ||
      stringStartsWith(hostname, '{[') ||
      stringStartsWith(hostname, '\\['))
  );
}

function isDefaultPort(protocol, port) {
  if (!isSpecial(protocol)) return false;
  switch (protocol) {
    case 'http':
    case 'ws':
      return port === '80';
    case 'https':
    case 'wss':
      return port === '443';
    default:
      return protocol === 'ftp' && port === '21';
  }
}

/** The components of a URL to match; null when it is none. */
function componentsOf(input, baseURL) {
  if (typeof input !== 'string') {
    if (baseURL !== undefined) throw new TypeError('URLPattern: a dictionary has its own baseURL');
    try {
      return processInit(own(input), false);
    } catch {
      return null;
    }
  }
  const parts = use('url').parseParts(input, baseURL);
  if (parts === null) return null;
  return {
    __proto__: null,
    protocol: parts.scheme,
    username: parts.username,
    password: parts.password,
    hostname: parts.host ?? '',
    port: parts.port === null ? '' : `${parts.port}`,
    pathname: parts.pathname,
    search: parts.query ?? '',
    hash: parts.fragment ?? '',
  };
}

/** What exec answers but for `inputs`, by component; null when one does not match. */
function matchAll(components, input, baseURL) {
  const given = componentsOf(input, baseURL);
  if (given === null) return null;
  const results = { __proto__: null };
  for (let i = 0; i < COMPONENTS.length; i++) {
    const name = COMPONENTS[i];
    const result = match(components[name], given[name] ?? '');
    if (result === null) return null;
    results[name] = result;
  }
  return results;
}

export class URLPattern {
  #components;

  constructor(input = undefined, baseURL = undefined, options = undefined) {
    const pattern = inputOf(input);
    let base;
    let given = options;
    if (arguments.length < 3 && (baseURL === undefined || baseURL === null || isObject(baseURL))) {
      given = baseURL;
    } else {
      base = usvString(baseURL);
    }
    if (given !== undefined && given !== null && !isObject(given)) {
      throw new TypeError('URLPattern: the options must be an object');
    }
    this.#components = create(pattern, base, !!given?.ignoreCase);
  }

  test(input = undefined, baseURL = undefined) {
    const components = this.#components;
    const given = inputOf(input);
    return matchAll(components, given, optional(baseURL)) !== null;
  }

  exec(input = undefined, baseURL = undefined) {
    const components = this.#components;
    const given = inputOf(input);
    const base = optional(baseURL);
    const results = matchAll(components, given, base);
    if (results === null) return null;
    // In the order of WebIDL's dictionaries.
    return {
      hash: results.hash,
      hostname: results.hostname,
      inputs: base === undefined ? [given] : [given, base],
      password: results.password,
      pathname: results.pathname,
      port: results.port,
      protocol: results.protocol,
      search: results.search,
      username: results.username,
    };
  }

  get protocol() {
    return this.#components.protocol.pattern;
  }

  get username() {
    return this.#components.username.pattern;
  }

  get password() {
    return this.#components.password.pattern;
  }

  get hostname() {
    return this.#components.hostname.pattern;
  }

  get port() {
    return this.#components.port.pattern;
  }

  get pathname() {
    return this.#components.pathname.pattern;
  }

  get search() {
    return this.#components.search.pattern;
  }

  get hash() {
    return this.#components.hash.pattern;
  }

  get hasRegExpGroups() {
    const components = this.#components;
    for (let i = 0; i < COMPONENTS.length; i++) {
      if (components[COMPONENTS[i]].hasGroups) return true;
    }
    return false;
  }
}

const optional = baseURL => (baseURL === undefined ? undefined : usvString(baseURL));

brandInterface(URLPattern, 'URLPattern');
