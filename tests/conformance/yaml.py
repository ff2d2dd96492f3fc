"""yaml-test-suite, against the reader of documents in YAML.

`python -m tests.conformance.yaml FOLDER`: the branch ``data`` of https://github.com/yaml/yaml-test-suite, where
each case is a folder with ``in.yaml``, and ``in.json`` or ``error``.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from service.documents.reading import DocumentError, decode_document
from tests.conformance.jmespath import same
from tests.conformance.suite import Outcome, SuiteError, command


async def run(folder: Path) -> AsyncIterator[Outcome]:
    """Run the cases of yaml-test-suite below FOLDER: what is read, with its value, and what is refused."""
    for file in _files_in(folder):
        name = file.parent.relative_to(folder).as_posix()
        text = file.read_bytes()
        is_wrong = (file.parent / "error").exists()
        values = _values(file.parent / "in.json")
        if not is_wrong and values is None:
            yield Outcome(name, skipped="JSON cannot say what it says")
        elif not is_wrong and len(values or ()) != 1:
            yield Outcome(name, skipped="a file is one document, and this has several or none")
        else:
            yield Outcome(name, _difference(text, None if is_wrong else values))
        await trio.lowlevel.checkpoint()


def _files_in(folder: Path) -> list[Path]:
    """The texts of the cases, each once: ``name`` and ``tags`` lead to them a second time."""
    found = folder.rglob("in.yaml")
    files = sorted(file for file in found if {"name", "tags"}.isdisjoint(file.relative_to(folder).parts))
    if not files:
        raise SuiteError("there is no in.yaml in it; take the branch data")
    return files


def _values(file: Path) -> list[object] | None:
    """The values of the documents of a case, one after the other in one text; None where there is none."""
    if not file.exists():
        return None
    text, values = file.read_text().strip(), []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        values.append(value)
        text = text[end:].strip()
    return values


def _difference(text: bytes, wanted: list[object] | None) -> str:
    try:
        value = decode_document(text, "yaml")
    except DocumentError as error:
        return "" if wanted is None else f"refused: {error}"[:200]
    if wanted is None:
        return f"taken as {value!r}"[:200]
    return "" if same(value, wanted[0]) else f"read as {value!r}"[:200]


main = command(run, Path(__file__).with_suffix(".toml"))

if __name__ == "__main__":
    main()
