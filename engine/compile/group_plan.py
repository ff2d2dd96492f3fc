"""The groups of a compiled graph: who opens them, who gathers them, and who is between."""

from collections.abc import Mapping

import msgspec


class GroupPlan(msgspec.Struct, frozen=True):
    """The groups of a graph, by indices of its nodes.

    Attributes:
        gathers: the nodes that gather the groups of each node that opens some; none of a source, each of whose
            values is a group until nothing of it is under way.
        grouped: nodes whose messages may have places.
    """

    gathers: Mapping[int, tuple[int, ...]]
    grouped: frozenset[int]
