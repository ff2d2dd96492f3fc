"""Shapes of graphs that several tests use."""

from collections.abc import Sequence


def pairs_between(nodes: Sequence[str], *, closed: bool = False) -> list[tuple[str, str]]:
    """The edges of a chain through all nodes, in order; ``closed``, the last one feeds the first."""
    following = [*nodes[1:], *nodes[:1]]
    pairs = list(zip(nodes, following, strict=True))
    return pairs if closed else pairs[:-1]
