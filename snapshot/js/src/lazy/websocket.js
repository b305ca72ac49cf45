// WebSocket (https://websockets.spec.whatwg.org/), and pairs of them to answer requests with. A socket has an end; what
// it says goes to a link: another end in this context, or the world (sockets/remote.js).

import { copyBytes, viewOf } from '../buffers.js';
import { brandInterface } from '../interface.js';
import { makeList } from '../list.js';
import { originOf } from '../origin.js';
import {
  defineProperty,
  Promise,
  RangeError,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  Uint8Array,
} from '../primordials.js';
import { BINARY, LONGEST, TEXT } from '../sockets/frames.js';
import { Remote } from '../sockets/remote.js';
import {
  dictionary,
  domString,
  isObject,
  iteratorMethod,
  requireArguments,
  unsignedShort,
  usvString,
} from '../webidl.js';

const { event, inboundBody, makeResponse, makeResponseState, natives, quote, setSending, use } =
  core;
const { defineHandler, Event, EventTarget, fireTrusted } = use('events');

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const internally = { __proto__: null };

function exception(message, name) {
  return new (use('dom-exception').DOMException)(`WebSocket: ${message}`, name);
}

export class CloseEvent extends Event {
  #close;

  constructor(type, init = undefined) {
    requireArguments(arguments.length, 1, 'CloseEvent');
    super(type, init);
    const given = dictionary(init, 'CloseEvent: the second argument');
    const code = given?.code;
    const status = code === undefined ? 0 : unsignedShort(code);
    const reason = given?.reason;
    const text = reason === undefined ? '' : usvString(reason);
    this.#close = { code: status, reason: text, wasClean: !!given?.wasClean };
  }

  get wasClean() {
    return this.#close.wasClean;
  }

  get code() {
    return this.#close.code;
  }

  get reason() {
    return this.#close.reason;
  }
}

brandInterface(CloseEvent, 'CloseEvent');

/** What is behind a WebSocket. */
class End {
  state = CONNECTING;
  url = '';
  protocol = '';
  extensions = '';
  binaryType = 'blob';
  buffered = 0;
  /** Of a pair, or an answer of fetch: silent until `accept`, and free in its codes. */
  manual = false;
  accepted = false;
  /** Where what it says goes. */
  link = null;
  /** For the end of a pair that a request was answered with: all that comes to it goes on to this. */
  forwards = null;
  /** What came before it was accepted. */
  waiting = makeList();
  socket = null;
  frame = natives.getFrame();

  isOpen() {
    return this.state === CLOSING || !this.manual || this.accepted;
  }

  sent(size) {
    this.buffered -= size;
  }

  /** Text or bytes from the other side, in a task of its own. */
  receive(data) {
    if (this.state !== OPEN && this.state !== CLOSING) return;
    if (!this.isOpen()) this.waiting[this.waiting.length] = { data };
    else if (this.state === OPEN) this.fireMessage(data);
  }

  fireMessage(data) {
    natives.setFrame(this.frame);
    let value = data;
    if (typeof data !== 'string') {
      value =
        this.binaryType === 'blob'
          ? use('blob').fromBytes(data, '')
          : typedArrayBuffer(copyBytes(data));
    }
    const origin = originOf(this.url);
    fireTrusted(this.socket, use('messages').makeMessageEvent('message', value, { origin }));
  }

  opened(protocol) {
    this.state = OPEN;
    this.protocol = protocol;
    natives.setFrame(this.frame);
    fireTrusted(this.socket, new Event('open'));
  }

  closed(code, reason, wasClean) {
    if (this.state === CLOSED) return;
    if (!this.isOpen()) {
      this.waiting[this.waiting.length] = { code, reason, wasClean };
      return;
    }
    this.state = CLOSED;
    natives.setFrame(this.frame);
    if (!wasClean) fireTrusted(this.socket, new Event('error'));
    const init = { __proto__: null, code, reason, wasClean };
    fireTrusted(this.socket, new CloseEvent('close', init));
  }

  /** From now on it says and hears something. */
  accept() {
    this.accepted = true;
    this.frame = natives.getFrame();
    const { waiting } = this;
    this.waiting = makeList();
    for (let i = 0; i < waiting.length; i++) {
      const { data, code, reason, wasClean } = waiting[i];
      use('timers').background(() => {
        if (data === undefined) this.closed(code, reason, wasClean);
        else this.receive(data);
      }, 0);
    }
    this.link?.resume?.();
  }

