// Bundles the Web APIs into scripts that a bare V8 can run: `python -m snapshot.bundle`, or
// `node build.mjs`. Two builds of the same sources give the same bytes.
//
// Takes the folder with `src`, and where `dist` goes, as an optional argument.

import * as fs from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

// What a bundle becomes. Modules are bundled as ES modules and the `export` at the end is made a `return`, because
// CommonJS's helpers would cost every context that loads a chunk a call per export.
// `core`: `(function (natives, lazy) {...})`, which answers its default export, and in which `core` is an
// object; `chunk`: `(function (core) {...})`, which answers all exports of its module, so that nothing of it
// runs before it is wanted; `module`: an ES module as it is.
const entries = [
  { source: 'src/core.js', kind: 'core' },
  { source: 'src/lazy/*.js', kind: 'chunk' },
  { source: 'src/tools/*.js', kind: 'module' },
];

const wrappers = {
  core: code =>
    `(function(natives,lazy){"use strict";const core={__proto__:null,natives};${code}})\n`,
  chunk: code => `(function(core){"use strict";${code}})\n`,
};

const allowedLicences = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(process.argv[2] ?? here);
const dist = join(root, 'dist');

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
    charset: 'utf8',
    // Identifiers stay: stack traces and the names of classes and functions are part of the APIs.
    // (`keepNames` would call a function for each closure made. Without it esbuild may still rename
    // what collides, `URL` to `URL2`: core.js names each interface it exposes.)
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
  };
}

/** The `export {a as b}` that ends a bundle as `return {b: a}`, and `export {a as default}` as `return a`. */
function returning(code, kind) {
  const end = code.lastIndexOf('export{');
  const list = end === -1 ? null : code.slice(end).match(/^export\{([^}]*)\};?\s*$/);
  if (list === null) throw new Error('esbuild ended a bundle with something else than its exports');
  const names = list[1].split(',').map(it => it.split(' as '));
  if (kind === 'core') return `${code.slice(0, end)}return ${names[0][0]}`;
  const pairs = names.map(([inner, outer = inner]) =>
    inner === outer ? inner : `${outer}:${inner}`,
  );
  return `${code.slice(0, end)}return{${pairs.join()}}`;
}

function wrapped(text, kind) {
  return kind === 'module' ? text : wrappers[kind](returning(text, kind));
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
for (const { source, kind } of entries) {
  const names = fs.globSync(source, { cwd: root }).sort();
  for (const name of names) {
    const { outputFiles, metafile } = await build(options(name));
    const builtins = builtinsOf(metafile);
    if (builtins.length > 0) {
      throw new Error(`${name} needs what only Node.js has: ${builtins.join(', ')}`);
    }
    for (const file of outputFiles) files.set(file.path, wrapped(file.text, kind));
    for (const folder of packagesOf(metafile)) packages.add(resolve(root, folder));
  }
}

const licences = [...packages].map(licenceOf).sort();
files.set(join(dist, 'LICENSES.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`));

for (const [path, content] of files) replaceFile(path, content);
for (const path of fs.existsSync(dist) ? fs.globSync('**/*.js', { cwd: dist }) : []) {
  if (!files.has(join(dist, path))) fs.rmSync(join(dist, path));
}
