"""``.../assets``: static files on their way into a deployment, each tenant's bytes once.

A client says which files a deployment will have, uploads those that are missing, and deploys with the list. What no deployment refers to
in the end is removed an hour later.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from runner.api.endpoint import Endpoint, Model, Upload
from runner.api.errors import invalid
from runner.api.scope import Name
from runner.assets.listing import MAX_FILE_BYTES, check_listing
from runner.errors import NotFoundError

if TYPE_CHECKING:
    from runner.api.scope import Scope
    from runner.store.assets import AssetStore

ASSETS: Final = "/v1/tenants/{tenant}/assets"
_MAX_LIST_BYTES: Final = 8 << 20
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal digits."""


class AnnouncedFile(Model, frozen=True, kw_only=True):
    """A static file that a deployment will have."""

    hash: Hash
    size: Annotated[int, msgspec.Meta(ge=0)]


class Announcement(Model, frozen=True, kw_only=True):
    """All static files of a deployment by path."""

    files: dict[str, AnnouncedFile]


class Announced(Model, frozen=True, kw_only=True):
    """What is to be uploaded."""

    missing: list[str]
    """Hashes."""
    new_tenant: bool


class AssetsApi:
    """Answers for uploads."""

    def __init__(self, scope: Scope, assets: AssetStore) -> None:
        self._scope = scope
        self._assets = assets

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", ASSETS, self.announce, max_body_bytes=_MAX_LIST_BYTES),
            Endpoint("PUT", ASSETS + "/{hash}", self.upload, max_body_bytes=MAX_FILE_BYTES),
        ]

    async def announce(self, tenant: Name, body: Announcement) -> Announced:
        """Say which static files a deployment will have; the tenant is made if it is not there."""
        check_listing({path: file.size for path, file in body.files.items()})
        wanted = {file.hash for file in body.files.values()}
        async with self._scope.store.session() as session:
            try:
                owner, new = await session.tenants.get(tenant), False
            except NotFoundError:
                owner, new = await session.tenants.ensure(tenant), True
            there = await session.assets.want(owner.id, wanted)
        return Announced(missing=sorted(wanted - there.keys()), new_tenant=new)

    async def upload(self, tenant: Name, hash: Hash, upload: Upload) -> None:  # noqa: A002 - its name in the path
        """Upload a static file, whose SHA-256 is in the path."""
        async with self._scope.of(tenant) as (session, owner):
            there = bool(await session.assets.want(owner, [hash]))
        file, digest, size = self._assets.upload(owner), hashlib.sha256(), 0
        try:
            async for chunk in upload.chunks:
                digest.update(chunk)
                size += len(chunk)
                if not there:
                    await file.write(chunk)
            if digest.hexdigest() != hash:
                raise invalid(
                    f"the content has another SHA-256: {digest.hexdigest()}",
                    "the file may have changed while it was read: deploy again",
                )
            if not there:
                await file.complete(digest.digest(), size)
        except BaseException:
            await file.drop()
            raise