  say(kind, bytes) {
    this.buffered += typedArrayByteLength(bytes);
    if (this.state === OPEN) this.link.send(kind, bytes);
  }

  close(code, reason) {
    if (this.state === CLOSING || this.state === CLOSED) return;
    const isConnecting = this.state === CONNECTING;
    this.state = CLOSING;
    if (isConnecting) this.link.giveUp();
    else this.link.close(code, reason);
  }
}

/** The way from one end of a pair to the other. */
class Wire {
  constructor(from, to) {
    this.from = from;
    this.to = to;
  }

  /** What is said in one turn arrives in later ones, in order. */
  send(kind, bytes) {
    use('timers').background(() => {
      this.from.sent(typedArrayByteLength(bytes));
      if (this.to.forwards !== null) this.to.forwards.send(kind, bytes);
      else this.to.receive(kind === TEXT ? natives.utf8Decode(bytes) : bytes);
    }, 0);
  }

  close(code, reason) {
    use('timers').background(() => {
      if (this.to.forwards !== null) {
        this.to.forwards.close(code, reason);
        return;
      }
      this.to.closed(code, reason, true);
      this.from.closed(code, reason, true);
    }, 0);
  }

  resume() {
    this.to.forwards?.resume();
  }
}

/** Whether `text` is a token of HTTP. */
function isToken(text) {
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code <= 32 || code >= 127 || stringIndexOf('()<>@,;:\\"/[]?={}', text[i]) !== -1)
      return false;
  }
  return text !== '';
}

function protocolsFrom(given) {
  const list = makeList();
  if (isObject(given) && iteratorMethod(given, 'WebSocket: protocols') !== undefined) {
    for (const item of given) list[list.length] = domString(item);
  } else {
    list[0] = domString(given);
  }
  for (let i = 0; i < list.length; i++) {
    if (!isToken(list[i]))
      throw exception(`${quote(list[i])} is no name of a protocol`, 'SyntaxError');
    for (let j = 0; j < i; j++) {
      if (stringToLowerCase(list[i]) === stringToLowerCase(list[j])) {
        throw exception(`the protocol ${quote(list[i])} is named twice`, 'SyntaxError');
      }
    }
  }
  return list;
}

/** An absolute URL with `ws:` or `wss:`. */
function urlFrom(given) {
  let url;
  try {
    url = use('url').serializeURL(given);
  } catch {
    throw exception(`${quote(given)} is no absolute URL`, 'SyntaxError');
  }
  const colon = stringIndexOf(url, ':');
  const scheme = stringSlice(url, 0, colon);
  const rest = stringSlice(url, colon);
  if (scheme === 'http' || scheme === 'https') url = `${scheme === 'http' ? 'ws' : 'wss'}${rest}`;
  else if (scheme !== 'ws' && scheme !== 'wss') {
    throw exception(`the scheme ${scheme}: is not that of a WebSocket`, 'SyntaxError');
  }
  if (stringIndexOf(url, '#') !== -1) throw exception('the URL has a fragment', 'SyntaxError');
  return url;
}

function listJson(list) {
  let text = '';
  for (let i = 0; i < list.length; i++) text += `${i === 0 ? '' : ','}${quote(list[i])}`;
  return `[${text}]`;
}

/** Begins the handshake of `new WebSocket`. */
function connect(end, protocols) {
  const record = `{"url":${quote(end.url)},"headers":[],"protocols":${listJson(protocols)}}`;
  const id = use('ops').start('websocket', () => record, {
    resolve(value, _buffer, number) {
      if (value.status !== 101) {
        fail();
        return;
      }
      end.link = new Remote(number, end);
      end.opened(value.protocol);
      end.link.resume();
    },
    reject(error) {
      core.log('WARN', `WebSocket ${end.url}: ${use('inspect').messageOf(error)}`);
      fail();
    },
  });
  const fail = () => end.closed(1006, '', false);
  return {
    giveUp() {
      use('ops').abort(id);
      use('timers').background(fail, 0);
    },
  };
}

let endOf;
/** Whether a value is a WebSocket. */
export let isWebSocket;

