"""The files of folders, and the moments of their last changes."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import trio

from service.documents.component_files import DEFINITIONS, SKIPPED_FOLDERS, is_code
from service.documents.files import leads_out

MOST_FILES = 5_000
"""Files that are looked at."""

Stamp = tuple[int, int, int]
"""The moment of a file's last change, its size and its number."""


async def list_files(folders: Iterable[Path]) -> dict[Path, Stamp]:
    """Return the files of folders that may hold graphs, components or code; others have their turn meanwhile.

    A link out of its folder is left out.
    """
    found: dict[Path, Stamp] = {}
    for folder in folders:
        for place, names in _walk(folder):
            await trio.lowlevel.checkpoint()
            for name in names:
                path = place / name
                stamp = _stamp(path, folder)
                if stamp is not None:
                    found[path] = stamp
            if len(found) >= MOST_FILES:
                return found
    return found


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in SKIPPED_FOLDERS)
        yield Path(place), sorted(name for name in names if not name.startswith("."))


def _stamp(path: Path, folder: Path) -> Stamp | None:
    if not is_code(path) and path.suffix.lower() not in DEFINITIONS:
        return None
    try:
        if leads_out(path, folder):
            return None
        status = path.stat()
    except OSError:  # it has just gone
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
