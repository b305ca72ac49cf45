"""What the tasks server answers for uploaded certificates. Must not know HTTP servers, nor SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runner.tasks_server.calls import DONE, Answer, Route
from runner.tasks_server.certificates import Holds
from runner.tasks_server.errors import not_found
from runner.tasks_server.ids import read_ulid, write_ulid
from runner.tasks_server.parameters import read_upload

if TYPE_CHECKING:
    from uuid import UUID

    from runner.tasks_server.calls import Call
    from runner.tasks_server.uploads import KeptUpload, Uploads


class CertificateView(msgspec.Struct, frozen=True, rename="camel"):
    """An upload, which tasks name as ``upload:ID``: never its content. ``size`` in bytes, ``created_at`` in ms since 1970."""

    id: str
    name: str | None
    holds: Holds
    size: int
    created_at: int


class CertificateRoutes:
    """Handlers."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def paths(self) -> dict[tuple[str, ...], dict[str, Route]]:
        return {
            ("v1", "certificates"): {
                "GET": Route(self.all),
                "POST": Route(self.add, has_body=True),
            },
            ("v1", "certificates", ":"): {"DELETE": Route(self.remove)},
        }

    async def add(self, call: Call) -> Answer:
        upload = read_upload(call.body)
        kept = await self._uploads.add(_owner(call), upload.name, upload.holds, upload.content)
        return Answer(_view(kept), 201)

    async def all(self, call: Call) -> Answer:
        return Answer([_view(one) for one in await self._uploads.all(_owner(call))])

    async def remove(self, call: Call) -> Answer:
        upload = read_ulid(call.name)
        if upload is None or not await self._uploads.remove(_owner(call), upload):
            raise not_found()
        return DONE


def _owner(call: Call) -> UUID:
    assert call.owner is not None
    return call.owner.id


def _view(kept: KeptUpload) -> CertificateView:
    return CertificateView(
        id=write_ulid(kept.id),
        name=kept.name,
        holds=kept.holds,
        size=kept.size,
        created_at=kept.created_ms,
    )
