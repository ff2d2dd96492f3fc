"""The files of the console, as they were built, in memory: names, types, and how long they are kept."""

import gzip
import hashlib
from pathlib import Path

import msgspec

STATIC_FOLDER = Path(__file__).with_name("static")

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"
"""Files whose names hold a hash of their content never change."""

_ASK_AGAIN = "no-cache"

_EFFORT = 6
"""More takes twice as long for one per cent, and nobody else is served meanwhile."""


class StaticFile(msgspec.Struct, frozen=True):
    """One file as it is served.

    Attributes:
        content: its bytes.
        gzipped: the same, compressed; empty where that is not smaller.
        content_type: with the charset, where it is text.
        cache_control: how long browsers may keep it.
        tag: of the content.
    """

    content: bytes
    gzipped: bytes
    content_type: str
    cache_control: str
    tag: str


def paths_in(folder: Path = STATIC_FOLDER) -> dict[str, Path]:
    """Return the files of a folder, by their paths within it; those of no known type are left out."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _TYPES and path.is_file()
    }


def read_files(folder: Path = STATIC_FOLDER) -> dict[str, StaticFile]:
    """Read all files of a folder, by their paths within it."""
    return {name: read_file(name, path) for name, path in paths_in(folder).items()}


def read_file(name: str, path: Path) -> StaticFile:
    """Read one file, whose path within its folder is ``name``."""
    content = path.read_bytes()
    gzipped = gzip.compress(content, _EFFORT, mtime=0)
    is_hashed = name.startswith("assets/")
    return StaticFile(
        content=content,
        gzipped=gzipped if len(gzipped) < len(content) else b"",
        content_type=_TYPES[path.suffix],
        cache_control=_FOR_EVER if is_hashed else _ASK_AGAIN,
        tag=hashlib.sha256(content).hexdigest()[:32],
    )
