"""What the tasks server answers for owners. Must not know HTTP servers, nor SQL."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from runner.ingress.host_names import is_private
from runner.tasks_server.calls import DONE, Answer, Route
from runner.tasks_server.clients import is_loopback
from runner.tasks_server.errors import not_accepted, not_authenticated, not_found, unmet
from runner.tasks_server.ids import write_ulid
from runner.tasks_server.parameters import read_owner, read_owner_name
from runner.tasks_server.settings import OPEN
from runner.tasks_server.table import MOST_LIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.tasks_server.calls import Call
    from runner.tasks_server.owners import Owner, Owners

_BEARER: Final = re.compile(rb"[Bb]earer +(\S+)")


class OwnerKey(msgspec.Struct, frozen=True):
    """Told once."""

    id: str
    key: str


class OwnerView(msgspec.Struct, frozen=True, rename="camel"):
    """An owner as it sees itself. ``created_at``: ms since 1970."""

    id: str
    name: str
    created_at: int
    tasks_in_queue: int
    tasks_in_queue_limit: int = MOST_LIVE


class RegistrationRule(NamedTuple):
    """Who may become an owner: who has the ``token``; with ``local`` clients of this machine, with ``open`` anybody."""

    kind: Literal["token", "local", "open"]
    token: str = ""

    @classmethod
    def of(cls, setting: str) -> RegistrationRule:
        """Return what ``TASKS_REGISTRATION_TOKEN`` says."""
        if setting == OPEN:
            return cls("open")
        return cls("token", setting) if setting else cls("local")

    def check(self, call: Call) -> None:
        """Raise ``Refused`` for who may not."""
        match self.kind:
            case "open":
                return
            case "token":
                bearer = _BEARER.fullmatch(call.headers.get(b"authorization", b""))
                if bearer is None:
                    raise not_accepted()
                if not hmac.compare_digest(bearer[1], self.token.encode()):
                    raise not_authenticated()
            case "local":
                # A page that a browser of this machine shows is not of this machine.
                if not is_loopback(call.client) or not _from_here(call.headers):
                    raise not_accepted()


class OwnerRoutes:
    """Handlers."""

    def __init__(self, owners: Owners, rule: RegistrationRule) -> None:
        self._owners = owners
        self._rule = rule

    def paths(self) -> dict[tuple[str, ...], dict[str, Route]]:
        one = {"GET": Route(self.get), "DELETE": Route(self.remove)}
        register = Route(self.register, has_body=True, open=True)
        return {
            # An owner may be called so, too.
            ("v1", "owners", "register"): {"POST": register, **one},
            ("v1", "owners", ":"): one,
        }

    async def register(self, call: Call) -> Answer:
        self._rule.check(call)
        owner = await self._owners.register(read_owner(call.body))
        return Answer(OwnerKey(write_ulid(owner.id), owner.key), 201)

    async def get(self, call: Call) -> Answer:
        owner = _named(call)
        count = await self._owners.count(owner.id) if owner is not None else None
        if owner is None or count is None:
            raise not_found()
        return Answer(
            OwnerView(
                id=write_ulid(owner.id),
                name=owner.name,
                created_at=count.created_ms,
                tasks_in_queue=count.live,
            )
        )

    async def remove(self, call: Call) -> Answer:
        owner = _named(call)
        if owner is None:
            raise unmet()
        await self._owners.remove(owner.id)
        return DONE


def _named(call: Call) -> Owner | None:
    """Return who asks, if the path names nobody else."""
    name = read_owner_name(call.name)
    assert call.owner is not None
    return call.owner if call.owner.name == name else None


def _from_here(headers: Mapping[bytes, bytes]) -> bool:
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin", b"").decode("latin-1")
    same = not origin or urlsplit(origin).netloc.lower() == host.lower()
    return same and (not host or is_private(host))
