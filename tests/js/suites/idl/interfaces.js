// The interfaces of ECMA-429 as their standards write them, one after another:
//
//   name [: parent] (arguments needed by the constructor | - for none) members
//
// A member is `name` for a readonly attribute, `name=` for one that can be set, `name(n)` for an operation with so many arguments needed,
// `name(n)!` for one that returns a promise, `static name(n)`, or `NAME:value` for a constant; `iterable` stands for four operations, `more` for
// what other standards add.

const table = `
AbortController (0) signal abort(0)
AbortSignal : EventTarget - static abort(0) static timeout(1) static any(1) aborted reason throwIfAborted(0) onabort=
Event (1) type target srcElement currentTarget composedPath(0) NONE:0 CAPTURING_PHASE:1 AT_TARGET:2 BUBBLING_PHASE:3 eventPhase
  stopPropagation(0) cancelBubble= stopImmediatePropagation(0) bubbles cancelable returnValue= preventDefault(0) defaultPrevented composed timeStamp
  initEvent(1)
EventTarget (0) addEventListener(2) removeEventListener(2) dispatchEvent(1)
CustomEvent : Event (1) detail initCustomEvent(1)
ErrorEvent : Event (1) message filename lineno colno error
PromiseRejectionEvent : Event (2) promise reason
DOMException (0) name message code INDEX_SIZE_ERR:1 DOMSTRING_SIZE_ERR:2 HIERARCHY_REQUEST_ERR:3 WRONG_DOCUMENT_ERR:4 INVALID_CHARACTER_ERR:5
  NO_DATA_ALLOWED_ERR:6 NO_MODIFICATION_ALLOWED_ERR:7 NOT_FOUND_ERR:8 NOT_SUPPORTED_ERR:9 INUSE_ATTRIBUTE_ERR:10 INVALID_STATE_ERR:11
  SYNTAX_ERR:12 INVALID_MODIFICATION_ERR:13 NAMESPACE_ERR:14 INVALID_ACCESS_ERR:15 VALIDATION_ERR:16 TYPE_MISMATCH_ERR:17 SECURITY_ERR:18
  NETWORK_ERR:19 ABORT_ERR:20 URL_MISMATCH_ERR:21 QUOTA_EXCEEDED_ERR:22 TIMEOUT_ERR:23 INVALID_NODE_TYPE_ERR:24 DATA_CLONE_ERR:25
Headers (0) append(2) delete(1) get(1) getSetCookie(0) has(1) set(2) iterable
Request (1) method url headers destination referrer referrerPolicy mode credentials cache redirect integrity keepalive isReloadNavigation
  isHistoryNavigation signal duplex clone(0) body bodyUsed arrayBuffer(0)! blob(0)! bytes(0)! formData(0)! json(0)! text(0)!
Response (0) static error(0) static redirect(1) static json(1) type url redirected status ok statusText headers clone(0) body bodyUsed
  arrayBuffer(0)! blob(0)! bytes(0)! formData(0)! json(0)! text(0)!
FormData (0) append(2) delete(1) get(1) getAll(1) has(1) set(2) iterable
Blob (0) size type slice(0) stream(0) text(0)! arrayBuffer(0)! textStream(0) bytes(0)!
File : Blob (2) name lastModified webkitRelativePath
TextDecoder (0) encoding fatal ignoreBOM decode(0)
TextDecoderStream (0) encoding fatal ignoreBOM readable writable
TextEncoder (0) encoding encode(0) encodeInto(2)
TextEncoderStream (0) encoding readable writable
URL (1) static parse(1) static canParse(1) static createObjectURL(1) static revokeObjectURL(1) href= origin protocol= username= password= host=
  hostname= port= pathname= search= searchParams hash= toJSON(0) toString(0)
URLSearchParams (0) size append(2) delete(1) get(1) getAll(1) has(1) set(2) sort(0) toString(0) iterable
URLPattern (0) test(0) exec(0) protocol username password hostname port pathname search hash hasRegExpGroups
ByteLengthQueuingStrategy (1) highWaterMark size
CountQueuingStrategy (1) highWaterMark size
ReadableByteStreamController - byobRequest desiredSize close(0) enqueue(1) error(0)
ReadableStream (0) static from(1) locked cancel(0)! getReader(0) pipeThrough(1) pipeTo(1)! tee(0) values(0)
ReadableStreamBYOBReader (1) read(1)! releaseLock(0) closed! cancel(0)!
ReadableStreamBYOBRequest - view respond(1) respondWithNewView(1)
ReadableStreamDefaultController - desiredSize close(0) enqueue(0) error(0)
ReadableStreamDefaultReader (1) read(0)! releaseLock(0) closed! cancel(0)!
TransformStream (0) readable writable
TransformStreamDefaultController - desiredSize enqueue(0) error(0) terminate(0)
WritableStream (0) locked abort(0)! close(0)! getWriter(0)
WritableStreamDefaultController - signal error(0)
WritableStreamDefaultWriter (1) closed! desiredSize ready! abort(0)! close(0)! releaseLock(0) write(0)!
CompressionStream (1) readable writable
DecompressionStream (1) readable writable
Crypto - subtle getRandomValues(1) randomUUID(0)
CryptoKey - type extractable algorithm usages
SubtleCrypto - encrypt(3)! decrypt(3)! sign(3)! verify(4)! digest(2)! generateKey(3)! deriveKey(5)! deriveBits(2)! importKey(5)! exportKey(2)! wrapKey(4)!
  unwrapKey(7)!
MessageChannel (0) port1 port2
MessageEvent : Event (1) data origin lastEventId source ports initMessageEvent(1)
MessagePort : EventTarget - postMessage(1) start(0) close(0) onclose= onmessage= onmessageerror=
Performance : EventTarget - now(0) timeOrigin toJSON(0) more
`;

const MEMBER = /^(\w+?)(?:(=)|\((\d)\)|:(\d+))?(!)?$/;

/** `{name, parent, needed, members: [{name, kind, needed, value, isStatic, isPromise}], isIterable, isOpen}` of each interface. */
function readInterfaces() {
  const lines = table.trim().replaceAll('\n  ', ' ').split('\n');
  return lines.map(line => {
    const [, name, parent, constructor, rest] = line.match(/^(\w+)(?: : (\w+))? (\(\d\)|-) (.*)$/);
    const words = rest.replaceAll('static ', 'static:').split(' ');
    const members = words.filter(it => it !== 'iterable' && it !== 'more').map(word => {
      const isStatic = word.startsWith('static:');
      const [, member, settable, needed, value, promise] = word.replace('static:', '').match(MEMBER);
      const kind = needed !== undefined ? 'operation' : value !== undefined ? 'constant' : settable ? 'settable' : 'attribute';
      return { name: member, kind, needed: Number(needed), value: Number(value), isStatic, isPromise: promise === '!' };
    });
    const needed = constructor === '-' ? null : Number(constructor[1]);
    return { name, parent: parent ?? null, needed, members, isIterable: words.includes('iterable'), isOpen: words.includes('more') };
  });
}
