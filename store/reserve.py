"""Room that is set aside on the disk, so that a full one still takes what makes room.

Also what only takes away has to be written first, to the file's log (https://sqlite.org/wal.html). So a file lies
beside it that nobody reads: where there is no room left, it goes, the removal is tried again, and it comes back as
soon as there is room for it.
"""

import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 8 * 1024 * 1024
"""Room for a transaction that takes away, and for the log until it is written into the file (4 MiB)."""

FILE = "reserve"


class Reserve:
    """Room that is set aside in a folder, or has just been given up.

    Args:
        folder: of the store.
        size_bytes: what is set aside.
    """

    def __init__(self, folder: Path, size_bytes: int = RESERVE_BYTES) -> None:
        self._path = folder / FILE
        self._size_bytes = size_bytes

    def give_up(self) -> None:
        """Make its room free."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def take(self) -> None:
        """Set it aside, if it is not; where there is no room for it, it is tried again another time."""
        with suppress(OSError):
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                if os.fstat(file).st_size < self._size_bytes:
                    self._fill(file)
            finally:
                os.close(file)

    def _fill(self, file: int) -> None:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file, 0, self._size_bytes)
            else:  # macOS
                os.write(file, bytes(self._size_bytes))
                os.ftruncate(file, self._size_bytes)
        except OSError:
            os.ftruncate(file, 0)
            raise
