"""The second wall: what code that breaks out of V8 may still do in a host.

Landlock takes the file system away, seccomp all system calls but those that V8, Python and the host's open sockets need: no new
socket, no program, no process, no signal to others. Both bind for ever, and come after all that V8 and Python have to open.
Linux on x86-64, like the V8 that it guards.
"""

from __future__ import annotations

import ctypes as c
import errno
import os
import platform
import resource
import struct
from typing import TYPE_CHECKING, Final

from pools.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_DUMPABLE: Final = 4

# System call numbers of x86-64 (asm/unistd_64.h).
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_ADD_RULE: Final = 445
_LANDLOCK_RESTRICT_SELF: Final = 446
_SECCOMP: Final = 317
_KILL: Final = 62
_TGKILL: Final = 234
_CLONE: Final = 56

# linux/landlock.h: the rights each version of the interface knows, as the number of the lowest bits.
_LANDLOCK_FS_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_LANDLOCK_VERSION_QUERY: Final = 1
_LANDLOCK_PATH_BENEATH: Final = 1
_LANDLOCK_NET_SINCE: Final = 4
_LANDLOCK_NET_RIGHTS: Final = 3
_LANDLOCK_SCOPE_SINCE: Final = 6
_LANDLOCK_SCOPES: Final = 3

# linux/seccomp.h, linux/filter.h, linux/audit.h
_SET_MODE_FILTER: Final = 1
_FILTER_TSYNC: Final = 1
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_KILL_PROCESS: Final = 0x80000000
_NOT_THERE: Final = 0x00050000 | errno.ENOSYS
_ARCH_X86_64: Final = 0xC000003E
_X32_BIT: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000
_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER_EQUAL: Final = 0x35
_JUMP_SET: Final = 0x45
_RETURN: Final = 0x06
_CLONE3: Final = 435

# What V8, Python's threads, the host's sockets and its end need; the frequent ones first, as the filter looks in order.
_ALLOWED: Final = {
    "futex": 202, "read": 0, "write": 1, "poll": 7, "recvfrom": 45, "sendto": 44, "madvise": 28, "mmap": 9,
    "munmap": 11, "mprotect": 10, "mremap": 25, "brk": 12, "clock_gettime": 228, "clock_nanosleep": 230,
    "nanosleep": 35, "getrandom": 318, "pread64": 17, "sched_yield": 24, "ppoll": 271, "select": 23, "pselect6": 270,
    "gettid": 186, "getpid": 39, "clock_getres": 229, "gettimeofday": 96, "time": 201, "close": 3, "lseek": 8,
    "fstat": 5, "newfstatat": 262, "fcntl": 72, "dup": 32, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "sigaltstack": 131, "restart_syscall": 219, "exit": 60, "exit_group": 231, "set_robust_list": 273,
    "rseq": 334, "membarrier": 324, "sched_getaffinity": 204, "sched_getparam": 143, "sched_getscheduler": 145,
    "prlimit64": 302, "getrusage": 98, "sysinfo": 99, "arch_prctl": 158, "pkey_mprotect": 329, "pkey_alloc": 330,
    "pkey_free": 331, "mincore": 27, "uname": 63, "getuid": 102, "geteuid": 107, "getgid": 104, "getegid": 108,
    "getppid": 110, "shutdown": 48,
    # Files: Landlock decides which, and there are none. Python asks, and copes with a refusal.
    "openat": 257, "open": 2, "readlink": 89, "stat": 4, "lstat": 6, "access": 21, "faccessat2": 439, "statx": 332,
    "getcwd": 79, "getdents64": 217,
}  # fmt: skip
# A tool that measures the host writes what it found when the host ends.
_ALLOWED_TO_WRITE_FILES: Final = {
    "pwrite64": 18, "unlink": 87, "unlinkat": 263, "ftruncate": 77, "fsync": 74, "fdatasync": 75, "flock": 73,
    "rename": 82, "mkdir": 83, "fchmod": 91, "chmod": 90, "fchown": 93, "utimensat": 280, "ioctl": 16,
}  # fmt: skip


class _RulesetAttributes(c.Structure):
    """``struct landlock_ruleset_attr``."""

    _fields_ = [
        ("handled_access_fs", c.c_uint64),
        ("handled_access_net", c.c_uint64),
        ("scoped", c.c_uint64),
    ]


class _PathBeneath(c.Structure):
    """``struct landlock_path_beneath_attr``."""

    _pack_ = 1
    _fields_ = [("allowed_access", c.c_uint64), ("parent_fd", c.c_int32)]


class _Program(c.Structure):
    """``struct sock_fprog``."""

    _fields_ = [("length", c.c_ushort), ("filter", c.c_void_p)]


