"""Starts the process that makes a backup, and hears what came of it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from runner.backup.child import Failed, Made
from runner.backup.errors import BackupError

if TYPE_CHECKING:
    from runner.backup.child import Job

_GOES_S: Final = 5.0
_MAX_ANSWER: Final = 16 << 20
"""Bytes: all backups that were deleted are named."""


async def make_in_process(job: Job) -> Made:
    """Make a backup in a process of its own, which ends with this call.

    Raises
    ------
    BackupError
        It could not be made.

    """
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "runner.backup.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # A terminal's Ctrl-C is the runner's alone.
            start_new_session=True,
            limit=_MAX_ANSWER,
        )
    except OSError as error:
        raise BackupError(f"its process can not be started: {error}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        said = await process.stdout.readline()
        answer = msgspec.json.decode(said, type=Made | Failed)
    except (msgspec.DecodeError, ConnectionError):
        raise BackupError("its process ended without a word") from None
    finally:
        await _end(process)
    if isinstance(answer, Failed):
        raise BackupError(answer.error)
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    """Have it tidy up; it ends when its stdin does."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_GOES_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
