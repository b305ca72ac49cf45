// The part of web-platform-tests' testharness.js that our own suites use, under the same names:
// https://web-platform-tests.org/writing-tests/testharness-api.html. A checkout's own harness takes its place when there is one.

(() => {
  const results = [];
  const completions = [];
  const cleanups = [];
  let chain = Promise.resolve();
  let pending = 0;
  let loaded = false;
  let explicit = false;

  class AssertionError extends Error {
    name = 'AssertionError';
  }

  const same = (a, b) => (a === b ? a !== 0 || 1 / a === 1 / b : a !== a && b !== b);
  const show = value => {
    try {
      if (typeof value === 'string') return JSON.stringify(value);
      if (typeof value === 'object' && value !== null) {
        return Array.isArray(value) ? `[${value.map(show).join(', ')}]` : Object.prototype.toString.call(value);
      }
      return Object.is(value, -0) ? '-0' : String(value);
    } catch {
      return '(not showable)';
    }
  };
  const assert = (ok, what, note) => {
    if (!ok) throw new AssertionError(note === undefined ? what : `${note}: ${what}`);
  };

  const assertions = {
    assert_true: (value, note) => assert(value === true, `expected true, got ${show(value)}`, note),
    assert_false: (value, note) => assert(value === false, `expected false, got ${show(value)}`, note),
    assert_equals: (actual, expected, note) =>
      assert(same(actual, expected), `expected ${show(expected)}, got ${show(actual)}`, note),
    assert_not_equals: (actual, other, note) =>
      assert(!same(actual, other), `got ${show(actual)}, which it must not be`, note),
    assert_in_array: (actual, expected, note) =>
      assert(expected.includes(actual), `${show(actual)} is none of ${show(expected)}`, note),
    assert_array_equals(actual, expected, note) {
      assert(
        typeof actual === 'object' && actual !== null && 'length' in actual,
        `${show(actual)} is no array`,
        note,
      );
      assert(
        actual.length === expected.length,
        `expected length ${expected.length}, got ${actual.length}: ${show(actual)}`,
        note,
      );
      for (let i = 0; i < expected.length; i++) {
        assert(i in actual === i in expected, `index ${i} is there in one alone`, note);
        assert(same(actual[i], expected[i]), `index ${i}: expected ${show(expected[i])}, got ${show(actual[i])}`, note);
      }
    },
    assert_object_equals(actual, expected, note) {
      const walk = (a, b, path) => {
        if (typeof b !== 'object' || b === null) {
          assert(same(a, b), `${path}: expected ${show(b)}, got ${show(a)}`, note);
          return;
        }
        assert(typeof a === 'object' && a !== null, `${path}: expected an object, got ${show(a)}`, note);
        for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
          assert(Object.hasOwn(a, key) === Object.hasOwn(b, key), `${path}.${key} is there in one alone`, note);
          walk(a[key], b[key], `${path}.${key}`);
        }
      };
      walk(actual, expected, 'object');
    },
    assert_approx_equals: (actual, expected, epsilon, note) =>
      assert(
        same(actual, expected) || Math.abs(actual - expected) <= epsilon,
        `expected ${expected} +/- ${epsilon}, got ${actual}`,
        note,
      ),
    assert_less_than: (actual, limit, note) =>
      assert(typeof actual === 'number' && actual < limit, `${show(actual)} is not less than ${limit}`, note),
    assert_less_than_equal: (actual, limit, note) =>
      assert(typeof actual === 'number' && actual <= limit, `${show(actual)} is more than ${limit}`, note),
    assert_greater_than: (actual, limit, note) =>
      assert(typeof actual === 'number' && actual > limit, `${show(actual)} is not more than ${limit}`, note),
    assert_greater_than_equal: (actual, limit, note) =>
      assert(typeof actual === 'number' && actual >= limit, `${show(actual)} is less than ${limit}`, note),
    assert_between_exclusive: (actual, lower, upper, note) =>
      assert(actual > lower && actual < upper, `${show(actual)} is not between ${lower} and ${upper}`, note),
    assert_regexp_match: (actual, expected, note) =>
      assert(expected.test(actual), `${show(actual)} does not match ${expected}`, note),
    assert_class_string: (object, name, note) =>
      assertions.assert_equals(Object.prototype.toString.call(object), `[object ${name}]`, note),
    assert_own_property: (object, name, note) =>
      assert(Object.hasOwn(object, name), `there is no own property ${String(name)}`, note),
    assert_not_own_property: (object, name, note) =>
      assert(!Object.hasOwn(object, name), `there is an own property ${String(name)}`, note),
    assert_inherits: (object, name, note) =>
      assert(!Object.hasOwn(object, name) && name in object, `${String(name)} is not inherited`, note),
    assert_idl_attribute: (object, name, note) =>
      assert(name in object, `there is no attribute ${String(name)}`, note),
    assert_readonly(object, name, note) {
      const before = object[name];
      try {
        object[name] = `${before}a`;
        assert(same(object[name], before), `${String(name)} can be changed`, note);
      } finally {
        object[name] = before;
      }
    },
    assert_unreached: note => assert(false, 'reached what must not be reached', note),
    assert_implements: (condition, note) => assert(Boolean(condition), 'is not implemented', note),
    assert_implements_optional: (condition, note) => assert(Boolean(condition), 'is not implemented', note),
    assert_throws_js(constructor, work, note) {
      let thrown = false;
      try {
        work();
      } catch (error) {
        thrown = true;
        checkError(error, constructor, note);
      }
      assert(thrown, `expected ${constructor.name}, nothing was thrown`, note);
    },
    assert_throws_dom(type, ...rest) {
      if (typeof rest[0] !== 'function' || rest[0].prototype?.constructor === rest[0]) {
        if (rest[0] === globalThis.DOMException) rest.shift();
      }
      const [work, note] = rest;
      let thrown = false;
      try {
        work();
      } catch (error) {
        thrown = true;
        checkException(error, type, note);
      }
      assert(thrown, `expected a DOMException ${type}, nothing was thrown`, note);
    },
    assert_throws_exactly(expected, work, note) {
      let thrown = false;
      try {
        work();
      } catch (error) {
        thrown = true;
        assert(same(error, expected), `expected ${show(expected)}, ${show(error)} was thrown`, note);
      }
      assert(thrown, `expected ${show(expected)}, nothing was thrown`, note);
    },
  };

  const codes = { IndexSizeError: 1, NotFoundError: 8, NotSupportedError: 9, InvalidStateError: 11, SyntaxError: 12 };
  codes.InvalidModificationError = 13;
  Object.assign(codes, { InvalidAccessError: 15, TypeMismatchError: 17, NetworkError: 19, AbortError: 20 });
  Object.assign(codes, { QuotaExceededError: 22, TimeoutError: 23, DataCloneError: 25, InvalidCharacterError: 5 });
  const legacy = { INDEX_SIZE_ERR: 'IndexSizeError', SYNTAX_ERR: 'SyntaxError', DATA_CLONE_ERR: 'DataCloneError' };

  function checkError(error, constructor, note) {
    assert(typeof error === 'object' && error !== null, `expected ${constructor.name}, ${show(error)} was thrown`, note);
    assert(
      error.constructor === constructor && error.name === constructor.name,
      `expected ${constructor.name}, got ${error.name}: ${error.message}`,
      note,
    );
  }

  function checkException(error, type, note) {
    const name = typeof type === 'number' ? Object.keys(codes).find(it => codes[it] === type) : (legacy[type] ?? type);
    assert(error instanceof DOMException, `expected a DOMException ${name}, got ${error?.name}: ${error?.message}`, note);
    assert(error.name === name, `expected ${name}, got ${error.name}: ${error.message}`, note);
    assert(error.code === (codes[name] ?? 0), `the code of ${name} is ${error.code}`, note);
  }

  class Test {
    constructor(name) {
      this.name = name;
      this.cleanups = [];
      this.ended = false;
      pending += 1;
      this.finished = new Promise(resolve => {
        this.finish = resolve;
      });
    }

    step(work, self = this, ...args) {
      if (this.ended) return undefined;
      try {
        return work.apply(self, args);
      } catch (error) {
        this.end(error);
        return undefined;
      }
    }

    step_func(work, self = this) {
      return (...args) => this.step(work, self, ...args);
    }

    step_func_done(work, self = this) {
      return (...args) => {
        if (work) this.step(work, self, ...args);
        this.done();
      };
    }

    step_timeout(work, ms, ...args) {
      return setTimeout(this.step_func(() => work.apply(this, args)), ms);
    }

    unreached_func(note) {
      return this.step_func(() => assertions.assert_unreached(note));
    }

    add_cleanup(work) {
      this.cleanups.push(work);
    }

    done() {
      this.end();
    }

    async end(error) {
      if (this.ended) return;
      this.ended = true;
      for (const cleanup of this.cleanups) {
        try {
          await cleanup();
        } catch (late) {
          error ??= late;
        }
      }
      results.push({
        name: this.name,
        status: error === undefined ? 0 : 1,
        message: error === undefined ? null : `${error?.name}: ${error?.message}`,
        stack: error?.stack ?? null,
      });
      pending -= 1;
      this.finish();
      check();
    }
  }

  function check() {
    if (!loaded || pending > 0) return;
    const names = new Set();
    const twice = results.map(it => it.name).find(name => names.size === names.add(name).size);
    const status = twice === undefined ? 0 : 1;
    const message = twice === undefined ? null : `two subtests have the name ${show(twice)}`;
    for (const complete of completions.splice(0)) complete(results, { status, message });
  }

  let unnamed = 0;
  const named = name => (name === undefined ? `unnamed ${++unnamed}` : `${name}`);

  Object.assign(globalThis, assertions, {
    test(work, name) {
      const it = new Test(named(name));
      it.step(work, it, it);
      it.done();
    },
    async_test(work, name) {
      const it = new Test(named(typeof work === 'function' ? name : work));
      if (typeof work === 'function') it.step(work, it, it);
      return it;
    },
    promise_test(work, name) {
      const it = new Test(named(name));
      // One after the other, as a checkout's harness has it.
      chain = chain.then(async () => {
        try {
          await work.call(it, it);
          it.done();
        } catch (error) {
          it.end(error ?? new Error('rejected with nothing'));
        }
        await it.finished;
      });
    },
    async promise_rejects_js(_, constructor, promise, note) {
      let error;
      try {
        await promise;
      } catch (thrown) {
        error = [thrown];
      }
      assert(error !== undefined, `expected ${constructor.name}, the promise was fulfilled`, note);
      checkError(error[0], constructor, note);
    },
    async promise_rejects_dom(_, type, ...rest) {
      if (rest[0] === globalThis.DOMException) rest.shift();
      const [promise, note] = rest;
      let error;
      try {
        await promise;
      } catch (thrown) {
        error = [thrown];
      }
      assert(error !== undefined, `expected ${type}, the promise was fulfilled`, note);
      checkException(error[0], type, note);
    },
    async promise_rejects_exactly(_, expected, promise, note) {
      let error;
      try {
        await promise;
      } catch (thrown) {
        error = [thrown];
      }
      assert(error !== undefined, `expected ${show(expected)}, the promise was fulfilled`, note);
      assert(same(error[0], expected), `expected ${show(expected)}, got ${show(error[0])}`, note);
    },
    setup(work, properties = typeof work === 'function' ? {} : work) {
      if (typeof work === 'function') work();
      explicit ||= properties.explicit_done === true;
    },
    promise_setup(work) {
      pending += 1;
      chain = chain.then(work).finally(() => {
        pending -= 1;
        check();
      });
    },
    step_timeout: (work, ms, ...args) => setTimeout(work, ms, ...args),
    format_value: show,
    generate_tests: (work, cases) => {
      for (const [name, ...args] of cases) globalThis.test(() => work(...args), name);
    },
    add_completion_callback: work => completions.push(work),
    done() {
      loaded = true;
      check();
    },
  });
})();
