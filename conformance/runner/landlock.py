"""Which files the process of a submission may use: it writes in its scratch directory, and reads all but the answers.

Landlock (Linux from 5.13, any user) restricts this process and all that it starts, for good. It also keeps them from
tracing, or reading the memory of, any process outside: the judge's above all.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# landlock(7); the numbers of the calls are the same on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1 << 0
_PATH_BENEATH = 1
_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_FIRST_RIGHTS = (1 << 13) - 1
_REFER, _TRUNCATE = 1 << 13, 1 << 14
# No signals and no abstract sockets to processes outside.
_SCOPES = 0b11
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class Unavailable(OSError):
    """This kernel has no Landlock, or it is switched off."""


def version() -> int:
    """Returns the version of the kernel's Landlock; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def confine(scratch: Path, hidden: Iterable[Path] = (), devices: bool = False) -> None:
    """Restricts this process.

    Args:
        scratch: where it may write.
        hidden: files and folders that it may not read.
        devices: whether it may use every device, for an accelerator.

    Raises:
        Unavailable: the process goes on unrestricted.
    """
    abi = version()
    if not abi:
        raise Unavailable(errno.ENOSYS, "no Landlock")
    libc = _libc()
    rights = _FIRST_RIGHTS | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    of_files = _WRITE_FILE | _READ_FILE | (rights & _TRUNCATE)
    attributes = struct.pack("QQQ", rights, 0, _SCOPES) if abi >= 6 else struct.pack("Q", rights)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        raise Unavailable(ctypes.get_errno(), "Landlock refused the rules")

    def allow(path: Path, access: int) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return  # gone meanwhile, or not ours to open
        try:
            libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", access, fd), 0)
        finally:
            os.close(fd)

    try:
        allow(Path("/"), _READ_DIR)
        for path in all_but(Path("/"), {entry.resolve() for entry in hidden}):
            allow(path, _READ_FILE)
        for device in _DEVICES:
            allow(Path(device), of_files)
        if devices:
            allow(Path("/dev"), rights & ~_EXECUTE)
        allow(scratch.resolve(), rights & ~(_EXECUTE | _MAKE_CHAR | _MAKE_BLOCK))
        if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT_SELF, ruleset, 0):
            raise Unavailable(ctypes.get_errno(), "Landlock refused to start")
    finally:
        os.close(ruleset)


def all_but(root: Path, hidden: set[Path]) -> list[Path]:
    """Returns the fewest paths that together hold everything below ``root`` but what is hidden.

    Rules can only allow, so a folder on the way to something hidden is allowed by its other entries, one by one. A
    symbolic link needs no rule: what counts is the path that it leads to.
    """
    on_the_way = {folder for path in hidden for folder in path.parents}

    def allowed(path: Path) -> Iterator[Path]:
        if path in hidden:
            return
        if path not in on_the_way:
            yield path
            return
        with contextlib.suppress(OSError):
            for entry in os.scandir(path):
                if not entry.is_symlink():
                    yield from allowed(Path(entry.path))

    return list(allowed(root))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
