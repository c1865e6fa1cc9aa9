"""Counts the forks of a submission: a process beside it is asked by the kernel before each one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct

from conformance.runner import limits, seccomp
from conformance.runner.processes import size_of_group

# linux/seccomp.h: struct seccomp_notif has 80 bytes and starts with an id; the response has 24.
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTIFICATION, _RESPONSE = 80, struct.Struct("QqiI")
_CONTINUE = 1
# Processes that a submission may have at once: the judge's own forks of it (two a core), and the workers of a loader.
MOST = 32 + 4 * (os.cpu_count() or 1)


def confine() -> None:
    """Puts the seccomp filter on this process, with a supervisor of its forks beside it.

    Raises:
        seccomp.Unavailable: the process goes on unfiltered.
    """
    ours, theirs = socket.socketpair()
    group = os.getpgrp()
    with ours:
        if os.fork() == 0:
            with contextlib.suppress(BaseException):
                _supervise(theirs, group)
            os._exit(0)
        theirs.close()
        listener = seccomp.confine(forks=True)
        if listener is not None:
            socket.send_fds(ours, [b"x"], [listener])
            os.close(listener)


def _supervise(sock: socket.socket, group: int) -> None:
    """Answers for the process at the other end, and for all of its group, until that is gone."""
    limits.die_with_parent()
    os.setpgid(0, 0)
    keep = sock.fileno()
    os.closerange(0, keep)
    os.closerange(keep + 1, 4096)
    _, fds, _, _ = socket.recv_fds(sock, 1, 1)
    (listener,) = fds
    poll, room = select.poll(), 0
    poll.register(listener, select.POLLIN)
    while not poll.poll()[0][1] & select.POLLHUP:
        note = bytearray(_NOTIFICATION)
        try:
            fcntl.ioctl(listener, _RECEIVE, note)
            if room <= 0:
                room = MOST - size_of_group(group)
            room -= 1
            (identity,) = struct.unpack_from("Q", note)
            verdict = (0, _CONTINUE) if room >= 0 else (-errno.EAGAIN, 0)
            fcntl.ioctl(listener, _SEND, bytearray(_RESPONSE.pack(identity, 0, *verdict)))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):  # whoever asked has been killed meanwhile
                raise
