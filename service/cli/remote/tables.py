"""Lists for people and for programs: aligned columns, or one JSON value a line."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import Any, TypeVar

import click
import msgspec
from rich.cells import cell_len, set_cell_size

from service.documents.printable import printable, printable_json

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

SHORT_ID_CHARACTERS = 8
"""An id's beginning in tables; commands take it in the place of the whole."""

GAP = "  "
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def json_option(function: AnyFunction) -> AnyFunction:
    """Give a command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="JSON as the service wrote it, one value a line.")(
        function
    )


def show_json(values: Iterable[bytes | msgspec.Raw]) -> None:
    """Print JSON values, one a line.

    Raises:
        click.ClickException: one is no JSON.
    """
    for value in values:
        try:
            line = msgspec.json.format(bytes(value), indent=-1)
        except (msgspec.DecodeError, RecursionError) as error:
            raise click.ClickException("The reply is no JSON; is it a symbia-runtime?") from error
        click.echo(printable_json(line) + b"\n", nl=False)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below the names of their columns; at a terminal, each is cut to its width."""
    lines = [[*columns], *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    for number, line in enumerate(lines):
        cells = [set_cell_size(cell, size) for cell, size in zip(line[:-1], widths[:-1], strict=True)]
        text = GAP.join([*cells, line[-1]]).rstrip()
        if width is not None and cell_len(text) > width:
            text = set_cell_size(text, width - 1) + "…"
        click.secho(text, bold=number == 0)


def show_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print a title, and what is known of it, a line each."""
    click.secho(printable(title), bold=True)
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}{GAP}{printable(str(value))}")


def age_of(moment: str | None, now: datetime | None = None) -> str:
    """Return how long ago something happened, such as ``5 min``; a dash where it has not, ``?`` if it is none."""
    if not moment:
        return "-"
    try:
        seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds())
    except (ValueError, TypeError):  # it is no moment, or one of nobody knows which zone
        return "?"
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def short(identifier: str) -> str:
    """Return the beginning of an id, which commands take in the place of the whole."""
    return identifier[:SHORT_ID_CHARACTERS]
