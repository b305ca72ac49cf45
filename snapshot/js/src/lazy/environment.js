// `env` as a global, for listeners, which are called with an event alone.

export const env = core.environment();
