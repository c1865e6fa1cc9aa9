"""Deals with the threads that a submission leaves behind.

While its process waits to be forked, they are kept still: the forks serve the calls, and in them those threads are
gone; here they could do the forks' work past the guard. After a call, they are given the time to do what they are up
to before what they may change is looked at.
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
import time
from typing import Any

# It waits in C without letting go of Python's lock, as no function of Python's own does.
_holding_the_lock = ctypes.PyDLL(None)


def wait(sock: socket.socket) -> None:
    """Waits until something can be read, with Python's lock held, so that no other thread of Python's runs."""
    _holding_the_lock.poll(ctypes.create_string_buffer(struct.pack("ihh", sock.fileno(), select.POLLIN, 0)), 1, -1)


# Seconds for all threads and all calls of a process together: more than those wait that put back what a call did, once
# they think that nobody looks; and no more where a bar of progress keeps a thread for good.
PATIENCE = 0.4
_waited = 0.0


def let_others_end() -> None:
    """Waits for the threads that were left behind, for a while; returns at once where there are none."""
    global _waited
    started = time.monotonic()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, PATIENCE - _waited - (time.monotonic() - started)))
    _waited += time.monotonic() - started


def only_this_thread_forks() -> None:
    """Refuses, in this process and for good, forks of any other thread, as where there is no room for one."""
    process, thread = os.getpid(), threading.get_ident()

    def refuses(event: str, args: tuple[Any, ...]) -> None:
        if event == "os.fork" and threading.get_ident() != thread and os.getpid() == process:
            raise BlockingIOError(errno.EAGAIN, "only the main thread forks once the submission has been read")

    sys.addaudithook(refuses)
