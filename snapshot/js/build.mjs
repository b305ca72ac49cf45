// Bundles the Web APIs into scripts that a bare V8 can run: `python -m snapshot.bundle`, or
// `node build.mjs`. Two builds of the same sources give the same bytes.
//
// Takes the folder with `src`, and where `dist` goes, as an optional argument.

import * as fs from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

// Modules are bundled as ES modules, and the `export` at the end is made a `return`: CommonJS's helpers would cost every
// context that loads a chunk a call per export.
//
// dist/core.js is `(function (natives) {...})` and answers the default export of src/core.js. In it are all chunks, as
// function literals in `lazy`, which answers one: a function that exists costs every context, one that could be
// made costs none. (Without parentheses around it, V8 does not compile it before it is called.) Chunks see `core` and what every script sees, but no variable of src/core.js.
// dist/rare are chunks that the host keeps outside of the snapshot; dist/warm-up.js is a function of `dispatch`; dist/tools
// are ES modules as they are.
function assembled(core, chunks) {
  const cases = chunks.map(
    ({ name, code }) => `case${JSON.stringify(name)}:return function(){${code}}`,
  );
  return (
    '(function(natives){"use strict";const core={__proto__:null,natives};' +
    `function lazy(name){switch(name){${cases.join(';')}}}` +
    `return(function(){${core}})()})\n`
  );
}

const allowedLicences = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(process.argv[2] ?? here);
const dist = join(root, 'dist');

/** What whatwg-url is given instead of packages, and of a module, that bring more than it needs. */
const stands = {
  plugin: {
    name: 'stands',
    setup(it) {
      it.onResolve({ filter: /./ }, ({ importer, path }) => {
        const stand = importer.includes('/node_modules/whatwg-url/')
          ? stands.files[path]
          : undefined;
        return stand && { path: join(root, 'src', 'url', stand) };
      });
    },
  },
  files: {
    './encoding': 'utf8.js',
    '@exodus/bytes/encoding.js': 'bytes.js',
    '@exodus/bytes/whatwg.js': 'bytes.js',
    tr46: 'tr46.js',
  },
};

/**
 * Names of built-ins become places in a list: `plain('Array')` of src/primordials.js becomes `plain(1)`, and
 * src/core/raw.js is told which name has which place.
 */
const primordials = {
  name: 'primordials',
  setup(it) {
    const path = join(root, 'src', 'primordials.js');
    const source = fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '';
    const names = [
      ...new Set([...source.matchAll(/(?:plain|method)\('(\w+)'\)/g)].map(it => it[1])),
    ];
    const placed = source.replace(
      /(plain|method)\('(\w+)'\)/g,
      (_, how, name) => `${how}(${names.indexOf(name)})`,
    );
    it.onLoad({ filter: /[/\\]src[/\\]primordials\.js$/ }, () => ({ contents: placed }));
    it.onResolve({ filter: /^isolane:raw-names$/ }, ({ path }) => ({ path, namespace: 'isolane' }));
    it.onLoad({ filter: /./, namespace: 'isolane' }, () => ({
      contents: `export const names = ${JSON.stringify(names)}`,
    }));
  },
};

function options(source) {
  return {
    format: 'esm',
    absWorkingDir: root,
    entryPoints: [source],
    outbase: 'src',
    outdir: 'dist',
    write: false,
    bundle: true,
    metafile: true,
    target: 'es2024',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    nodePaths: [join(here, 'node_modules')],
    // V8 keeps text in one byte a character, if none needs two.
    charset: 'ascii',
    // Text is memory of each isolate. What tenants see of names is set by src/interface.js; frames of our own scripts are
    // not in their stacks. (`keepNames` would call a function for each closure made.)
    minifyWhitespace: true,
    minifySyntax: true,
    minifyIdentifiers: true,
    plugins: [primordials, stands.plugin],
    legalComments: 'none',
    logLevel: 'warning',
  };
}

