"""Lines of what has left a graph, the same that `symbia-runtime run` prints."""

from collections.abc import Iterable

import click
import msgspec

from proto.codec import encode
from service.documents.printable import printable_json


class Output(msgspec.Struct, frozen=True):
    """A value that has left the graph, as far as it is shown."""

    sequence: int
    node: str
    port: str
    value: msgspec.Raw


def show_outputs(outputs: Iterable[Output]) -> None:
    """Print outputs, one a line."""
    for output in outputs:
        line = encode({"node": output.node, "port": output.port, "value": output.value})
        click.echo(printable_json(line) + b"\n", nl=False)
