export function isSignal() {
  return false;
}
