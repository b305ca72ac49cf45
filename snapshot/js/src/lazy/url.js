export function parseForRequest(text) {
  return text;
}
