"""The ways of dead letters: what an edge with a policy lets go takes an edge that its author has not drawn.

Such an edge leads from where the edge with the policy begins to where its ``deadLetter`` says. Nothing that is
emitted takes it; but it forms no cycle, has an order and a place in the graphs inside, and is counted, as every
edge. Pure.
"""

from collections.abc import Sequence

from proto.graph import Edge

_PLACE = ".policy.deadLetter"


class LetterEdge(Edge, frozen=True):
    """The way of an edge's dead letters."""


def letters_of(edge: Edge) -> LetterEdge | None:
    """Return the way of an edge's dead letters; None where it has none."""
    if edge.policy is None or edge.policy.dead_letter is None:
        return None
    return LetterEdge(edge.source, edge.policy.dead_letter)


def letter_edges(edges: Sequence[Edge], paths: Sequence[str]) -> tuple[list[LetterEdge], list[str]]:
    """Return the ways of the dead letters of all edges, and where each is written."""
    pairs = [(letters_of(edge), path) for edge, path in zip(edges, paths, strict=True)]
    found = [(letters, letters_path(path)) for letters, path in pairs if letters is not None]
    return [letters for letters, _ in found], [path for _, path in found]


def letters_path(edge_path: str) -> str:
    """Return where the way of an edge's dead letters is written."""
    return f"{edge_path}{_PLACE}"


def edge_path_of(letters_path: str) -> str:
    """Return where the edge is written whose dead letters go that way."""
    return letters_path.removesuffix(_PLACE)


def target_path(edge: Edge, path: str) -> str:
    """Return where the target of an edge is written."""
    return path if isinstance(edge, LetterEdge) else f"{path}.target"
