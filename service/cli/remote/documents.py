"""Documents on their way to a service: files, or standard input, in JSON or YAML."""

from codecs import BOM_UTF8
from pathlib import Path

import click
import trio

from service.cli.files import DocumentFileError
from service.cli.remote.client import Query, ServiceClient, ServiceError
from service.cli.stdin import whole_input
from service.documents.reading import Format, format_of_file

DOCUMENT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
"""The type of an argument that is a file to send, or ``-`` for standard input."""

STANDARD_INPUT = Path("-")


async def post_document(client: ServiceClient, path: str, file: Path, query: Query | None = None) -> bytes:
    """Send a document as it stands in its file; the reply.

    Raises:
        DocumentFileError: the file cannot be read.
        ServiceError: the service refuses it; the message begins with the file.
    """
    try:
        content = await whole_input() if file == STANDARD_INPUT else await trio.Path(file).read_bytes()
    except OSError as error:
        raise DocumentFileError(f"{file}: {error.strerror or error}") from error
    kind = format_of_text(content) if file == STANDARD_INPUT else format_of_file(file.name)
    try:
        return await client.post(path, content, f"application/{kind}", query)
    except ServiceError as error:
        raise ServiceError(f"{file}: {error}" if error.status else str(error), error.status) from error


def format_of_text(text: bytes) -> Format:
    """Return the format of a document whose name nobody knows: an object in JSON begins with a brace."""
    return "json" if text.removeprefix(BOM_UTF8).lstrip().startswith(b"{") else "yaml"
