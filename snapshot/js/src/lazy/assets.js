// Static files in `env`: op `assets` (docs/boundary.md).

const { use } = core;

export function make(name) {
  return use('service').makeFetcher('assets', name);
}
