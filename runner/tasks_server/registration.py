"""The body of ``POST /v1/queues/register`` becomes an :class:`HttpTask`, or a refusal that says all that is wrong with it.

First each field for itself, then what they must be to each other: dates, the transport, certificates. Must not know queues, nor requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.http_tasks.model import HttpTask
from runner.tasks_server.checking import CheckError
from runner.tasks_server.compound import Shape
from runner.tasks_server.errors import invalid
from runner.tasks_server.relations import relate
from runner.tasks_server.rules_config import CONFIG
from runner.tasks_server.rules_request import METADATA, REQUEST

if TYPE_CHECKING:
    from runner.http_tasks.certificate_files import CertificateFiles
    from runner.http_tasks.model import HttpConfig

REGISTRATION: Final = Shape(
    {"httpRequest": REQUEST, "config": CONFIG, "metadata": METADATA}, ("httpRequest",)
)
_PROXY_PORT: Final = 1080
"""As curl has it."""
_WITHOUT_DATA: Final = frozenset({"GET", "DELETE"})
_USER_AGENT: Final = "user-agent"


def read_registration(body: bytes, now_ms: int, certificates: CertificateFiles) -> HttpTask:
    """Return the task that ``body`` asks for. ``certificates``: those that its owner may name.

    Raises
    ------
    Refused
        It is none, and why.

    """
    try:
        return task_from(read_json(body), now_ms, certificates)
    except CheckError as error:
        raise invalid(error.tree()) from None


def read_json(body: bytes) -> Any:
    """Return the body's value.

    Raises
    ------
    Refused
        It is no JSON.

    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise invalid() from None


def task_from(
    asked: Any, now_ms: int, certificates: CertificateFiles, executes_ms: int | None = None
) -> HttpTask:
    """Return the task that JSON asks for; ``executes_ms`` when that is settled, whatever the task says.

    Raises
    ------
    CheckError
        All that is wrong with it.

    """
    checked = REGISTRATION.check(asked)
    request: dict[str, Any] = checked["httpRequest"]
    config: dict[str, Any] = checked.get("config", {})
    if request.get("transport", "") is None:
        del request["transport"]
    relate(request, config, certificates, now_ms, executes_ms)
    if headers := request.get("headers"):
        request["headers"] = {
            name: value for name, value in headers.items() if _USER_AGENT not in name.lower()
        }
    if request["method"] in _WITHOUT_DATA:
        request.pop("data", None)
    if "executeAt" in config:
        config["executionDelay"] = 0
    if "retryAt" in config:
        config["retry"] = 1
        config["retryInterval"] = 0
    if config.get("retry", 0) <= 1:
        config["retryExponential"] = False
    if "proxy" in config:
        config["proxy"].setdefault("port", _PROXY_PORT)
    task = {"request": request, "config": config, "metadata": checked.get("metadata")}
    return msgspec.convert(task, HttpTask)


def execution_at(config: HttpConfig, now_ms: int) -> int:
    """Return when a task that is registered, or scheduled anew, now is executed."""
    return config.execute_at if config.execute_at is not None else now_ms + config.execution_delay
