"""Components in the files of a folder: code beside its definition, or with the definition in a comment.

    pricing.js      the code: .js, .mjs, .ts or .wasm
    pricing.yaml    its definition, as a component's document has it, without the code: .yaml, .yml or .json

In place of the second file JavaScript and TypeScript may begin with a comment, ``/* symbia:``, the definition in
YAML, ``*/``. A definition with its code in it is a component by itself.

Everything that is wrong is told with its file, and keeps no other file from being read.
"""

import base64
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from service.documents.files import leads_out, read_regular_file
from service.documents.kinds import kind_of
from service.documents.reading import DocumentError, decode_document, format_of_file

LANGUAGE_OF = {".js": "javascript", ".mjs": "javascript", ".ts": "typescript", ".wasm": "wasm"}
"""The language of the code in a file, by the end of its name."""

DEFINITIONS = (".yaml", ".yml", ".json")
"""The ends of the names of files that may hold definitions."""

MOST_FILES = 5_000
"""Files of a folder that are looked at."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of one file: more than a module may have."""

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})

_HEADER = re.compile(r"\ufeff?(?>(?:\s*+//[^\n]*+\n)*)\s*+/\*\s*+symbia:[ \t]*+\r?\n?(.*?)\*/", re.DOTALL)
_DECLARATIONS = (".d.ts", ".d.mts")
_CODE_FIELDS = ("source", "module", "sourceUrl")


class FileProblem(msgspec.Struct, frozen=True):
    """Something that is wrong with a file.

    Attributes:
        path: of the file.
        message: for people.
        code: a stable name for programs.
    """

    path: Path
    message: str
    code: str = "library.invalid_file"


class ComponentFile(msgspec.Struct, frozen=True):
    """A component that was found in files.

    Attributes:
        path: of its code, or of its definition where the code is in that.
        document: its whole definition, as it is registered.
        sources: the files that it was read from.
        header: the definition at the head of the code, on the lines where it stands there; empty where it is not.
    """

    path: Path
    document: dict[str, Any]
    sources: tuple[Path, ...]
    header: bytes = b""


class ComponentFolder(msgspec.Struct, frozen=True):
    """The components in a folder.

    Attributes:
        components: in the order of their files.
        problems: what is wrong with other files.
    """

    components: tuple[ComponentFile, ...] = ()
    problems: tuple[FileProblem, ...] = ()


class _RefusedFileError(Exception):
    """A file that is no component; the message says why."""


def read_folders(folders: Iterable[Path]) -> ComponentFolder:
    """Read the components in several folders; two of one id are wrong, wherever they are."""
    read = [read_folder(folder) for folder in folders]
    components: dict[str, ComponentFile] = {}
    problems = [problem for each in read for problem in each.problems]
    for found in (component for each in read for component in each.components):
        name = found.document.get("id")
        other = components.get(name) if isinstance(name, str) else None
        if other is not None and other.path != found.path:
            problems.append(FileProblem(found.path, f"{other.path} has the id {name}, too", "component.exists"))
        elif other is None:
            components[name if isinstance(name, str) else str(found.path)] = found
    return ComponentFolder(tuple(components.values()), tuple(problems))


def read_folder(folder: Path) -> ComponentFolder:
    """Read the components in a folder and in those within it."""
    components: list[ComponentFile] = []
    problems: list[FileProblem] = []
    files = list(_files(folder, problems))
    codes = {_stem(path): path for path in files if is_code(path)}
    for path in files:
        try:
            if is_code(path):
                components.append(read_code_file(path, codes[_stem(path)]))
            elif _stem(path) not in codes and (whole := _whole(path)) is not None:
                components.append(whole)
        except _RefusedFileError as error:
            problems.append(FileProblem(path, str(error)))
    return ComponentFolder(tuple(components), tuple(problems))


def read_component_file(path: Path) -> ComponentFile:
    """Read a component from the file of its code, or of its definition; what that says is not looked at.

    Raises:
        DocumentError: it cannot be read; the message says why.
    """
    try:
        code = path if is_code(path) else code_beside(path)
        if code is not None:
            return read_code_file(code)
        return ComponentFile(path, decoded(_content(path), format_of_file(path.name), "it"), (path,))
    except _RefusedFileError as error:
        raise DocumentError(str(error)) from error


