"""Graphs and components in files, for the command line."""

from pathlib import Path
from typing import Any

import click

from proto.problem import Problem
from service.documents.reading import DocumentError, decode_document, format_of_file


class DocumentFileError(click.ClickException):
    """A file that cannot be read; the message says which, why, and where."""

    exit_code = 2


def read_document_file(path: Path) -> Any:
    """Read the decoded document in a JSON or YAML file.

    Raises:
        DocumentFileError: it cannot be read.
    """
    try:
        return decode_document(path.read_bytes(), format_of_file(path.name))
    except OSError as error:
        raise DocumentFileError(f"{path}: {error.strerror or error}") from error
    except DocumentError as error:
        raise DocumentFileError(f"{path}: {error}") from error


def problem_line(problem: Problem) -> str:
    """Return a problem as one line: ``path: message [code]``."""
    place = f"{problem.path}: " if problem.path else ""
    return f"{place}{problem.message} [{problem.code}]"


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""The type of an argument that is an existing file."""
