// What the suites of crypto have in common. Each script is evaluated by itself: what others shall see is a function or `var`.

var subtle = crypto.subtle;

function bytes(text) {
  return new TextEncoder().encode(text);
}

function unhex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], it => Number.parseInt(it, 16));
}

function hex(buffer) {
  return Array.from(new Uint8Array(buffer), it => it.toString(16).padStart(2, '0')).join('');
}

/** Imports bytes. */
function raw(algorithm, data, usages, extractable = true) {
  return subtle.importKey('raw', typeof data === 'string' ? unhex(data) : data, algorithm, extractable, usages);
}

/** What came of a call: what `show` makes of its value, or the name of its error. */
async function outcome(work, show = it => it) {
  let value;
  try {
    value = await work();
  } catch (error) {
    const isRight = error instanceof DOMException || error instanceof TypeError;
    return isRight ? error.name : `${error}`;
  }
  return show(value);
}

/** A subtest for each `[name, work, expected]`: the outcome is that one. */
function outcomes(cases, show) {
  for (const [name, work, expected] of cases) {
    promise_test(async () => {
      const got = await outcome(work, show);
      assert_equals(JSON.stringify(got), JSON.stringify(expected));
    }, name);
  }
}

/** What a key tells of itself. */
function told(key) {
  return `${key.type} ${key.extractable} ${JSON.stringify(key.algorithm)} ${key.usages}`;
}
