"""``symbia-runtime import``: graphs of Node-RED, FBP and Benthos as graphs of ours, with a report."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from proto.codec import MalformedJsonError, decode
from service.cli.files import FILE, DocumentFileError
from service.cli.import_check import find_problems
from service.cli.until_signal import run_until_signal
from service.documents.files import read_file
from service.documents.printable import printable
from service.documents.reading import MAX_YAML_BYTES, DocumentError, decode_document, format_of_file
from service.documents.yaml_writing import write_yaml
from service.interchange.imported import Imported, NotImportableError
from service.interchange.notes import Note, counts
from service.interchange.recognition import TOOLS, Source, importer_of

ELEMENTS = 2_000_000
"""Values in a file that is imported: exports of Node-RED have some twenty for each node."""

NEEDS_SOMEBODY = ("approximated", "byHand")

WORDS = {"carried": "carried over", "approximated": "approximated", "byHand": "by hand", "leftOut": "left out"}


@click.command(name="import")
@click.argument("file", type=FILE)
@click.option(
    "--from", "tool", type=click.Choice(tuple(TOOLS)), help="The tool that FILE is of; found out if absent."
)
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="The folder to write to.")
@click.option("--tab", "tabs", multiple=True, metavar="NAME", help="Of Node-RED: take this tab only.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--dry-run", is_flag=True, help="Write nothing; only report.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 where anything is approximated or to be done by hand.")
def command(
    file: Path,
    tool: str | None,
    into: Path | None,
    tabs: tuple[str, ...],
    force: bool,
    dry_run: bool,
    as_json: bool,
    strict: bool,
) -> None:
    """Make graphs of FILE: flows of Node-RED, a graph of FBP or NoFlo, a pipeline of Benthos or Redpanda Connect.

    Graphs are written into a folder, which has the name of the file where --into is absent, and their components
    into components/ in it. The report says what was carried over, what was approximated and what is to be done by
    hand, each with its place.

    The exit status is 0 when graphs were made, 1 when one of them cannot be loaded, or with --strict where
    somebody has to look, and 2 when the file cannot be read, is of no known tool, or would be written over.
    """
    imported, problems = _loadable(file, tool, tabs)
    folder = into or Path(file.stem)
    written = _files(imported, folder)
    if not dry_run:
        _write(written, force=force)
    if as_json:
        click.echo(json.dumps(_report(imported, written), indent=2))
    else:
        _tell(imported, written, is_dry=dry_run)
    for line in problems:
        click.echo(printable(f"cannot be loaded: {line}"), err=True)
    if problems or (strict and any(note.fate in NEEDS_SOMEBODY for note in imported.notes)):
        sys.exit(1)


def _loadable(file: Path, tool: str | None, tabs: tuple[str, ...]) -> tuple[Imported, list[str]]:
    """Import a file, and anew where code in it is no program; return what keeps the result from being loaded."""
    imported = _imported(file, tool, tabs, {})
    unusable, problems = run_until_signal(find_problems, imported)
    if unusable:
        imported = _imported(file, tool, tabs, unusable)
        unusable, problems = run_until_signal(find_problems, imported)
    return imported, [*(f"{name}: {why}" for name, why in unusable.items()), *problems]


def _imported(file: Path, tool: str | None, tabs: tuple[str, ...], unusable: Mapping[str, str]) -> Imported:
    try:
        text = read_file(file)
        document = _decoded(file, text)
        return importer_of(tool, file.name, document)(Source(text, document, file.stem, tabs, unusable))
    except OSError as error:
        raise DocumentFileError(f"{file}: {error.strerror or error}") from error
    except (DocumentError, MalformedJsonError, NotImportableError) as error:
        raise DocumentFileError(f"{file}: {error}") from error


def _decoded(file: Path, text: bytes) -> Any:
    """Decode a file; None where it is text of its own kind."""
    if file.suffix.lower() == ".fbp":
        return None
    form = format_of_file(file.name)
    return decode(text, ELEMENTS) if form == "json" else decode_document(text, form)


def _files(imported: Imported, folder: Path) -> dict[Path, str]:
    """Return the text of each file that is to be written."""
    files: dict[Path, str] = {}
    for graph in imported.graphs:
        files |= [_file(folder / graph.slug, graph.document)]
    for name, definition in imported.components.items():
        files |= [_file(folder / "components" / name, definition)]
    return files


def _file(path: Path, document: Any) -> tuple[Path, str]:
    """Return a document as YAML, or as JSON where YAML cannot hold it or would not be read."""
    text = write_yaml(document)
    try:
        is_yaml = len(text.encode()) <= MAX_YAML_BYTES and decode_document(text.encode(), "yaml") == document
    except (UnicodeEncodeError, DocumentError):
        is_yaml = False
    if is_yaml:
        return path.with_name(f"{path.name}.yaml"), text
    return path.with_name(f"{path.name}.json"), f"{json.dumps(document, indent=2)}\n"


def _write(files: dict[Path, str], *, force: bool) -> None:
    there = [path for path in files if path.exists()]
    if there and not force:
        raise DocumentFileError(
            f"{there[0]} is there already; --force writes over it, --into names another folder"
        )
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DocumentFileError(f"{error.filename or ''}: {error.strerror or error}") from error


def _report(imported: Imported, files: dict[Path, str]) -> dict[str, Any]:
    return {
        "graphs": [
            {
                "name": graph.document["name"],
                "nodes": len(graph.document["nodes"]),
                "edges": len(graph.document["edges"]),
                "components": list(graph.components),
            }
            for graph in imported.graphs
        ],
        "files": [str(path) for path in files],
        "summary": counts(imported.notes),
        "notes": msgspec.to_builtins(imported.notes),
    }


def _tell(imported: Imported, files: dict[Path, str], *, is_dry: bool) -> None:
    for fate in ("byHand", "approximated", "leftOut", "carried"):
        notes = [note for note in imported.notes if note.fate == fate]
        if notes:
            click.echo(f"{WORDS[fate]}: {len(notes)}")
        for note in notes:
            click.echo(f"  {printable(_line(note))}")
    for graph in imported.graphs:
        size = f"{len(graph.document['nodes'])} nodes, {len(graph.document['edges'])} edges"
        click.echo(printable(f"{graph.document['name']}: {size}"), err=True)
    if is_dry:
        return
    for path in files:
        click.echo(f"wrote {path}", err=True)


def _line(note: Note) -> str:
    """Return a note as one line, with its place before it."""
    place = note.place
    what = " ".join(part for part in (place.type, f"“{place.name}”" if place.name else "", place.id) if part)
    where = f" in {place.tab}" if place.tab else ""
    return f"{what}{where}: {note.message}" if what or where else note.message
