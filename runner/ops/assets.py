"""The ``assets`` op: static files of a worker: deployed with it, from a folder of this machine, or from object storage.

Answers as ``fetch`` does; a large file is a stream, which a worker that only passes it on never sees. Must not know S3, nor
how files are opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from runner.assets.answer import Answer
from runner.assets.content_types import ContentTypes
from runner.assets.folder import send_from_folder
from runner.assets.paths import candidates
from runner.bindings import AssetsBinding
from runner.ops.granted import granted

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.parse import SplitResult

    from runner.assets.deployed import DeployedFiles
    from runner.bindings import StorageBinding
    from runner.ops.registry import OpCall
    from runner.s3.bucket import Bucket


class AssetsArgs(msgspec.Struct, frozen=True):
    """Of the arguments that ``fetch`` has, those that matter here."""

    binding: str
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str | None = None


class Assets:
    """The handler; ``open_bucket`` leads to object storage, ``deployed`` to what the database has."""

    def __init__(
        self, open_bucket: Callable[[StorageBinding], Bucket], deployed: DeployedFiles | None = None
    ) -> None:
        self._open_bucket = open_bucket
        self._deployed = deployed
        self._types = ContentTypes()

    async def __call__(self, call: OpCall) -> None:
        args = call.args(AssetsArgs)
        binding = granted(call, args.binding, AssetsBinding)
        if args.body == "stream":
            call.sent_body().cancel("files take no body")
        answer = Answer(call, args.url, wants_body=args.method == "GET")
        parts = urlsplit(args.url)
        names = candidates(parts.path)
        headers = _joined(args.headers)
        if args.method != "GET":
            headers.pop("range", None)  # RFC 9110, 14.2
        if args.method not in {"GET", "HEAD"}:
            # There is a body to say so: it is no HEAD.
            Answer(call, args.url, wants_body=True).refuse(405, ("allow", "GET, HEAD"))
        elif not names:
            answer.refuse(404)
        elif binding.deployed is not None and self._deployed is not None:
            await self._deployed.send(answer, binding.deployed, names, headers, _slashed(parts))
        elif binding.storage is not None:
            # Not where `isolane run` passes.
            from runner.assets.objects import send_from_bucket

            bucket = self._open_bucket(binding.storage)
            await send_from_bucket(answer, bucket, names, headers, _slashed(parts), self._types)
        else:
            folder = binding.folder
            await send_from_folder(answer, folder, names, headers, _slashed(parts), self._types)


def _slashed(parts: SplitResult) -> str:
    """Return where a folder's index is, without a host: whatever names the worker leads there."""
    # Two slashes would name a host.
    path = f"/{parts.path.strip('/')}/"
    return f"{path}?{parts.query}" if parts.query else path


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined
