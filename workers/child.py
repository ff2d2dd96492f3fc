"""The program of a worker process: one task after another, from standard input to standard output.

Run as a script, isolated from the user's environment (``python -I``), by ``workers/worker.py``. It knows no tasks:
each request names a function, ``package.module:function``, that takes bytes and returns bytes; nothing is ever
unpickled. It ends by itself when nobody writes any more, when a task has taken its time, and when a task has
needed its memory: also where its parent was killed and cannot see to it.
"""

import importlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

REQUEST = struct.Struct("!dII")
"""Seconds that the task may take; lengths of the function's name and of the payload, which follow."""

REPLY = struct.Struct("!B?I")
"""The task's end, whether the process ends now, and the length of the result, or of the complaint, that
follows."""

DONE, FAILED = 0, 1

OUT_OF_MEMORY_STATUS = 77
"""The exit status of a process that was refused memory. What is left of it is in no state to go on."""

GRACE_SECONDS = 1.0
"""The time by which the process itself looks at the clock later than its parent; it matters where there is no
parent."""

_COMPLAINT_CHARACTERS = 500

_KEPT_SHARE = 0.4
"""A process that still has this share of its memory after a task ends: a warm one is to be a small one."""


def main(memory_bytes: int, file_bytes: int, niceness: int) -> None:
    """Serve until standard input ends."""
    requests, replies = _take_pipes()
    _restrict(memory_bytes, file_bytes, niceness)
    try:
        while header := requests.read(REQUEST.size):
            seconds, name_length, payload_length = REQUEST.unpack(header)
            signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)  # ends the process
            name = requests.read(name_length).decode()
            status, result = _answer(name, requests.read(payload_length))
            signal.setitimer(signal.ITIMER_REAL, 0)
            is_last = _resident_bytes() > memory_bytes * _KEPT_SHARE
            replies.write(REPLY.pack(status, is_last, len(result)))
            replies.write(result)
            replies.flush()
            del result
            if is_last:
                return
    except MemoryError:
        os._exit(OUT_OF_MEMORY_STATUS)


def _answer(name: str, payload: bytes) -> tuple[int, bytes]:
    try:
        return DONE, _function(name)(payload)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a task raises is that task's failure
        complaint = f"{type(error).__name__}: {error}"[:_COMPLAINT_CHARACTERS]
        return FAILED, complaint.encode("utf-8", "replace")


def _function(name: str) -> Callable[[bytes], bytes]:
    module, _, function = name.partition(":")
    found: Callable[[bytes], bytes] = getattr(importlib.import_module(module), function)
    return found


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the two ends, which no library can read or write by mistake."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def _restrict(memory_bytes: int, file_bytes: int, niceness: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends its workers itself
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))  # where the packages lie, installed or not
    main(*map(int, sys.argv[1:]))
