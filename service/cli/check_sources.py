"""The texts that ``symbia-runtime check`` looks at: files, folders of them, and standard input."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from proto.problem import Finding
from service.cli.files import DocumentFileError
from service.documents.component_files import (
    ComponentFile,
    code_beside,
    has_definition,
    is_code,
    read_component_file,
    read_folders,
)
from service.documents.files import read_file
from service.documents.kinds import Kind, kind_of
from service.documents.reading import DocumentError, Format, decode_document, format_of_file

STDIN = "-"
_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
_FOREIGN = "node_modules"


class Source(msgspec.Struct, frozen=True):
    """One document as its author wrote it.

    Attributes:
        name: of its file, for people.
        text: its bytes.
        form: of these.
        kind: what it means to be.
        document: decoded; None where it could not be.
        refusal: why not, with the place.
        folder: where files that it names are looked for.
        code: the file of its code, where that is not in it.
    """

    name: str
    text: bytes
    form: Format
    kind: Kind
    document: Any
    refusal: Finding | None
    folder: Path
    code: Path | None = None


def read_sources(paths: Sequence[Path], kind: Kind | None = None) -> list[Source]:
    """Read files, the documents in folders, and standard input where a path is ``-``.

    Args:
        paths: as they were given; each is read once.
        kind: what all of them are, where that is known.

    Raises:
        DocumentFileError: one cannot be read at all, or a folder has none in it.
    """
    found: dict[str, Source] = {}
    for path in paths:
        if str(path) == STDIN:
            text = sys.stdin.buffer.read()
            form: Format = "json" if text.lstrip()[:1] in (b"{", b"[") else "yaml"
            found.setdefault(STDIN, _source("<stdin>", text, form, kind or "graph", Path()))
        elif path.is_dir():
            within = [source for file in _files(path) if (source := _of_folder(file)) is not None]
            if not within:
                raise DocumentFileError(f"{path}: there is no graph, component, routine or file of cases in it")
            for source in within:
                found.setdefault(source.name, source)
        else:
            found.setdefault(str(path), _of_file(path, kind))
    return list(found.values())


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that may hold documents; not those of other tools."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_foreign = any(part.startswith(".") or part == _FOREIGN for part in parts)
        if is_foreign or not path.is_file():
            continue
        if is_code(path) or path.suffix.lower() in _SUFFIXES:
            yield path


def _of_folder(path: Path) -> Source | None:
    """Return a document of a folder; None where it is of a kind that is not ours, or told with another file."""
    if is_code(path):
        return _of_code(path) if has_definition(path) else None
    if code_beside(path) is not None and ".cases." not in path.name:
        return None
    source = _of_file(path, None)
    is_ours = source.kind == "cases" or kind_of(source.document) is not None
    return source if source.refusal is not None or is_ours else None


def read_libraries(folders: Sequence[Path]) -> list[Source]:
    """Read the components in the files of folders, and what is wrong with others as sources that are refused."""
    found = read_folders(folders)
    components = [_of_component(component) for component in found.components]
    return [*components, *(_refused(each.path, each.message, each.code) for each in found.problems)]


def _of_code(path: Path) -> Source:
    try:
        return _of_component(read_component_file(path))
    except DocumentError as error:
        return _refused(path, str(error), "library.invalid_file")


def _of_component(found: ComponentFile) -> Source:
    """Return a component in files as the text of its definition, with its code told apart."""
    path = found.sources[-1]
    text = found.header or read_file(path)
    form: Format = "yaml" if found.header else format_of_file(path.name)
    code = found.path if is_code(found.path) else None
    return Source(str(path), text, form, "component", found.document, None, path.parent, code)


def _refused(path: Path, message: str, code: str) -> Source:
    return Source(str(path), b"", "json", "component", None, Finding(code, "", message), path.parent)


def _of_file(path: Path, kind: Kind | None) -> Source:
    if is_code(path):
        return _of_code(path)
    if ".cases." not in path.name and path.suffix.lower() in _SUFFIXES and code_beside(path) is not None:
        return _of_code(path)
    try:
        text = read_file(path)
    except OSError as error:
        raise DocumentFileError(f"{path}: {error.strerror or error}") from error
    known = kind or ("cases" if ".cases." in path.name else None)
    form = format_of_file(path.name)
    return _source(str(path), text, form, known or "graph", path.parent, is_known=known is not None)


def _source(name: str, text: bytes, form: Format, kind: Kind, folder: Path, *, is_known: bool = False) -> Source:
    try:
        document = decode_document(text, form)
    except DocumentError as error:
        line, column = (None, None) if error.position is None else (error.position[0] + 1, error.position[1] + 1)
        message = str(error) if line is None else error.bare
        return Source(
            name, text, form, kind, None, Finding("document.unreadable", "", message, line, column), folder
        )
    return Source(name, text, form, kind if is_known else kind_of(document) or kind, document, None, folder)
