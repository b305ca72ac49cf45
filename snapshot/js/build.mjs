// Bundles the Web APIs into scripts that a bare V8 can run: `python -m snapshot.bundle`, or
// `node build.mjs`. Two builds of the same sources give the same bytes.
//
// Takes the folder with `src`, and where `dist` goes, as an optional argument.

import * as fs from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

// `script`: runs at once, answers nothing. `chunk`: a function expression `(function (core) {...})`
// that answers the exports of its module, so that nothing of it runs before it is wanted.
const entries = [
  { source: 'src/core.js', kind: 'script' },
  { source: 'src/lazy/*.js', kind: 'chunk' },
  { source: 'src/tools/*.js', kind: 'script' },
];

const formats = {
  script: { format: 'iife' },
  chunk: {
    format: 'cjs',
    banner: {
      js: '(function(core){"use strict";var module={exports:{}},exports=module.exports;',
    },
    footer: { js: 'return module.exports})' },
  },
};

const allowedLicences = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(process.argv[2] ?? here);
const dist = join(root, 'dist');

function options({ source, kind }) {
  return {
    ...formats[kind],
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
    const { outputFiles, metafile } = await build(options({ source: name, kind }));
    const builtins = builtinsOf(metafile);
    if (builtins.length > 0) {
      throw new Error(`${name} needs what only Node.js has: ${builtins.join(', ')}`);
    }
    for (const file of outputFiles) files.set(file.path, file.contents);
    for (const folder of packagesOf(metafile)) packages.add(resolve(root, folder));
  }
}

const licences = [...packages].map(licenceOf).sort();
files.set(join(dist, 'LICENSES.txt'), licences.join(`\n${'-'.repeat(80)}\n\n`));

for (const [path, content] of files) replaceFile(path, content);
for (const path of fs.existsSync(dist) ? fs.globSync('**/*.js', { cwd: dist }) : []) {
  if (!files.has(join(dist, path))) fs.rmSync(join(dist, path));
}
