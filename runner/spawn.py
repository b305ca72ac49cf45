"""Starts the process of an isolate host, with nothing of ours but the sockets it needs.

Imports next to nothing: ``isolane run`` starts its host before it imports the rest, so that V8 starts meanwhile.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class HostProcess(NamedTuple):
    """A started process and our ends of what connects us to it."""

    pid: int
    pidfd: int
    stderr: int
    """A pipe: what V8 or Python say when they die."""
    control: socket.socket
    lanes: list[socket.socket]
    lane_fds: list[int]
    """The numbers of the lanes' sockets in the process."""
    snapshot_fd: int


def spawn_host(environ: Mapping[str, str], lanes: int, snapshot_fd: int) -> HostProcess:
    """Start ``pools.host`` with a control socket and a socket for each of ``lanes`` lanes.

    The process gets ``environ`` and no other file than those sockets and ``snapshot_fd``, which is closed here. It has
    a session of its own: a terminal's Ctrl-C reaches the runner alone.
    """
    control, control_there = socket.socketpair()
    pairs = [socket.socketpair() for _ in range(lanes)]
    stderr, stderr_there = os.pipe()
    inherited = [control_there.fileno(), *(there.fileno() for _, there in pairs), snapshot_fd]
    # All our descriptors close on exec but these, and only for the moment of the start.
    for fd in inherited:
        os.set_inheritable(fd, True)
    null = os.open(os.devnull, os.O_RDWR)
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-m", "pools.host", str(control_there.fileno())],
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, stderr_there, 1),
                (os.POSIX_SPAWN_DUP2, stderr_there, 2),
            ],
            setsid=True,
            setsigmask=[],
        )
    finally:
        lane_fds = [there.fileno() for _, there in pairs]
        for fd in (null, stderr_there, snapshot_fd):
            os.close(fd)
        control_there.close()
        for _, there in pairs:
            there.close()
    control.setblocking(False)
    for here, _ in pairs:
        here.setblocking(False)
    os.set_blocking(stderr, False)
    return HostProcess(
        pid, os.pidfd_open(pid), stderr, control, [here for here, _ in pairs], lane_fds, snapshot_fd
    )
