"""What a runner process is handed by the one that supervises it: its number, and three sockets as numbers of open files.

They are the workers' address (bound, shared with the others), a control address of its own on the loopback interface (bound), and
a line to the supervisor: a byte on it says that the process serves; its end says that the supervisor has ended.
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

    def __str__(self) -> str:
        sockets = (self.http, self.control, self.line)
        return ",".join(map(str, (self.number, *(sock.fileno() for sock in sockets))))

    def fds(self) -> tuple[int, ...]:
        return (self.http.fileno(), self.control.fileno(), self.line.fileno())

    def close(self) -> None:
        for sock in (self.http, self.control, self.line):
            sock.close()


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
    if len(fds) != 3:
        raise ValueError(text)
    for fd in fds:
        # Isolate hosts are to inherit none of them.
        os.set_inheritable(fd, False)
    http, control, line = (socket.socket(fileno=fd) for fd in fds)
    for sock in (http, control, line):
        sock.setblocking(False)
    return Handover(number, http, control, line)
