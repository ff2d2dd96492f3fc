"""Files that a command writes for somebody to go on with: all of them, or none where one is there already."""

from collections.abc import Mapping
from pathlib import Path


class ExistingFileError(Exception):
    """A file is there already; the message says which."""


def write_new(files: Mapping[Path, str], *, replacing: str = "") -> None:
    """Write files, none of which may be there.

    Args:
        files: their texts, by their places; the folders around them are made.
        replacing: a file whose text begins so is replaced; none is where it is empty.

    Raises:
        ExistingFileError: one of them is there; nothing was written.
        OSError: one of them cannot be written.
    """
    for path in files:
        if path.is_symlink() or (path.exists() and not (replacing and _begins_with(path, replacing))):
            raise ExistingFileError(f"{path} is there already; nothing was written")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if replacing else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _begins_with(path: Path, text: str) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(len(text)) == text
    except (OSError, UnicodeDecodeError):
        return False
