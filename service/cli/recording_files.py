"""Recordings in files, for the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.journal.file import RecordingFile
from engine.journal.shape import RecordingError
from service.cli.files import DocumentFileError


@contextmanager
def open_recording(path: Path) -> Iterator[RecordingFile]:
    """Open the recording in a file for the length of the block.

    Raises:
        DocumentFileError: it cannot be read, or is damaged; also from within the block.
    """
    try:
        with path.open("rb") as file:
            yield RecordingFile(file)
    except OSError as error:
        raise DocumentFileError(f"{path}: {error.strerror or error}") from error
    except RecordingError as error:
        raise DocumentFileError(f"{path}: {error}") from error
