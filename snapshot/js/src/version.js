/** Isolane's version, that of pyproject.toml: a test compares them. */
export const version = '0.1.0';