/** A bundle with its `export {a as b}` as `return {b: a}`, or, when `isDefault`, `return a`. */
function returning(code, isDefault) {
  const end = code.lastIndexOf('export{');
  const list = end === -1 ? null : code.slice(end).match(/^export\{([^}]*)\};?\s*$/);
  if (list === null) throw new Error('A bundle ends in something else than its exports');
  const names = list[1].split(',').map(it => it.split(' as '));
  if (isDefault) return `${code.slice(0, end)}return ${names[0][0]}`;
  const pairs = names.map(([inner, outer = inner]) =>
    inner === outer ? inner : `${outer}:${inner}`,
  );
  // Without a prototype it is a dictionary, and V8 makes no hidden class for each property.
  return `${code.slice(0, end)}return{__proto__:null,${pairs.join()}}`;
}

/** The Node.js modules a bundle wants; there is no Node.js where it runs. */
function builtinsOf({ inputs, outputs }) {
  const imports = [...Object.values(inputs), ...Object.values(outputs)].flatMap(it => it.imports);
  const paths = [...Object.keys(inputs), ...imports.map(it => it.path)];
  const external = imports.filter(it => it.external && it.path !== '<runtime>').map(it => it.path);
  return [...new Set([...paths.filter(path => isBuiltin(path)), ...external])].sort();
}

/** The folders of the packages, `.../node_modules/[@scope/]name`, something was bundled from. */
function packagesOf({ outputs }) {
  const used = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  );
  return used.flatMap(
    ([path]) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/)?.[0] ?? [],
  );
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(
    fs.readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  if (!allowedLicences.includes(license)) {
    throw new Error(`${name} ${version} has the licence ${license}, which may not be bundled`);
  }
  const file = fs
    .readdirSync(folder)
    .sort()
    .find(it => /^(licen[cs]e|copying)/i.test(it));
  const text = file
    ? fs.readFileSync(join(folder, file), 'utf8').trim()
    : '(the package has no text)';
  return `${name} ${version}: ${license}\n\n${text}\n`;
}

/** Never leaves a half-written file for those who read `dist` meanwhile. */
function replaceFile(path, content) {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(`${path}.new`, content);
  fs.renameSync(`${path}.new`, path);
}

const files = new Map();
const packages = new Set();

/** Bundles each file that `pattern` matches: its name and code. */
async function bundle(pattern) {
  const bundles = [];
  for (const source of fs.globSync(pattern, { cwd: root }).sort()) {
    const { outputFiles, metafile } = await build(options(source));
    const builtins = builtinsOf(metafile);
    if (builtins.length > 0) {
      throw new Error(`${source} needs what only Node.js has: ${builtins.join(', ')}`);
    }
    for (const folder of packagesOf(metafile)) packages.add(resolve(root, folder));
    bundles.push({ name: basename(source, '.js'), code: outputFiles[0].text });
  }
  return bundles;
}

const [core] = await bundle('src/core.js');
const chunks = await bundle('src/lazy/*.js');
for (const chunk of chunks) chunk.code = returning(chunk.code, false);
files.set(join(dist, 'core.js'), assembled(returning(core.code, true), chunks));
for (const { name, code } of await bundle('src/rare/*.js')) {
  const text = `(function(core){"use strict";${returning(code, false)}})\n//# sourceURL=isolane:${name}\n`;
  files.set(join(dist, 'rare', `${name}.js`), text);
}
for (const { name, code } of await bundle('src/warm-up.js')) {
  const text = `(function(dispatch){"use strict";${code}})\n`;
  files.set(join(dist, `${name}.js`), text);
}
for (const { name, code } of await bundle('src/tools/*.js')) {
  files.set(join(dist, 'tools', `${name}.js`), code);
}

const licences = [...packages].map(licenceOf).sort();
files.set(join(dist, 'LICENSES.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`));

for (const [path, content] of files) replaceFile(path, content);
for (const path of fs.existsSync(dist) ? fs.globSync('**/*.js', { cwd: dist }) : []) {
  if (!files.has(join(dist, path))) fs.rmSync(join(dist, path));
}
