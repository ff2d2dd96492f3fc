"""Breakpoints for people: one line each, and below it one for each thing that it holds."""

import click
import msgspec

from proto.breakpoint import BreakpointSnapshot, HeldMessage
from service.documents.printable import printable


def show_breakpoint(shown: BreakpointSnapshot) -> None:
    """Print a breakpoint, and what it holds."""
    place = f"edge {shown.edge}" if shown.edge is not None else shown.node or "all nodes"
    port = f":{shown.port}" if shown.port is not None else ""
    when = f", when {shown.when}" if shown.when is not None else ""
    seen = f"{shown.hits:,} hits" + (f", {shown.passed:,} passed" if shown.passed else "")
    click.echo(printable(f"{shown.id}  {shown.action} on {shown.on} of {place}{port}{when}  ({seen})"))
    if shown.failure is not None:
        click.echo(printable(f"  the condition failed {shown.failures:,} times: {shown.failure}"))
    for held in shown.held:
        click.echo(printable(_line(held)))


def _line(held: HeldMessage) -> str:
    place = f"{held.node}:{held.port}" if held.port else held.node
    value = msgspec.json.format(bytes(held.value), indent=-1).decode()
    error = "" if held.error is None else f"  {held.error.name}: {held.error.message}"
    behind = f"  ({held.emitted:,} values wait to leave)" if held.emitted else ""
    return f"  {held.hold}  {held.on} at {place}  {value}{error}{behind}  [{', '.join(held.verbs)}]"
