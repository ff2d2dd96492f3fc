"""A graph as a flowchart of Mermaid, which many pages in Markdown show as a picture."""

from collections.abc import Iterator

from service.interchange.drawing.picture import Box, Group, Picture

_SIGNS = str.maketrans({sign: f"#{ord(sign)};" for sign in '"<>#&`[]{}()|\\%'})


def mermaid(picture: Picture) -> str:
    """Return the text of the flowchart; what stands in the graph's names is shown, and nothing of it counts."""
    lines = ["flowchart LR", *_inside(picture.group, "  ")]
    for arrow in picture.arrows:
        line = "-.->" if arrow.is_error else "-->"
        words = f"|{_quoted(arrow.label)}|" if arrow.label else ""
        lines.append(f"  n{arrow.source} {line}{words} n{arrow.target}")
    return "\n".join(lines) + "\n"


def _inside(group: Group, indent: str) -> Iterator[str]:
    for box in group.boxes:
        yield f"{indent}{_box(box)}"
    for inner in group.groups:
        yield f"{indent}subgraph g{inner.number}[{_quoted(inner.title)}]"
        yield from _inside(inner, f"{indent}  ")
        yield f"{indent}end"


def _box(box: Box) -> str:
    words = f"{_escaped(box.title)}<br/><small>{_escaped(box.component)}</small>"
    return f'n{box.number}(["{words}"])' if box.is_entry else f'n{box.number}["{words}"]'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.translate(_SIGNS)
