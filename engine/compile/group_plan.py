"""The groups of a compiled graph: who opens them, who gathers them, and who is between."""

from collections.abc import Mapping

import msgspec


class GroupPlan(msgspec.Struct, frozen=True):
    """The groups of a graph, by indices of its nodes.

    Attributes:
        gathers: the nodes that gather the groups of each node that opens some.
        grouped: nodes whose messages may have places.
    """

    gathers: Mapping[int, tuple[int, ...]]
    grouped: frozenset[int]
