// How suites talk with the server of the tests (server.py).

/** The address of a scene. `bytes` may be an array of lines of a head and a body, or a string. */
function scene(name, query = {}, host = location.host) {
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${escapeBytes(Array.isArray(value) ? value.join('\r\n') : String(value))}`);
  return `http://${host}/server/${name}?${pairs.join('&')}`;
}

/** Each character is a byte. */
const escapeBytes = text => [...text].map(it => `%${it.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');

/** A response's bytes. */
const answer = (status, headers, body = '') => [`HTTP/1.1 ${status}`, ...headers, '', body];

/** The address of a response that is sent as it is, with its length. */
const sized = (status, headers, body = '', query = {}) =>
  scene('raw', { then: 'keep', ...query, bytes: answer(status, [...headers, `content-length: ${body.length}`], body) });

/** The same server as another origin. */
const elsewhere = location.host.replace('127.0.0.1', 'localhost');

let count = 0;
const newKey = () => `${Date.now()}-${++count}-${Math.random()}`;

const happened = async word => (await fetch(scene('wait_for', { word }))).json();

const tell = async word => (await fetch(scene('tell_that', { word }))).json();

async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}