def read_code_file(path: Path, only: Path | None = None) -> ComponentFile:
    """Read a component from the file of its code, with the definition beside it or at its head.

    Another file may be the ``only`` one whose code the definition can be of.
    """
    if only is not None and only != path:
        raise _RefusedFileError(f"{only.name} stands beside it; one of them is the code")
    language = LANGUAGE_OF[path.suffix.lower()]
    content = _content(path)
    beside = [place for ending in DEFINITIONS if (place := path.with_suffix(ending)).is_file()]
    if len(beside) > 1:
        raise _RefusedFileError(f"{beside[0].name} and {beside[1].name} stand beside it; leave one out")
    header = None
    if language != "wasm":
        try:
            source = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _RefusedFileError(f"it is not UTF-8: byte {error.start} is wrong") from error
        header = _HEADER.match(source)
    if beside and header is not None:
        raise _RefusedFileError(f"{beside[0].name} defines it, and so does the comment at its head; leave one out")
    if beside:
        definition = _definition_in(beside[0])
    elif header is not None:
        definition = _object(
            decoded(header[1].encode(), "yaml", "the comment at its head"), "the comment at its head"
        )
    else:
        head = "" if language == "wasm" else ", and no comment /* symbia: … */ at its head"
        raise _RefusedFileError(f"there is no definition: no {path.stem}.yaml beside it{head}")
    code = definition.get("execution", {})
    if not isinstance(code, dict):
        raise _RefusedFileError("execution is an object")
    if given := [field for field in _CODE_FIELDS if code.get(field)]:
        raise _RefusedFileError(
            f"its definition has execution.{given[0]}, and the code is in this file; leave one out"
        )
    if code.get("type", language) != language:
        raise _RefusedFileError(
            f"its definition says that it is {code['type']}, and its name that it is {language}"
        )
    held = {"module": base64.b64encode(content).decode()} if language == "wasm" else {"source": source}
    document = {**definition, "execution": {**code, "type": language, **held}}
    return ComponentFile(path, document, (path, *beside), _on_its_lines(header))


def _on_its_lines(header: re.Match[str] | None) -> bytes:
    return b"" if header is None else b"\n" * header.string.count("\n", 0, header.start(1)) + header[1].encode()


def code_beside(path: Path) -> Path | None:
    """Return the file of the code that a definition in another file may be of; None where there is none."""
    return next((place for ending in LANGUAGE_OF if (place := path.with_suffix(ending)).is_file()), None)


def has_definition(path: Path) -> bool:
    """Return whether the code in a file has a definition, beside it or at its head."""
    if any(path.with_suffix(ending).is_file() for ending in DEFINITIONS):
        return True
    try:
        return (
            path.suffix.lower() != ".wasm" and _HEADER.match(_content(path).decode("utf-8", "replace")) is not None
        )
    except _RefusedFileError:
        return False


def _whole(path: Path) -> ComponentFile | None:
    """Return the component whose code is in its definition; None where the file is something else."""
    document = decoded(_content(path), format_of_file(path.name), "it")
    if kind_of(document) != "component":
        return None
    code = document.get("execution")
    if isinstance(code, dict) and any(code.get(field) for field in _CODE_FIELDS):
        return ComponentFile(path, document, (path,))
    names = ", ".join(f"{path.stem}{ending}" for ending in LANGUAGE_OF)
    raise _RefusedFileError(f"there is no code: none in it, and no {names} beside it")


def decoded(content: bytes, form: Any, what: str) -> Any:
    """Decode a document; the message of what is wrong begins with its name."""
    try:
        return decode_document(content, form)
    except DocumentError as error:
        raise _RefusedFileError(f"{what} cannot be read: {error}") from error


def _definition_in(path: Path) -> dict[str, Any]:
    return _object(decoded(_content(path), format_of_file(path.name), path.name), path.name)


def _object(document: Any, what: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise _RefusedFileError(f"{what} is no definition: a definition is an object")
    return document


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise _RefusedFileError(f"it has {size:,} bytes; {MOST_BYTES:,} are read")
        return read_regular_file(path, MOST_BYTES)
    except OSError as error:
        raise _RefusedFileError(f"it cannot be read: {error.strerror or error}") from error


def is_code(path: Path) -> bool:
    """Return whether a file is one of code, by its name; declarations of types are none."""
    return path.suffix.lower() in LANGUAGE_OF and not path.name.endswith(_DECLARATIONS)


def _stem(path: Path) -> Path:
    return path.with_suffix("")


def _files(folder: Path, problems: list[FileProblem]) -> Iterator[Path]:
    """Yield the files that may be of components, in the order of their names."""
    count = 0

    def note(error: OSError) -> None:
        problems.append(FileProblem(Path(error.filename), f"it cannot be read: {error.strerror}"))

    for place, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(place) / name
            if (
                ".cases." in name
                or not (is_code(path) or path.suffix.lower() in DEFINITIONS)
                or name.startswith(".")
            ):
                continue
            count += 1
            if count > MOST_FILES:
                problems.append(
                    FileProblem(folder, f"there are more than {MOST_FILES:,} files; the others are not read")
                )
                return
            if leads_out(path, folder):
                problems.append(FileProblem(path, f"it leads out of {folder}, to {path.readlink()}"))
            elif path.is_file():
                yield path
            else:
                problems.append(FileProblem(path, "it is no file"))
