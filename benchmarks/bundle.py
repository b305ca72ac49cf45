"""A worker as big as real ones: a bundle of many functions, of which a request needs a few."""

from __future__ import annotations

_FUNCTION = """\
function handler%(n)d(request, count) {
  const items = [];
  for (let i = 0; i < count; i += 1) {
    items.push({ id: i, name: `item-${i}-%(n)d`, value: (i * %(n)d + 7) %% 997 });
  }
  const chosen = items.filter((item) => item.value > 100 && item.name.length > 3);
  return chosen.reduce((sum, item) => sum + item.value, request.n ?? 0);
}
"""
_HANDLER = """\
const handlers = [%(names)s];
export default {
  async task(payload) {
    let total = 0;
    for (let i = 0; i < handlers.length; i += 97) total += handlers[i](payload, 3);
    return { handlers: handlers.length, finite: Number.isFinite(total) };
  },
};
"""


def make_bundle(size: int = 300_000) -> str:
    """Return a program of about ``size`` bytes."""
    count = size // len(_FUNCTION % {"n": 100})
    functions = "".join(_FUNCTION % {"n": number} for number in range(count))
    names = ", ".join(f"handler{number}" for number in range(count))
    return functions + _HANDLER % {"names": names}
