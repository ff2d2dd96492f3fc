"""Graphs and components in files, for the command line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from proto.problem import Problem
from service.documents.component_files import ComponentFile, read_component_file, read_folders
from service.documents.files import read_file
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
        return decode_document(read_file(path), format_of_file(path.name))
    except OSError as error:
        raise DocumentFileError(f"{path}: {error.strerror or error}") from error
    except DocumentError as error:
        raise DocumentFileError(_with_place(path, error)) from error


def _with_place(path: Path, error: DocumentError) -> str:
    """Return what is wrong with a file, with its line and column in the form that editors know."""
    if error.position is None:
        return f"{path}: {error}"
    line, column = error.position
    return f"{path}:{line + 1}:{column + 1}: {error.bare}"


def problem_line(problem: Problem) -> str:
    """Return a problem as one line: ``path: message [code]``."""
    place = f"{problem.path}: " if problem.path else ""
    return f"{place}{problem.message} [{problem.code}]"


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""The type of an argument that is an existing file."""

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
"""The type of an argument that is an existing folder."""

library_option = click.option(
    "--library",
    "libraries",
    type=FOLDER,
    multiple=True,
    help="Register the components in the files of this folder first.",
)
"""The option of folders with components, which may stand several times."""


def library_components(libraries: Iterable[Path]) -> list[ComponentFile]:
    """Read the components in folders.

    Raises:
        DocumentFileError: something is wrong with one of their files; the message says everything that is.
    """
    found = read_folders(libraries)
    if found.problems:
        raise DocumentFileError("\n".join(f"{problem.path}: {problem.message}" for problem in found.problems))
    return list(found.components)


def component_in(path: Path) -> ComponentFile:
    """Read a component from the file of its code, or of its definition.

    Raises:
        DocumentFileError: it is none.
    """
    try:
        return read_component_file(path)
    except DocumentError as error:
        raise DocumentFileError(f"{path}: {error}") from error
