"""A graph with everything inside it written out. Pure data.

Its nodes are known by their paths, and its edges lead from port to port of components. Whoever
checks or compiles a graph looks at this; a graph that uses no other is the same as its draft.
"""

from collections.abc import Mapping, Sequence

import msgspec

from engine.compile.draft import GraphDraft
from engine.compile.scopes import ParameterScope
from engine.documents.weight import Weight
from proto.graph import Endpoint, GraphDefinition

SOURCE_IS_WRITTEN = 1
TARGET_IS_WRITTEN = 2
BOTH_ARE_WRITTEN = SOURCE_IS_WRITTEN | TARGET_IS_WRITTEN
"""The ends of an edge that stand in the document as ports of components, and not as ports of a graph."""

Place = tuple[str, str]
"""A path of a graph's use, "" for the graph itself; and the name of one of its ports."""


class BoundEnd(msgspec.Struct, frozen=True):
    """A port of a component that a graph's port is bound to.

    Attributes:
        side: ``source`` where it feeds an output, ``target`` where an input feeds it.
        end: the port.
        path: where that is written.
    """

    side: str
    end: Endpoint
    path: str


class FlatGraph(msgspec.Struct, frozen=True):
    """A graph as it is checked and compiled.

    Attributes:
        draft: what the document says.
        definition: the same with the nodes and edges of all that is inside it.
        node_paths: for each node of the definition, where it is written.
        edge_paths: likewise for each edge.
        edge_ends: for each edge, which of its ends are written there.
        misshapen_ids: ids of the nodes that are not in the definition, because something is wrong with them.
        bound: the ports of components that the ports of graphs are bound to.
        scopes: the parameters of the graph, and of each that is used inside it, behind those around it.
        scope_of: for each node, the scope of the graph that it is written in, by index.
        inputs: the input ports of each graph inside, and of the whole: the ports of components that they feed.
        outputs: likewise the output ports, and the ports of components that feed them.
        uses: the path of each graph inside, and how it was named: "" where it was written out.
        weight: of all of it.
    """

    draft: GraphDraft
    definition: GraphDefinition
    node_paths: Sequence[str]
    edge_paths: Sequence[str]
    edge_ends: Sequence[int]
    misshapen_ids: frozenset[str]
    scopes: tuple[ParameterScope, ...]
    scope_of: Sequence[int]
    weight: Weight
    bound: Sequence[BoundEnd] = ()
    inputs: Mapping[Place, tuple[Endpoint, ...]] = {}
    outputs: Mapping[Place, tuple[Endpoint, ...]] = {}
    uses: Mapping[str, str] = {}

    @property
    def has_nodes(self) -> bool:
        """True where the document has a list of nodes that could be read at all."""
        return self.draft.has_nodes