export class WebSocket extends EventTarget {
  #end;

  static {
    endOf = socket => socket.#end;
    isWebSocket = value => isObject(value) && #end in value;
  }

  constructor(url, protocols = undefined) {
    if (url === internally) {
      super();
      this.#end = protocols;
      protocols.socket = this;
      return;
    }
    requireArguments(arguments.length, 1, 'WebSocket');
    const text = usvString(url);
    const names = protocols === undefined ? makeList() : protocolsFrom(protocols);
    const end = new End();
    end.url = urlFrom(text);
    super();
    this.#end = end;
    end.socket = this;
    end.link = connect(end, names);
  }

  get url() {
    return this.#end.url;
  }

  get readyState() {
    return this.#end.state;
  }

  get bufferedAmount() {
    return this.#end.buffered;
  }

  get extensions() {
    return this.#end.extensions;
  }

  get protocol() {
    return this.#end.protocol;
  }

  close(code = undefined, reason = undefined) {
    const end = this.#end;
    const status = code === undefined ? undefined : clampedShort(code);
    const text = reason === undefined ? '' : usvString(reason);
    if (status !== undefined && !isCode(status, end.manual)) {
      throw exception(`${status} is no code to close with`, 'InvalidAccessError');
    }
    if (typedArrayByteLength(utf8(text)) > 123) {
      throw exception('a reason has 123 bytes at most', 'SyntaxError');
    }
    end.close(status ?? (text === '' ? 1005 : 1000), text);
  }

  get binaryType() {
    return this.#end.binaryType;
  }

  set binaryType(value) {
    const end = this.#end;
    const type = domString(value);
    if (type === 'blob' || type === 'arraybuffer') end.binaryType = type;
  }

  send(data) {
    const end = this.#end;
    requireArguments(arguments.length, 1, 'WebSocket.send');
    const { blob } = core.made;
    let kind = BINARY;
    let bytes;
    if (blob?.isBlob(data)) bytes = copyBytes(blob.bytesOf(data));
    else bytes = viewOf(data) === undefined ? undefined : copyBytes(data);
    if (bytes === undefined) {
      kind = TEXT;
      bytes = utf8(usvString(data));
    }
    if (end.state === CONNECTING) throw exception('it is not connected yet', 'InvalidStateError');
    if (end.manual && !end.accepted) throw exception('call accept() before', 'InvalidStateError');
    if (typedArrayByteLength(bytes) > LONGEST) {
      throw new TypeError(`WebSocket.send: a message has ${LONGEST} bytes at most`);
    }
    end.say(kind, bytes);
  }

  /** Of a pair, or an answer of `fetch`: from now on it sends and receives. */
  accept() {
    const end = this.#end;
    if (!end.manual) throw new TypeError('WebSocket.accept: it was made by its constructor');
    if (end.forwards !== null)
      throw new TypeError('WebSocket.accept: a request was answered with it');
    if (end.accepted) throw new TypeError('WebSocket.accept: it was called already');
    end.accept();
  }
}

brandInterface(WebSocket, 'WebSocket');
for (const type of ['open', 'error', 'close', 'message'])
  defineHandler(WebSocket.prototype, type, endOf);
const states = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
for (let value = 0; value < states.length; value++) {
  const constant = { __proto__: null, value, enumerable: true };
  defineProperty(WebSocket, states[value], constant);
  defineProperty(WebSocket.prototype, states[value], constant);
}

/** `[Clamp] unsigned short`. */
function clampedShort(value) {
  const number = +value;
  if (!(number > 0)) return 0;
  return number > 65535 ? 65535 : number | 0;
}

function isCode(code, isFree) {
  if (code === 1000 || (code >= 3000 && code <= 4999)) return true;
  return isFree && code > 1000 && code < 3000 && !(code >= 1004 && code <= 1006) && code !== 1015;
}

function utf8(text) {
  return new Uint8Array(natives.utf8Encode(text));
}

function manualEnd() {
  const end = new End();
  end.manual = true;
  end.state = OPEN;
  end.binaryType = 'arraybuffer';
  return end;
}

/** Two sockets, each the other's peer, as `0` and `1`. */
export class WebSocketPair {
  constructor() {
    const one = manualEnd();
    const two = manualEnd();
    one.link = new Wire(one, two);
    two.link = new Wire(two, one);
    define(this, '0', new WebSocket(internally, one));
    define(this, '1', new WebSocket(internally, two));
  }
}