def close_files(wanted: str, folders: Iterable[str] = ()) -> str:
    """Take the file system away from this thread and all that it will start.

    Call it when everything is loaded, and before V8 starts its helper thread.

    Parameters
    ----------
    wanted
        ``auto``, ``required`` or ``off``.
    folders
        Exceptions, for tools that measure the host.

    Returns
    -------
    str
        ``landlock``, or ``""`` when it is off or the kernel has none.

    Raises
    ------
    SandboxError
        It is required, and the kernel has none.

    """
    if wanted == "off":
        return ""
    libc = c.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, c.c_size_t(0), _LANDLOCK_VERSION_QUERY)
    if version < 1:
        return _without("Landlock", wanted)
    rights = (1 << _LANDLOCK_FS_RIGHTS[min(version, max(_LANDLOCK_FS_RIGHTS))]) - 1
    attributes = _RulesetAttributes(rights)
    if version >= _LANDLOCK_NET_SINCE:
        attributes.handled_access_net = _LANDLOCK_NET_RIGHTS
    if version >= _LANDLOCK_SCOPE_SINCE:
        attributes.scoped = _LANDLOCK_SCOPES
    size = 8 if version < _LANDLOCK_NET_SINCE else 16 if version < _LANDLOCK_SCOPE_SINCE else 24
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, c.byref(attributes), c.c_size_t(size), 0)
    if ruleset < 0:
        return _without("Landlock", wanted)
    for folder in folders:
        fd = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = _PathBeneath(rights, fd)
        libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, c.byref(rule), 0)
        os.close(fd)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    failed = libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return _without("Landlock", wanted) if failed else "landlock"


def close_system(wanted: str, *, may_write_files: bool = False) -> str:
    """Refuse all system calls but a host's own, in all threads of this process.

    Call it last, when the host's threads run.

    Returns
    -------
    str
        ``seccomp``, or ``""`` when it is off or the kernel has none.

    Raises
    ------
    SandboxError
        It is required, and the kernel has none.

    """
    if wanted == "off":
        return ""
    if platform.machine() != "x86_64":
        return _without("seccomp", wanted)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = c.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    allowed = [*_ALLOWED.values(), *(_ALLOWED_TO_WRITE_FILES.values() if may_write_files else ())]
    code = _filter(allowed, os.getpid())
    program = _Program(len(code) // 8, c.cast(c.c_char_p(code), c.c_void_p))
    failed = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _FILTER_TSYNC, c.byref(program))
    return _without("seccomp", wanted) if failed else "seccomp"


def _filter(allowed: list[int], own_pid: int) -> bytes:
    """Return the filter's instructions (struct sock_filter: code, jump if true, jump if false, operand)."""

    def instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("<HBBI", code, if_true, if_false, operand)

    number, architecture, first_argument = 0, 4, 16
    parts = [
        instruction(_LOAD, architecture),
        instruction(_JUMP_EQUAL, _ARCH_X86_64, 1, 0),
        instruction(_RETURN, _KILL_PROCESS),
        instruction(_LOAD, number),
        instruction(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1),
        instruction(_RETURN, _KILL_PROCESS),
    ]
    for call in allowed:
        parts += [instruction(_JUMP_EQUAL, call, 0, 1), instruction(_RETURN, _ALLOW)]
    parts += [
        # Signals: to itself only.
        instruction(_JUMP_EQUAL, _KILL, 1, 0),
        instruction(_JUMP_EQUAL, _TGKILL, 0, 4),
        instruction(_LOAD, first_argument),
        instruction(_JUMP_EQUAL, own_pid, 0, 1),
        instruction(_RETURN, _ALLOW),
        instruction(_RETURN, _REFUSE),
        # Threads, no processes. glibc falls back from clone3, whose flags a filter can not see, when it is not there.
        instruction(_JUMP_EQUAL, _CLONE3, 0, 1),
        instruction(_RETURN, _NOT_THERE),
        instruction(_JUMP_EQUAL, _CLONE, 0, 3),
        instruction(_LOAD, first_argument),
        instruction(_JUMP_SET, _CLONE_THREAD, 0, 1),
        instruction(_RETURN, _ALLOW),
        instruction(_RETURN, _REFUSE),
    ]
    return b"".join(parts)


def _without(what: str, wanted: str) -> str:
    if wanted == "required":
        raise SandboxError(
            f"ISOLATE_SANDBOX=required, but this kernel does not give {what} "
            f"({os.strerror(c.get_errno())}). Use a newer kernel, or ISOLATE_SANDBOX=auto."
        )
    return ""
