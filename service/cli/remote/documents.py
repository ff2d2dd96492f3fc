"""Documents on their way to a service: files, or standard input, in JSON or YAML."""

from codecs import BOM_UTF8
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click
import trio

from engine.cooperative.slices import in_slices
from proto.problem import Finding
from service.cli.files import DocumentFileError
from service.cli.remote.client import Query, ServiceClient, ServiceError
from service.cli.stdin import whole_input
from service.cli.told import line_of, told
from service.documents.files import read_file
from service.documents.locating import locating
from service.documents.printable import printable
from service.documents.reading import Format, format_of_file

DOCUMENT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
"""The type of an argument that is a file to send, or ``-`` for standard input."""

STANDARD_INPUT = Path("-")

BAD_REQUEST = 400

HINT = "register it first, by `symbia-runtime components load FILE`"
"""The remedy where a graph uses a component that the service does not know."""


class RefusedFileError(ServiceError):
    """A file that the service refuses; shown as ``check`` shows it, each problem with its line and column."""

    def __init__(self, lines: Sequence[str], problems: Sequence[Finding]) -> None:
        super().__init__("\n".join(lines), BAD_REQUEST, problems)

    @property
    def lacks_graphs(self) -> bool:
        """True where nothing else is wrong than that graphs that it uses by name are not loaded."""
        return all(each.code == "node.unknown_graph" for each in self.problems)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the lines as they are, for editors and build tools to read."""
        del file
        click.echo(self.message, err=True)


async def post_document(client: ServiceClient, path: str, file: Path, query: Query | None = None) -> bytes:
    """Send a document as it stands in its file; the reply.

    Raises:
        DocumentFileError: the file cannot be read.
        RefusedFileError: something in it is wrong.
        ServiceError: the service refuses it otherwise; the message begins with the file.
    """
    try:
        if file == STANDARD_INPUT:
            content = await whole_input()
        else:
            content = await trio.to_thread.run_sync(read_file, file)
    except OSError as error:
        raise DocumentFileError(f"{file}: {error.strerror or error}") from error
    kind = format_of_text(content) if file == STANDARD_INPUT else format_of_file(file.name)
    try:
        return await client.post(path, content, f"application/{kind}", query)
    except ServiceError as error:
        if error.status == BAD_REQUEST and any(each.path or each.line for each in error.problems):
            raise RefusedFileError(await _lines_of(error, file, content, kind), error.problems) from error
        raise ServiceError(f"{file}: {error}" if error.status else str(error), error.status) from error


async def _lines_of(error: ServiceError, file: Path, content: bytes, kind: Format) -> list[str]:
    """Return the problems of a file as lines; their places are looked for in it where the service says none."""
    name = "<stdin>" if file == STANDARD_INPUT else str(file)
    found = (await in_slices(locating(content, kind, error.problems))).findings
    places = [said if said.line else seen for said, seen in zip(error.problems, found, strict=True)]
    places.sort(key=lambda each: (each.line or 0, each.column or 0))
    return [printable(line_of(told(name, "error", each, hint=HINT))) for each in places]


def format_of_text(text: bytes) -> Format:
    """Return the format of a document whose name nobody knows: an object in JSON begins with a brace."""
    return "json" if text.removeprefix(BOM_UTF8).lstrip().startswith(b"{") else "yaml"
