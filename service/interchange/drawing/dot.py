"""A graph in the language of Graphviz."""

from collections.abc import Iterator

from service.interchange.drawing.picture import Group, Picture


def dot(picture: Picture) -> str:
    """Return the text of the digraph."""
    head = [f"digraph {_quoted(picture.group.title or 'graph')} {{", "  rankdir=LR;", "  node [shape=box];"]
    return "\n".join([*head, *_inside(picture.group, "  "), *_arrows(picture), "}"]) + "\n"


def _inside(group: Group, indent: str) -> Iterator[str]:
    for box in group.boxes:
        style = ", style=bold" if box.is_entry else ""
        yield f"{indent}n{box.number} [label={_quoted(box.title, box.component)}{style}];"
    for inner in group.groups:
        yield f"{indent}subgraph cluster_{inner.number} {{"
        yield f"{indent}  label={_quoted(inner.title)};"
        yield from _inside(inner, f"{indent}  ")
        yield f"{indent}}}"


def _arrows(picture: Picture) -> Iterator[str]:
    for arrow in picture.arrows:
        looks = [f"label={_quoted(arrow.label)}"] if arrow.label else []
        looks += ["style=dashed"] if arrow.is_error else []
        how = f" [{', '.join(looks)}]" if looks else ""
        yield f"  n{arrow.source} -> n{arrow.target}{how};"


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"{}"'.format("\\n".join(escaped))
