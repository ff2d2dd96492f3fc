"""``symbia-runtime types``: types for authors of components in TypeScript, and for editors of JavaScript."""

import sys
from pathlib import Path

import click

from service.cli.new_files import ExistingFileError, write_new

TYPES = Path(__file__).with_name("symbia.d.ts")
"""The text that is written; it ships with the program."""

STDOUT = "-"


@click.command(name="types")
@click.argument("folder", default=".", type=click.Path(path_type=Path, allow_dash=True))
def command(folder: Path) -> None:
    """Write symbia.d.ts, the types of `ctx`, into FOLDER, or print it where FOLDER is -.

    An older one is replaced; another file of this name is left as it is.

    The exit status is 0 when it is there, and 2 when another file is in its place.
    """
    text = TYPES.read_text(encoding="utf-8")
    if str(folder) == STDOUT:
        click.echo(text, nl=False)
        return
    path = folder / TYPES.name
    try:
        write_new({path: text}, replacing=text.partition("\n")[0])
    except (ExistingFileError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(f"Wrote {path}", err=True)
