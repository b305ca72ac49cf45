"""``PATCH /v1/queues/:id``: what a body changes of a task, checked again as a whole.

Fields are replaced, null takes one away; ``query``, ``headers``, ``proxyHeaders`` and ``metadata`` are changed key by key. A value that is
sent as :mod:`masking <runner.tasks_server.masking>` shows it stays what it is, so that what one has read can be sent back. Must not know
whether the task may be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.tasks_server.checking import CheckError, expected
from runner.tasks_server.errors import invalid
from runner.tasks_server.masking import view_config
from runner.tasks_server.registration import REGISTRATION, execution_at, read_json, task_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.http_tasks.certificate_files import CertificateFiles
    from runner.http_tasks.model import HttpTask

_MAPS: Final = frozenset({"query", "headers", "proxyHeaders"})
_GROWTH: Final = "retryExponential"
_DATES: Final = frozenset({"retryAt", "timeoutAt"})
_LONG_SINCE: Final = 0
"""Dates that were after the execution once need not be so now."""
_SCHEDULE: Final = frozenset({"executionDelay", "executeAt"})
_RETRIES: Final = frozenset({"retry", "retryInterval"})


class Patched(msgspec.Struct, frozen=True, kw_only=True):
    """What a body makes of a task."""

    task: HttpTask
    executes_ms: int | None
    """When it is executed from now on; None: as it was."""


def read_patch(
    task: HttpTask, body: bytes, now_ms: int, executes_ms: int, certificates: CertificateFiles
) -> Patched:
    """Return what ``body`` makes of ``task``, whose next execution is at ``executes_ms`` by now.

    Raises
    ------
    Refused
        It is no change, or the task could not be registered so; and why.

    """
    changes = read_json(body)
    try:
        _check_parts(changes)
        shown = view_config(task)
        asked = _as_registered(task)
        config = _news(changes.get("config", {}), shown["config"])
        moved = _unforce(asked["config"], config)
        asked["config"] = _merged(asked["config"], config, shown["config"])
        request = _news(changes.get("httpRequest", {}), shown["httpRequest"])
        asked["httpRequest"] = _merged(asked["httpRequest"], request, shown["httpRequest"])
        if "metadata" in changes:
            _set_metadata(asked, changes["metadata"])
        settled_ms = None if moved else executes_ms if _DATES & config.keys() else _LONG_SINCE
        made = task_from(asked, now_ms, certificates, settled_ms)
    except CheckError as error:
        raise invalid(error.tree()) from None
    return Patched(task=made, executes_ms=execution_at(made.config, now_ms) if moved else None)


def _check_parts(changes: Any) -> None:
    if type(changes) is not dict:
        raise expected("object", changes)
    unknown = changes.keys() - REGISTRATION.fields.keys()
    if unknown:
        names = ", ".join(f"'{name}'" for name in changes if name in unknown)
        raise CheckError(f"Unrecognized key(s) in object: {names}")
    wrong: dict[str | int, CheckError] = {
        name: expected("object", change)
        for name, change in changes.items()
        if type(change) is not dict and not (name == "metadata" and change is None)
    }
    if wrong:
        raise CheckError(inside=wrong)


def _as_registered(task: HttpTask) -> dict[str, Any]:
    """Return a body that registers it, without what follows from the rest of it."""
    asked: dict[str, Any] = msgspec.to_builtins(task)
    asked["httpRequest"] = asked.pop("request")
    config = asked["config"]
    if "executeAt" in config:
        config.pop("executionDelay", None)
    if "retryAt" in config:
        config.pop("retry", None)
        config.pop("retryInterval", None)
    if config.get("retry", 0) <= 1:
        config.pop(_GROWTH, None)
    return asked


def _unforce(config: dict[str, Any], changes: Mapping[str, Any]) -> bool:
    """Take away what the changes contradict; return whether they say when it is executed."""
    if "retryAt" in config and _RETRIES & changes.keys() and "retryAt" not in changes:
        del config["retryAt"]
    if not _SCHEDULE & changes.keys():
        return False
    if "executeAt" not in changes:
        config.pop("executeAt", None)
    return True


def _news(changes: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """Return what is not as it is shown; a growth of retries is shown as it has to be, and may be meant."""
    return {
        name: value
        for name, value in changes.items()
        if name not in shown or value != shown[name] or name == _GROWTH
    }


def _merged(
    stored: dict[str, Any], changes: dict[str, Any], shown: dict[str, Any]
) -> dict[str, Any]:
    merged = dict(stored)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif name in _MAPS and type(value) is dict:
            merged[name] = _map(stored.get(name, {}), value, shown[name])
        else:
            merged[name] = _unmasked(stored.get(name), value, shown.get(name))
    return merged


def _map(stored: dict[str, Any], changes: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    merged = dict(stored)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif name not in shown or value != shown[name]:
            merged[name] = value
    return merged


def _set_metadata(asked: dict[str, Any], changes: dict[str, Any] | None) -> None:
    stored = asked.pop("metadata", None) or {}
    if changes is not None and (merged := _map(stored, changes, stored)):
        asked["metadata"] = merged


def _unmasked(stored: Any, value: Any, shown: Any) -> Any:
    """What is secret stays, if it is sent as it is shown."""
    if stored is None:
        return value
    if type(value) is dict and type(stored) is dict and type(shown) is dict:
        return {
            name: _unmasked(stored.get(name), one, shown.get(name)) for name, one in value.items()
        }
    if type(value) is list and type(stored) is list and type(shown) is list:
        return [_entry(stored, value, shown, place) for place in range(len(value))]
    return stored if value == shown else value


def _entry(stored: list[Any], value: list[Any], shown: list[Any], place: int) -> Any:
    """Of entries that are shown alike the first is the first, and the last whatever is more."""
    one = value[place]
    alike = [kept for kept, seen in zip(stored, shown, strict=True) if seen == one]
    return alike[min(value[:place].count(one), len(alike) - 1)] if alike else one
