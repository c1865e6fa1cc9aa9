"""What the process of a submission may ask of the kernel: no programs, no signals to others, no network, few forks.

A seccomp filter (Linux on x86-64 and arm64; elsewhere there is none) is set before a submission is loaded and holds in
everything that it starts. It refuses with an error number, so that honest code meets an exception it can handle.
Threads are free. Forks are counted by a supervisor beside the process while the submission is loaded, and refused
altogether in the processes that serve calls.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterable, Sequence

# seccomp(2), prctl(2), linux/filter.h, linux/audit.h
_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_NEW_LISTENER = 1 << 3
_SET_NO_NEW_PRIVS = 38
_ALLOW, _ERRNO, _NOTIFY = 0x7FFF0000, 0x00050000, 0x7FC00000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGS = 0, 4, 16

# machine: (audit architecture, number of seccomp(2), place of its numbers in the table below)
_MACHINES = {"x86_64": (0xC000003E, 317, 0), "aarch64": (0xC00000B7, 277, 1)}
# Above this, x86-64 takes a number for one of the x32 interface, which a filter would have to know too.
_X32 = 0x40000000

# Refused altogether: (x86-64, arm64), None where a machine has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # Other programs.
    "execve": (59, 221), "execveat": (322, 281),
    # Other processes: their memory, their files, their lives; leaving the group that is killed in the end.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "setsid": (112, 157), "setpgid": (109, 154),
    # The network, and daemons that listen on a local socket (a container runtime would start what it is asked to).
    "connect": (42, 203),
    # What outlives every process: System V memory, message queues, keys.
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # Whose file it is and who may read it, which Landlock does not cover.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    # Namespaces, mounts, and doors that go past a filter.
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsmount": (432, 432), "mount_setattr": (442, 442), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    # The machine itself, where the user is root.
    "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "sethostname": (170, 161), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266), "syslog": (103, 116),
}  # fmt: skip

# Looked at more closely.
_CLONE, _CLONE3, _FORK, _VFORK = (56, 220), (435, 435), (57, None), (58, None)
_SOCKET, _PRCTL, _PRLIMIT = (41, 198), (157, 167), (302, 261)
# Scheduling of other processes: the first argument names one, 0 is the caller.
_OF_SELF = {"sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274)}
# setpriority(which, who): the second argument names whose.
_SETPRIORITY = (141, 140)

_CLONE_THREAD = 0x00010000
# CLONE_PARENT (a sibling, out of sight) and every CLONE_NEW* (a namespace of its own).
_CLONE_ODD = 0x00008000 | 0x7E020000
_AF_UNIX = 1
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_SIGKILL = 9

Instruction = tuple[int, int, int, int]


class Unavailable(OSError):
    """This kernel, or this machine, has no filter to offer."""


def available() -> bool:
    """Returns whether a filter can be had here."""
    machine = _MACHINES.get(platform.machine()) if sys.platform == "linux" else None
    if machine is None or struct.calcsize("P") != 8:
        return False
    action = ctypes.byref(ctypes.c_uint32(_ERRNO))
    return bool(ctypes.CDLL(None, use_errno=True).syscall(machine[1], _GET_ACTION_AVAIL, 0, action) == 0)


def confine(*, forks: bool) -> int | None:
    """Puts the filter on this process and on all that it will start.

    Args:
        forks: whether to hand forks to a supervisor; else they are refused.

    Returns:
        The descriptor on which a supervisor is asked about each fork; None when there is nothing to ask.

    Raises:
        Unavailable: the process goes on unfiltered.
    """
    if not available():
        raise Unavailable(errno.ENOSYS, "no filter for this machine")
    architecture, call, column = _MACHINES[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise Unavailable(ctypes.get_errno(), "no_new_privs was refused")
    verdict = _NOTIFY if forks else _ERRNO | errno.EAGAIN
    for fork_verdict in (verdict, _ALLOW) if forks else (verdict,):  # without a supervisor, forks are not counted
        code = program(architecture, column, fork_verdict)
        packed = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
        buffer = ctypes.create_string_buffer(packed, len(packed))
        header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))
        flags = _NEW_LISTENER if fork_verdict == _NOTIFY else 0
        fd = libc.syscall(call, _SET_MODE_FILTER, flags, ctypes.byref(header))
        if fd >= 0:
            return int(fd) if flags else None
    raise Unavailable(ctypes.get_errno(), "the filter was refused")


def program(architecture: int, column: int, fork: int) -> list[Instruction]:
    """Returns the filter: each refused call, then those that depend on their arguments, else leave."""
    refuse = _ERRNO | errno.EPERM
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, refuse),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, refuse)]
    code += _if_any(_REFUSED.values(), column, [(_RETURN, 0, 0, refuse)])
    code += _if_any([_CLONE3], column, [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)])  # libc falls back to clone
    code += _if_any([_FORK, _VFORK], column, [(_RETURN, 0, 0, fork)])
    code += _if_any(
        [_CLONE],
        column,
        [
            (_LOAD, 0, 0, _ARGS),
            (_ANY_BIT, 0, 1, _CLONE_ODD),
            (_RETURN, 0, 0, refuse),
            (_ANY_BIT, 1, 0, _CLONE_THREAD),
            (_RETURN, 0, 0, fork),
            (_RETURN, 0, 0, _ALLOW),
        ],
    )
    code += _if_any([_SOCKET], column, _only(_ARGS, _AF_UNIX, refuse))
    code += _if_any([_PRLIMIT, *_OF_SELF.values()], column, _only(_ARGS, 0, refuse))
    code += _if_any([_SETPRIORITY], column, _only(_ARGS + 8, 0, refuse))
    code += _if_any(
        [_PRCTL],
        column,
        [
            (_LOAD, 0, 0, _ARGS),
            (_EQUAL, 3, 0, _PR_SET_DUMPABLE),
            (_EQUAL, 2, 0, _PR_SET_CHILD_SUBREAPER),
            (_EQUAL, 2, 0, _PR_SET_PDEATHSIG),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, refuse),
            *_only(_ARGS + 8, _SIGKILL, refuse),
        ],
    )
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _if_any(
    numbers: Iterable[tuple[int | None, int | None]], column: int, body: Sequence[Instruction]
) -> list[Instruction]:
    """Returns code that runs ``body``, which has to end in a return, for each of the calls."""
    present = [number[column] for number in numbers if number[column] is not None]
    code: list[Instruction] = []
    for number in present:
        assert number is not None
        code += [(_EQUAL, 0, len(body), number), *body]
    return code


def _only(argument: int, value: int, otherwise: int) -> list[Instruction]:
    """Returns code that allows a call whose argument (its lower half) has one value."""
    return [
        (_LOAD, 0, 0, argument),
        (_EQUAL, 0, 1, value),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, otherwise),
    ]
