"""The memory of this process: how much it takes and how much there is. Linux; elsewhere nothing is known.

What is counted for tenants is an estimate, and the interpreter, the sandbox and the allocator come on top. So the
truth is looked at besides, where the kernel tells it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_STATM = Path("/proc/self/statm")
_CGROUP = Path("/proc/self/cgroup")
_CGROUP_FOLDER = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")

_UNLIMITED_BYTES = 2**60
"""The size from which on a number in a limit file means that there is no limit."""


def resident_bytes() -> int:
    """Return the bytes that the process takes now; 0 where that is not known. Takes 10 µs."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def available_bytes() -> int:
    """Return the bytes that the process may take before the kernel ends it; 0 where that is not known."""
    return min(_limits(), default=0)


def _limits() -> Iterator[int]:
    """Yield the limits that are known: of the machine, and of the control groups that the process is in."""
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemTotal:"):
                yield int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    for file in _limit_files():
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _UNLIMITED_BYTES:
            yield int(text)


def _limit_files() -> Iterator[Path]:
    """Yield the files where the limits of the process's control groups may stand, in both versions of them."""
    yield _CGROUP_FOLDER / "memory.max"
    yield _CGROUP_FOLDER / "memory" / "memory.limit_in_bytes"
    try:
        lines = _CGROUP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            group = _CGROUP_FOLDER / path.lstrip("/")
            for folder in (group, *group.parents):
                if folder.is_relative_to(_CGROUP_FOLDER):
                    yield folder / "memory.max"
        elif "memory" in controllers.split(","):
            yield _CGROUP_FOLDER / "memory" / path.lstrip("/") / "memory.limit_in_bytes"
