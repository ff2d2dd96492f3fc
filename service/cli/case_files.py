"""Files of cases: found in folders, read with what they name, and with the line of each case."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.cooperative.slices import at_once
from engine.testing.case_file import CaseFile, parse_case_file
from proto.problem import Problem
from proto.shapes import choices_for
from service.cli.files import DocumentFileError, component_in, read_document_file
from service.documents.component_files import DEFINITIONS, LANGUAGE_OF
from service.documents.kinds import kind_of
from service.documents.locating import locating
from service.documents.reading import format_of_file

SUFFIXES = (".cases.yaml", ".cases.yml", ".cases.json")
"""The ends of the names of files of cases."""

SHAPE = "a file of cases is an object with component or graph, and cases"

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})
"""Folders that are not looked through, beside those whose names begin with a dot."""


class ReadCases(msgspec.Struct, frozen=True):
    """A file of cases that was read.

    Attributes:
        path: of the file.
        file: what it says, with what it names in place of the names.
        lines: the line of each case; fewer where they are not known.
        sources: all files that were read for it.
    """

    path: Path
    file: CaseFile
    lines: tuple[int, ...]
    sources: tuple[Path, ...]

    def place(self, index: int) -> str:
        """Return the place of a case as ``file:line``."""
        line = self.line(index)
        return str(self.path) if line is None else f"{self.path}:{line}"

    def line(self, index: int) -> int | None:
        """Return the line of a case; None where it is not known."""
        return self.lines[index] if 0 <= index < len(self.lines) else None


def find_case_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files of cases among files and in folders, each once, in the order of their names."""
    seen = set()
    for path in paths:
        for each in _in_folder(path) if path.is_dir() else (path,):
            if each not in seen:
                seen.add(each)
                yield each


def _in_folder(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS)
        yield from (Path(place) / name for name in sorted(names) if name.endswith(SUFFIXES))


def read_case_file(path: Path) -> ReadCases:
    """Read a file of cases, and what it names.

    Raises:
        DocumentFileError: one of the files cannot be read, or is no such file.
    """
    document = read_document_file(path)
    try:
        file = parse_case_file(document)
    except msgspec.ValidationError as error:
        raise DocumentFileError(f"{path}: {error}{choices_for(error, CaseFile)}; {SHAPE}") from error
    sources = [path]
    file = _with_documents(path, file, sources)
    return ReadCases(path, file, case_lines(path, len(file.cases)), tuple(sources))


def _with_documents(path: Path, file: CaseFile, sources: list[Path]) -> CaseFile:
    """Return a file of cases with the documents of files in place of their names."""

    def read_component(name: str | dict[str, Any]) -> Any:
        if not isinstance(name, str) or not (beside := path.parent / name).is_file():
            return name
        found = component_in(beside)
        sources.extend(found.sources)
        return found.document

    def read_graph(name: str | dict[str, Any]) -> Any:
        if not isinstance(name, str) or not name:
            return name
        beside = path.parent / name
        sources.append(beside)
        try:
            return read_document_file(beside)
        except DocumentFileError as error:
            raise DocumentFileError(f"{path}: its graph: {error.message}") from error

    file = with_subject(path, file)
    return msgspec.structs.replace(
        file,
        component=read_component(file.component) if file.component else "",
        graph=read_graph(file.graph),
        components=tuple(read_component(each) for each in file.components),
    )


def with_subject(path: Path, file: CaseFile) -> CaseFile:
    """Return cases with the name of what they are about: where they say nothing, the file of their own name.

    Raises:
        DocumentFileError: there is none.
    """
    if file.component != "" or file.graph != "":
        return file
    beside = subject_beside(path)
    is_graph = beside.suffix in DEFINITIONS and kind_of(read_document_file(beside)) == "graph"
    return msgspec.structs.replace(file, **{"graph" if is_graph else "component": beside.name})


def subject_beside(path: Path) -> Path:
    """Return the file that the cases in another are about: the one of the same name.

    Raises:
        DocumentFileError: there is none.
    """
    stem = path.name.rsplit(".cases.", 1)[0]
    endings = (*LANGUAGE_OF, *DEFINITIONS)
    found = next((place for ending in endings if (place := path.with_name(f"{stem}{ending}")).is_file()), None)
    if found is None or found == path:
        raise DocumentFileError(
            f"{path}: It names no component and no graph, and there is no {stem}.js, {stem}.yaml …"
        )
    return found


def case_lines(path: Path, count: int) -> tuple[int, ...]:
    """Return the line on which each case of a file begins; nothing where the file cannot be read any more."""
    try:
        text = path.read_bytes()
    except OSError:
        return ()
    places = [Problem("", f"cases[{index}]", "") for index in range(count)]
    located = at_once(locating(text, format_of_file(path.name), places))
    return tuple(found.line or 0 for found in located.findings)
