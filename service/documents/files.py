"""Files that people name or have in folders, read within bounds: a pipe, a device or a loop may be among them."""

import errno
import os
import stat
from pathlib import Path

MOST_FILE_BYTES = 64 * 1024 * 1024
"""Bytes of one file: a service takes less in one body, and a document is some times as large in memory."""


def read_file(path: Path, most_bytes: int = MOST_FILE_BYTES) -> bytes:
    """Return what is in a file, or comes from a pipe.

    Raises:
        OSError: it cannot be read, or has more bytes.
    """
    with path.open("rb") as file:
        return _bounded(file.read(most_bytes + 1), most_bytes, path)


def read_regular_file(path: Path, most_bytes: int = MOST_FILE_BYTES) -> bytes:
    """Return what is in a file; of nothing else, so that nobody waits for the writer of a pipe.

    Raises:
        OSError: it cannot be read, has more bytes, or is something else.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123  a descriptor
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "It is no file", str(path))
        return _bounded(file.read(most_bytes + 1), most_bytes, path)


def leads_out(path: Path, folder: Path) -> bool:
    """Return whether a path is a link that leads out of a folder, or nowhere."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links that lead to each other
        return True


def _bounded(content: bytes, most_bytes: int, path: Path) -> bytes:
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content
