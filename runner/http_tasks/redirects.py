"""What a redirect makes of a request, and what it does not take along. Must not know connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from runner.http_tasks.errors import ExchangeError
from runner.http_tasks.outgoing import basic_header, located, origin_of
from runner.ops.locations import DEFAULT_PORTS

if TYPE_CHECKING:
    from runner.http_tasks.model import Credentials, HttpTask
    from runner.http_tasks.outgoing import Incoming, Outgoing

_SEE_OTHER: Final = 303
_REDIRECTS: Final = frozenset({301, 302, _SEE_OTHER, 307, 308})
_OF_BODY: Final = frozenset(
    {"content-encoding", "content-language", "content-location", "content-type"}
)
_OF_ORIGIN: Final = frozenset({"authorization", "cookie", "host"})


def redirected(outgoing: Outgoing, incoming: Incoming, task: HttpTask) -> bool:
    """Become the request that a redirect asks for; false when what came is the answer.

    Raises
    ------
    ExchangeError
        The next request is not wanted, or not possible.

    """
    config = task.config
    locations = set(incoming.values("location"))
    if incoming.status not in _REDIRECTS or not config.location or not locations:
        return False
    if len(locations) > 1:
        raise ExchangeError("redirected to several places at once", "EPROTO")
    outgoing.redirects += 1
    if outgoing.redirects > config.redirect_attempts:
        raise ExchangeError(f"more than {config.redirect_attempts} redirects", "ELOOP")
    before, url = outgoing.url, located(outgoing.url, locations.pop())
    scheme = urlsplit(url).scheme
    if any(only not in {None, scheme} for only in (config.proto, config.proto_redirect)):
        raise ExchangeError(f"redirected to {scheme}, which the task does not allow", "EACCES")
    away = origin_of(before) != origin_of(url)
    if away and config.mode == "same-origin":
        raise ExchangeError("redirected to another origin, which the task does not allow", "EACCES")
    outgoing.url = url
    _change_method(outgoing, incoming.status)
    _refer(outgoing, before, task, away=away)
    if away:
        _leave_home(outgoing, config.location_trusted)
    return True


def _change_method(outgoing: Outgoing, status: int) -> None:
    if (status in {301, 302} and outgoing.method == "POST") or (
        status == _SEE_OTHER and outgoing.method != "GET"
    ):
        outgoing.method, outgoing.body = "GET", None
        outgoing.drop(_OF_BODY)


def _leave_home(outgoing: Outgoing, trusted: Credentials | None) -> None:
    """Go to somebody else: with the credentials that are for everybody, or with none."""
    outgoing.at_home = False
    outgoing.drop(_OF_ORIGIN)
    if trusted is not None:
        outgoing.headers.append(("Authorization", basic_header(trusted)))


def _refer(outgoing: Outgoing, before: str, task: HttpTask, *, away: bool) -> None:
    """Say whence it comes, as far as the task wants that to be known."""
    config = task.config
    if config.referer_url != "AUTO":
        before = config.referer_url
    outgoing.drop({"referer"})
    policy = config.referrer_policy or "unsafe-url"
    downgrade = before.startswith("https:") and outgoing.url.startswith("http:")
    if (
        policy == "no-referrer"
        or (policy == "same-origin" and away)
        or (downgrade and policy == "no-referrer-when-downgrade")
        or (downgrade and policy.startswith("strict-origin"))
    ):
        return
    if policy in {"origin", "strict-origin"} or (away and policy.endswith("when-cross-origin")):
        scheme, host, port = origin_of(before)
        shown = f"[{host}]" if ":" in host else host
        suffix = "" if port == DEFAULT_PORTS.get(scheme) else f":{port}"
        before = f"{scheme}://{shown}{suffix}/"
    outgoing.headers.append(("Referer", before))
