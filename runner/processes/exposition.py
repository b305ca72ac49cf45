"""The metrics of several processes as one page for Prometheus: each sample says which process it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD: Final = "# "


def merge(pages: Mapping[int, str]) -> str:
    """Return the pages, by number of their process, as one; a family's samples stay together, as the format demands."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for number, page in pages.items():
        family = ""
        for line in page.splitlines():
            if line.startswith(_HEAD):
                _, kind, family, _ = (line + " ").split(" ", 3)
                lines = heads.setdefault(family, [])
                if not any(other.startswith(f"# {kind} ") for other in lines):
                    lines.append(line)
            elif line:
                samples.setdefault(family, []).append(_labelled(line, number))
    return "".join(
        f"{line}\n" for family, head in heads.items() for line in head + samples.get(family, [])
    )


def _labelled(sample: str, number: int) -> str:
    name, brace, rest = sample.partition("{")
    if brace:
        return f'{name}{{process="{number}",{rest}'
    name, _, value = sample.partition(" ")
    return f'{name}{{process="{number}"}} {value}'
