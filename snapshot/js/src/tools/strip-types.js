// A task that takes the types out of TypeScript files: `{files: {path: source}}` becomes `{files: {path: javascript}}`. Lines stay
// where they are, so that errors name the line of the source.

import { transform } from 'sucrase';

/** The line and column, from 1, that sucrase puts at the end of its messages. */
function placeOf(message) {
  const match = /\((\d+):(\d+)\)$/.exec(message);
  return match === null ? { line: 1, column: 1 } : { line: +match[1], column: +match[2] };
}

function strip(path, source) {
  try {
    return transform(source, {
      transforms: ['typescript'],
      disableESTransforms: true,
      preserveDynamicImport: true,
      // Or an import of which only types are used stays, and fails.
      keepUnusedImports: false,
      filePath: path,
    }).code;
  } catch (cause) {
    const { line, column } = placeOf(cause.message);
    const reason = cause.message
      .replace(/^Error transforming [^:]*: /, '')
      .replace(/ \(\d+:\d+\)$/, '');
    throw new SyntaxError(`${path}:${line}:${column}: ${reason}`);
  }
}

export default {
  task({ files }) {
    const stripped = {};
    for (const [path, source] of Object.entries(files)) stripped[path] = strip(path, source);
    return { files: stripped };
  },
};
