"""``symbia-runtime schema``: the JSON Schema of what people write, for their editors."""

from typing import get_args

import click
import msgspec

from proto.codec import encode
from service.http.openapi.document_schemas import DocumentKind, document_schema


@click.command(name="schema")
@click.argument("kind", type=click.Choice(get_args(DocumentKind)))
def command(kind: DocumentKind) -> None:
    """Print the JSON Schema of a KIND of documents, by which editors complete and check them.

    A service has the same at /schemas/KIND.json.
    """
    click.echo(msgspec.json.format(encode(document_schema(kind)), indent=2))
