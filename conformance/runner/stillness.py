"""Keeps the threads that a submission has left behind still while its process waits to be forked.

The forks serve the calls, and in them those threads are gone. Here they could do the forks' work past the guard.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import struct
import sys
import threading
from typing import Any

# It waits in C without letting go of Python's lock, as no function of Python's own does.
_holding_the_lock = ctypes.PyDLL(None)


def wait(sock: socket.socket) -> None:
    """Waits until something can be read, with Python's lock held, so that no other thread of Python's runs."""
    _holding_the_lock.poll(ctypes.create_string_buffer(struct.pack("ihh", sock.fileno(), select.POLLIN, 0)), 1, -1)


def only_this_thread_forks() -> None:
    """Refuses, in this process and for good, forks of any other thread, as where there is no room for one."""
    process, thread = os.getpid(), threading.get_ident()

    def refuses(event: str, args: tuple[Any, ...]) -> None:
        if event == "os.fork" and threading.get_ident() != thread and os.getpid() == process:
            raise BlockingIOError(errno.EAGAIN, "only the main thread forks once the submission has been read")

    sys.addaudithook(refuses)
