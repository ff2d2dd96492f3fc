"""Lines of what has left a graph, the same that `symbia-runtime run` prints."""

from collections.abc import Iterable

import click
import msgspec

from proto.codec import encode


class Output(msgspec.Struct, frozen=True):
    """A value that has left the graph, as far as it is shown."""

    sequence: int
    node: str
    port: str
    value: msgspec.Raw


def show_outputs(outputs: Iterable[Output]) -> None:
    """Print outputs, one a line."""
    for output in outputs:
        click.echo(encode({"node": output.node, "port": output.port, "value": output.value}) + b"\n", nl=False)
