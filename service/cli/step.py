"""``symbia-runtime step``: let go what a breakpoint holds, in one of the ways that there are."""

import click
import msgspec

from proto.breakpoint import BreakpointSnapshot
from proto.codec import MalformedJsonError, check_depth, decode_raw_values, encode
from service.cli.break_ import path_of
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask, escaped
from service.cli.remote.held import show_breakpoint
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json

VERBS = ("continue", "step", "next", "edit", "drop", "retry", "skip")


@click.command(name="step")
@click.argument("execution", shell_complete=execution_names)
@click.argument("breakpoint_id", metavar="BREAKPOINT")
@click.argument("verb", type=click.Choice(VERBS), default="step")
@click.option("--hold", type=click.IntRange(min=1), help="The number of what is meant; the oldest when absent.")
@click.option("--value", help="The new value, as JSON; of edit and retry.")
@click.option("--port", help="The output port by which the value leaves; of skip.")
@service_options
@json_option
def command(
    execution: str,
    breakpoint_id: str,
    verb: str,
    *,
    hold: int | None,
    value: str | None,
    port: str | None,
    as_json: bool,
) -> None:
    """Let what BREAKPOINT holds in EXECUTION go on, and show what it holds then.

    `step` goes through the node and stops behind it, `next` stops before the next nodes, `continue` goes on;
    `edit` changes the value, `retry` tries a failed message again, `skip` goes past the node, `drop` goes nowhere.
    """
    body: dict[str, object] = {}
    if hold is not None:
        body["hold"] = hold
    if value is not None:
        body["value"] = _json(value)
    if port is not None:
        body["port"] = port
    ask(_step, execution, breakpoint_id, verb, encode(body), as_json=as_json)


def _json(text: str) -> msgspec.Raw:
    try:
        encoded = text.encode()
        check_depth(encoded)
        return decode_raw_values(encoded, msgspec.Raw)
    except (MalformedJsonError, UnicodeEncodeError) as error:
        reason = f"This is no JSON: {error}; text needs quotes, such as '\"x\"'"
        raise click.BadParameter(reason, param_hint="--value") from error


async def _step(
    client: ServiceClient, text: str, identifier: str, verb: str, body: bytes, *, as_json: bool
) -> None:
    left = await client.post(f"{await path_of(client, text)}/{escaped(identifier)}/{verb}", body)
    if as_json:
        return show_json([left])
    return show_breakpoint(client.decode(left, BreakpointSnapshot))
