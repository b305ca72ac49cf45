// A task: `isolane run examples/task.js --payload '{"name":"😀"}'` prints what the handler returns.
// Console lines go to stderr, so that the result can be piped.
export default {
  async task(payload) {
    const name = payload?.name ?? 'world';
    console.log(`greeting ${name}`);
    return { hello: name, letters: [...name].length };
  },
};
