"""Becomes a server's process: binds its life to the parent's, gives up root where the server refuses it, then execs.

A program of its own, started as ``python -I -S launcher.py PARENT SIGNAL UID PROGRAM ARGUMENT...``: what happens between fork
and exec of a process with threads must not be Python. Must import nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_KEEPCAPS: Final = 8
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
# linux/capability.h
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAP_DAC_OVERRIDE: Final = 1


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def launch(parent: int, death_signal: int, uid: int, command: list[str]) -> None:
    """Replace this process by ``command``, which gets ``death_signal`` when the thread that started us ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if uid != os.geteuid():
        _become(libc, uid)
    # After the change of user: that clears it.
    if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the parent has gone")
    with contextlib.suppress(OSError):
        # It shares the machine with lanes; see docs/decisions/023.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.execv(command[0], command)


def _become(libc: ctypes.CDLL, uid: int) -> None:
    """Change the user, and keep the right to pass through folders of root's.

    PostgreSQL refuses the user id 0, not root's rights; without them it could not reach its files below ``/root``, a private
    ``.isolane`` or a temporary folder. Where the right can not be kept, the files' modes decide.
    """
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    sets = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
    if libc.capset(ctypes.byref(header), ctypes.byref(sets)) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    launch(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
