// The worker that one test file runs in: its scripts are evaluated one by one as classic scripts of the global scope, then their results
// are the task's result. See wpt.py for the payload.

export default {
  async task({ scripts, imports, base, realm }) {
    const finished = prepare(base, realm, imports);
    let problem = null;
    for (const { name, text } of scripts) {
      try {
        evaluate(name, text);
      } catch (error) {
        problem = `${name}: ${error?.stack ?? error}`;
        break;
      }
      if (name === 'harness') {
        if (scripts.some(it => it.name.endsWith('/idlharness.js'))) showAsWorker();
        setup({ explicit_done: true });
        add_completion_callback((tests, status) => finished.resolve({ tests, status }));
      }
    }
    if (problem !== null) return { status: 1, message: problem, tests: [] };
    done();
    const { tests, status } = await finished.promise;
    return {
      status: status.status,
      message: status.message ?? null,
      tests: tests.map(({ name, status, message }) => ({ name, status, message: message ?? null })),
    };
  },
};

/** Evaluates a script. What it declares is global, as a classic script's is; of eval that is only true of functions and `var` without strict mode. */
function evaluate(name, text) {
  (0, eval)(`${text}\n;${exported(text)}\n//# sourceURL=${name}`);
}

const DECLARATION = /^(?:async )?(function\*?|class|const|let|var)\s+(?:([\w$]+)|\{([^}]*)\})/gm;

/** Code that makes the declarations at the beginning of lines properties of the global object. */
function exported(text) {
  let code = '';
  for (const [, kind, name, pattern] of text.matchAll(DECLARATION)) {
    const names = name ? [name] : pattern.split(',').map(it => it.split('=')[0].split(':').pop().trim());
    for (const it of names) {
      if (!/^[\w$]+$/.test(it)) continue;
      // It may change yet; what is in a comment is no declaration.
      const shape = kind === 'let' ? `get: () => ${it}, set: value => { ${it} = value }` : `value: ${it}, writable: true`;
      const isThere = kind === 'let' ? 'false' : `typeof ${it} === 'undefined'`;
      code += `${isThere} || Object.defineProperty(globalThis, '${it}', { ${shape}, enumerable: true, configurable: true });`;
    }
  }
  return code;
}

/** For idlharness.js, which looks for interfaces that are exposed in the kind of global scope that it knows. */
function showAsWorker() {
  globalThis.DedicatedWorkerGlobalScope = class {
    static [Symbol.hasInstance](value) {
      return value === globalThis;
    }
  };
}

/** What test files expect of a global scope beside the web platform. */
function prepare(base, realm, imports) {
  const location = new URL(base);
  const plainFetch = fetch;
  const PlainRequest = Request;
  const resolved = input => (typeof input === 'string' ? new URL(input, location).href : input);
  Object.assign(globalThis, {
    GLOBAL: {
      isWindow: () => false,
      isWorker: () => realm === 'worker',
      isShadowRealm: () => false,
    },
  });
  Object.defineProperty(globalThis, 'location', { value: location, configurable: true });
  // Nothing else can be done at once: the runner found these scripts by their names in the text.
  if (realm === 'worker') {
    globalThis.importScripts = (...names) => {
      for (const name of names) {
        if (!Object.hasOwn(imports, name)) throw new DOMException(`${name} was not found`, 'NetworkError');
        evaluate(name, imports[name]);
      }
    };
  }
  // Fixtures are named relative to the file; there is no base for URLs in a worker of ours.
  globalThis.fetch = {
    fetch(input, init = undefined) {
      return plainFetch(resolved(input), init);
    },
  }.fetch;
  globalThis.Request = new Proxy(PlainRequest, {
    construct: (target, [input, ...rest], it) =>
      Reflect.construct(target, [resolved(input), ...rest], it),
  });
  PlainRequest.prototype.constructor = Request;
  const redirect = Response.redirect;
  Response.redirect = {
    redirect(url, ...rest) {
      return redirect(...(arguments.length === 0 ? [] : [resolved(url), ...rest]));
    },
  }.redirect;
  return Promise.withResolvers();
}