brandInterface(WebSocketPair, 'WebSocketPair');

function define(object, name, value) {
  defineProperty(object, name, {
    __proto__: null,
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

// Answers to requests.

/** Checks what a Response of status 101 is made with. */
export function checkSocket(value) {
  if (!isWebSocket(value)) {
    throw new RangeError('Response: status 101 needs a webSocket, one of a WebSocketPair');
  }
  const end = endOf(value);
  if (!end.manual || end.accepted || end.forwards !== null) {
    throw new TypeError('Response: the webSocket was accepted, or used for another response');
  }
  return value;
}

/** Gives a response the property that tells its socket. */
export function show(response, socket) {
  define(response, 'webSocket', socket);
}

const BACKLOG = LONGEST;

/** Whether the event's request came by a way that can become a socket: the runner tells by this header. */
function isAskedFor() {
  const { headers } = event();
  for (let i = 0; i < headers.length; i++) {
    if (headers[i][0] === 'upgrade' && headers[i][1] === 'websocket') return true;
  }
  return false;
}

/** An end that passes on to `other()`, another way into the world, and waits when that is slow. */
function passing(other, over) {
  return {
    isOpen: () => other().queued < BACKLOG,
    receive(data) {
      if (typeof data === 'string') other().send(TEXT, utf8(data));
      else other().send(BINARY, data);
    },
    sent: () => other().resume(),
    closed(code, reason) {
      other().close(code === 1006 ? 1011 : code, reason);
      over();
    },
  };
}

/**
 * Answers the event's request with a socket: what comes to it goes to the client. `begin()` sends the head of the response.
 */
export function answer(socket, begin) {
  if (!isAskedFor()) {
    throw new TypeError(
      'The request does not ask for a WebSocket: it has no header upgrade: websocket',
    );
  }
  checkSocket(socket);
  const mine = event();
  const end = endOf(socket);
  const { link, waiting } = end;
  const over = () => {
    if (mine === event()) setSending(false);
  };
  begin();
  setSending(true);
  end.accepted = true;
  end.waiting = makeList();
  if (link instanceof Remote) {
    // What fetch gave: from one server to the client, and back.
    const client = new Remote(
      0,
      passing(() => link, over),
    );
    end.forwards = client;
    link.attach(
      passing(
        () => client,
        () => {},
      ),
    );
    link.resume();
    client.resume();
    return;
  }
  const other = link.to;
  const client = new Remote(0, {
    isOpen: () => other.isOpen(),
    receive: data => other.receive(data),
    sent() {},
    closed(code, reason, wasClean) {
      other.closed(code, reason, wasClean);
      over();
    },
  });
  end.forwards = client;
  for (let i = 0; i < waiting.length; i++) {
    const { data, code, reason } = waiting[i];
    if (data === undefined) client.close(code, reason);
    else if (typeof data === 'string') client.send(TEXT, utf8(data));
    else client.send(BINARY, data);
  }
  client.resume();
}

/** fetch() with `upgrade: websocket`: `record` is the op's arguments as JSON text. */
export function fetchSocket(record, signal) {
  return new Promise((resolve, reject) => {
    let stop = null;
    const id = use('ops').start('websocket', () => record, {
      resolve(value, buffer, number) {
        stop?.();
        const isUpgraded = value.status === 101;
        const body = inboundBody(isUpgraded ? null : value.body, buffer, number);
        const state = makeResponseState(value.status, value.statusText, null, body);
        state.type = 'basic';
        state.url = value.url;
        state.pairs = value.headers;
        state.guard = 'immutable';
        const response = makeResponse(state);
        if (isUpgraded) {
          const end = manualEnd();
          end.url = value.url;
          end.protocol = value.protocol;
          end.link = new Remote(number, end);
          const socket = new WebSocket(internally, end);
          state.webSocket = socket;
          show(response, socket);
        }
        resolve(response);
      },
      reject(error) {
        stop?.();
        reject(error);
      },
    });
    if (signal === null) return;
    stop = use('abort').whenAborted(signal, () => {
      use('ops').abort(id);
      reject(use('abort').reasonOf(signal));
    });
  });
}
