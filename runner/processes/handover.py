"""What a runner process is handed by the one that supervises it: its number, and sockets as numbers of open files.

They are the workers' address (bound, shared with the others), a control address of its own on the loopback interface (bound), a line to
the supervisor: a byte on it says that the process serves; its end says that the supervisor has ended; and the tasks server's address, if it
has one (bound, shared).
"""

from __future__ import annotations

import os
import socket
from typing import NamedTuple


class Handover(NamedTuple):
    """Sockets of a process, in its own hands."""

    number: int
    http: socket.socket
    control: socket.socket
    line: socket.socket
    tasks: socket.socket | None = None

    def __str__(self) -> str:
        return ",".join(map(str, (self.number, *self.fds())))

    def fds(self) -> tuple[int, ...]:
        return tuple(sock.fileno() for sock in self._sockets())

    def close(self) -> None:
        for sock in self._sockets():
            sock.close()

    def _sockets(self) -> list[socket.socket]:
        sockets = [self.http, self.control, self.line]
        return sockets if self.tasks is None else [*sockets, self.tasks]


def take_over(text: str) -> Handover:
    """Return what ``str`` of a handover says, in the process that it was made for.

    Raises
    ------
    ValueError
        It says nothing of the kind.
    OSError
        The files are not open, or no sockets.

    """
    number, *fds = map(int, text.split(","))
    if len(fds) not in {3, 4}:
        raise ValueError(text)
    for fd in fds:
        # Isolate hosts are to inherit none of them.
        os.set_inheritable(fd, False)
    sockets = [socket.socket(fileno=fd) for fd in fds]
    for sock in sockets:
        sock.setblocking(False)
    return Handover(number, *sockets)
