"""Compiled graphs: frozen tables of indices, so that routing a value is a lookup and never a search."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.compile.group_plan import GroupPlan
from engine.compile.parts import Part
from engine.compile.template import GraphTemplate
from engine.contracts.component import Builtin, Component, is_source, produces
from engine.schemas.port_schemas import PortSchemas
from engine.versions import tag_of
from proto.binding import Bindings
from proto.graph import Edge, EdgeOverflow, EdgePolicy, GraphDefinition, Node, Overflow, TopologySummary


class Target(msgspec.Struct, frozen=True, gc=False):
    """The end of an edge: indices of the edge, its target node, and the input port there."""

    edge: int
    node: int
    port: int


class EdgeRules(msgspec.Struct, frozen=True):
    """The policy of an edge, with what its author has left out filled in.

    Attributes:
        edge: its index.
        source: index of the node that it leaves.
        port: the output port there.
        target: index of the node that it leads to.
        policy: as the author wrote it.
        capacity: messages that may wait on it.
        size_bytes: bytes of values that may.
        overflow: what it does when it is full.
        expire_seconds: how long a message may wait on it; infinite where it may for ever.
        priority: of its messages, where they do not say it themselves.
        field: the path of the field in which they do; empty where they do not.
        letters: where its dead letters go.
    """

    edge: int
    source: int
    port: int
    target: int
    policy: EdgePolicy
    capacity: int
    size_bytes: int
    overflow: EdgeOverflow
    expire_seconds: float
    priority: int
    field: tuple[str, ...]
    letters: tuple[Target, ...] = ()


class CompiledNode(msgspec.Struct, frozen=True):
    """A node, its component resolved and its edges looked up.

    Attributes:
        index: its place in ``LoadedGraph.nodes``.
        definition: as the author wrote it.
        component: resolved when the graph was loaded; later registrations change nothing here.
        config: the node's configuration with the component's defaults filled in.
        inputs: names of the component's input ports.
        outputs: names of the output ports, the ``error`` port among them.
        input_of: the index of each input port that the node has, by its name.
        output_of: the same of the output ports.
        routes: the targets of each output port, by its index.
        schemas: of its ports, where values are to be checked against them.
        incoming: indices of the edges that lead to it.
        error_port: index of the ``error`` port.
        lanes: the lane that each output port holds its values to at least, by its index.
        capacity: messages that its inbox holds.
        overflow: what a full inbox does.
    """

    index: int
    definition: Node
    component: Component
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_of: Mapping[str, int]
    output_of: Mapping[str, int]
    routes: tuple[tuple[Target, ...], ...]
    schemas: PortSchemas | None
    incoming: tuple[int, ...]
    error_port: int
    lanes: tuple[int, ...]
    capacity: int
    overflow: Overflow

    @property
    def id(self) -> str:
        """The node's id in its graph."""
        return self.definition.id

    @property
    def reaches_outside(self) -> bool:
        """True where what it emits is somebody else's answer."""
        return isinstance(self.component, Builtin) and self.component.reaches_outside


class LoadedGraph(msgspec.Struct, frozen=True):
    """A validated, compiled graph; immutable, and shared by all its executions.

    Attributes:
        id: unique among all graphs.
        definition: as the author wrote it.
        topology: what its shape implies.
        nodes: those of the graphs inside it included, by their paths, in the order in which they are written.
        edges: between ports of components, the ways of dead letters among them.
        policies: of the edges that have one, by index.
        letters_of: of each way of dead letters, by its index, the edge whose they are.
        order: indices of the nodes, every node after all that feed it.
        chains: runs of nodes that may run as one, by index (``engine.compile.chains``).
        loaded_at: ISO 8601 in UTC; of this version.
        owner: the owner of it, and therefore of its executions; "" where nobody asks.
        bindings: where events enter it, and which of its values leave as events.
        index_of: the index of each node, by its id.
        component_ids: of all components that it uses.
        has_lanes: whether its nodes may be handed, or make, apocryphal values although no injected one is.
        is_long_lived: whether executions live until stopped: of a role, or with an ingress, bindings or a source.
        ends_with_sources: whether nothing but nodes that produce lets executions live: these end with them.
        groups: those of its nodes that take arrays apart and gather them again; None where there are none.
        part: what it was put together of, for graphs that use it.
        inputs: of the input ports of graphs inside it, by path and name, and of its own, whose path is "": the
            indices of the nodes and input ports that they feed.
        uses: the path of each graph inside it, and how it was named; "" where it was written out.
        size_bytes: of memory that it takes, roughly; its owner is charged for it.
        number: which version of the graph it is, counted from 1.
        sha256: of its definition.
        template: what of it is filled in for each execution; None where nothing is.
    """

    id: str
    definition: GraphDefinition
    topology: TopologySummary
    nodes: tuple[CompiledNode, ...]
    order: tuple[int, ...]
    loaded_at: str
    owner: str = ""
    bindings: Bindings = Bindings()
    chains: tuple[tuple[int, ...], ...] = ()
    index_of: Mapping[str, int] = {}
    component_ids: frozenset[str] = frozenset()
    has_lanes: bool = False
    is_long_lived: bool = False
    ends_with_sources: bool = False
    size_bytes: int = 0
    groups: GroupPlan | None = None
    template: GraphTemplate | None = None
    number: int = 1
    sha256: str = ""
    edges: tuple[Edge, ...] = ()
    part: Part | None = None
    inputs: Mapping[tuple[str, str], tuple[tuple[int, int], ...]] = {}
    uses: Mapping[str, str] = {}
    policies: Mapping[int, EdgeRules] = {}
    letters_of: Mapping[int, int] = {}

    @property
    def tag(self) -> str:
        """The tag that tells this version from all others of the graph."""
        return tag_of(self.number, self.sha256)

    @property
    def source_ids(self) -> tuple[str, ...]:
        """Return the ids of the nodes that emit by themselves, as a timer does."""
        return tuple(node.id for node in self.nodes if is_source(node.component))

    @property
    def producer_ids(self) -> tuple[str, ...]:
        """Return the ids of the nodes that produce, and may end."""
        return tuple(node.id for node in self.nodes if produces(node.component))

    def node(self, node_id: str) -> CompiledNode | None:
        """Return the node with this id, if there is one."""
        index = self.index_of.get(node_id)
        return None if index is None else self.nodes[index]
