// How the sources hang together.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Execution, taskEvent } from './harness.mjs';

const js = new URL('..', import.meta.url);
const read = path => readFileSync(new URL(path, js), 'utf8');
const sources = globSync('src/**/*.js', { cwd: js });

test('no chunk has a second copy of the state in src/core', () => {
  for (const path of sources.filter(it => !/^src\/core(\.js|\/)/.test(it))) {
    assert.doesNotMatch(read(path), /from '[./]*\/core\//, path);
  }
});

test('every built-in that is kept is used', () => {
  const names = [...read('src/primordials.js').matchAll(/^export const (\w+) = .*\('(\w+)'\);$/gm)];
  const others = sources.filter(path => !/raw\.js|primordials\.js/.test(path));
  const users = others.map(read).join('\n');
  for (const [, name] of names) assert.match(users, new RegExp(`\\b${name}\\b`));
  const raw = read('src/core/raw.js');
  for (const [, , key] of names) assert.match(raw, new RegExp(`^ {2}${key}[,:]`, 'm'));
});

test('the version is that of the project', () => {
  const project = /^version = "(.*)"$/m.exec(read('../../pyproject.toml'))[1];
  const it = new Execution();
  it.init(taskEvent(null));
  assert.equal(it.evaluate('navigator.userAgent'), `Isolane/${project}`);
});

test('types are stripped, and lines stay', async () => {
  const it = new Execution();
  const files = {
    'a.ts': `import type { T } from './t';\nenum E { A = 1 }\nexport const f = (x: number): string =>\n  \`\${x satisfies number}\`;\nclass C { constructor(private readonly y?: T) {} }\n`,
  };
  it.init(taskEvent({ files }));
  await it.run(read('dist/tools/strip-types.js'));
  const stripped = it.result.data.files['a.ts'];
  assert.doesNotMatch(stripped, /number|import type|private/);
  assert.equal(
    stripped.split('\n').findIndex(line => line.includes('const f')),
    2,
  );

  const bad = new Execution();
  bad.init(taskEvent({ files: { 'bad.ts': 'const a = 1;\nconst b: = 2;\n' } }));
  await bad.run(read('dist/tools/strip-types.js'));
  assert.equal(bad.state, 'DX');
  assert.match(bad.error.message, /^bad\.ts:2:10: /);
});
