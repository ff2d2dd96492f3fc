"""``symbia-runtime new``: a component or a graph to begin with, and its cases."""

import re
import sys
from pathlib import Path
from typing import Literal

import click

from service.cli.beginnings import beginning_of_component, beginning_of_graph
from service.cli.new_files import ExistingFileError, write_new

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(name="new")
@click.argument("kind", type=click.Choice(["component", "graph"]))
@click.argument("name")
@click.option("--typescript", is_flag=True, help="Write the component in TypeScript, with the types of ctx.")
@click.option("--folder", type=FOLDER, default=".", help="Where to write it; here when absent.")
def command(kind: Literal["component", "graph"], name: str, typescript: bool, folder: Path) -> None:
    """Write a component or a graph to begin with, and its cases, which pass as they are.

    NAME is that of its files, and of the component: `pricing` becomes custom.pricing, `acme.pricing` stays so.

    The exit status is 0 when the files are written, and 2 when one of them is there already, or the name is none.
    """
    if _NAME.fullmatch(name) is None or name.endswith("."):
        raise click.UsageError(
            "A name has letters, digits, - _ and ., 100 of them at most, and begins with no sign"
        )
    if kind == "graph" and typescript:
        raise click.UsageError("--typescript is for components")
    files = beginning_of_graph(name) if kind == "graph" else beginning_of_component(name, is_typed=typescript)
    try:
        write_new({folder / path: text for path, text in files.items()})
    except (ExistingFileError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    for path in files:
        click.echo(f"Wrote {folder / path}", err=True)
    cases = next(path for path in files if ".cases." in path)
    click.echo(f"Try it: symbia-runtime test {folder / cases}", err=True)
