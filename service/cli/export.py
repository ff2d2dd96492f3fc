"""``symbia-runtime export``: a graph as a diagram."""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from service.cli.files import FILE, read_document_file
from service.interchange.drawing.dot import dot
from service.interchange.drawing.mermaid import mermaid
from service.interchange.drawing.picture import Picture, picture_of

FORMS: Mapping[str, Callable[[Picture], str]] = {"mermaid": mermaid, "dot": dot}


@click.command(name="export")
@click.argument("graph", type=FILE)
@click.option("--to", "form", type=click.Choice(tuple(FORMS)), default="mermaid", help="The language to write.")
def command(graph: Path, form: str) -> None:
    """Print GRAPH, a JSON or YAML file, as a diagram: for Mermaid, or for Graphviz (`dot -Tsvg`).

    Graphs in graphs are groups, edges from error ports are dashed. What a document lacks is not drawn.
    """
    click.echo(FORMS[form](picture_of(read_document_file(graph))), nl=False)
