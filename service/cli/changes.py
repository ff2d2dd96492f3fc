"""Files that change while somebody works on them, looked at now and then."""

from collections.abc import Iterable
from pathlib import Path

import trio

LOOK_SECONDS = 0.3
"""The time between two looks: people do not notice it, and a thousand files cost a few milliseconds each."""

Stamp = tuple[int, int, int]
"""The moment of a file's last change, its size and its number; zeros where there is none."""


def stamps_of(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """Return what tells the present contents of files from others."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)


async def wait_changed(stamps: dict[Path, Stamp]) -> list[Path]:
    """Wait until files are not what they were; return which."""
    while True:
        await trio.sleep(LOOK_SECONDS)
        changed = [path for path, stamp in stamps.items() if _stamp(path) != stamp]
        if changed:
            return changed
