"""Graph definitions: nodes and edges, as their authors write them."""

from typing import Annotated, Any, Literal

import msgspec

from proto.names import Name
from proto.problem import Problem

OnError = Literal["fail", "continue", "retry"]
OnItemError = Literal["fail", "skip", "collect"]
Overflow = Literal["block", "reject", "drop-oldest", "drop-newest"]
Recording = Literal["off", "inputs", "full"]
"""The level of a recording: nothing is noted, what is needed to run it again, or every value on every edge."""

RECORDING_LEVELS: tuple[Recording, ...] = ("off", "inputs", "full")

EdgeOverflow = Literal["block", "reject", "drop-oldest", "drop-newest", "dead-letter"]

PRIORITIES = 256
"""Priorities that messages can have, from 0 on, as in RabbitMQ's queues."""

EXPIRE_MS_LIMIT = 604_800_000
"""The longest time that a message may be given to live on an edge, in milliseconds: a week."""


class Retry(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The number and the pace of a failed invocation's further tries (``onError: retry``).

    Attributes:
        max_attempts: invocations in all, the first included.
        backoff_ms: the wait before the second attempt; it doubles with each further one.
    """

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    backoff_ms: Annotated[float, msgspec.Meta(ge=0, le=3_600_000)] = 100


class InboxOptions(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The bounds of a node's inbox, and what happens at them.

    Attributes:
        capacity: messages that may wait; the service's own bound when absent.
        overflow: what a full inbox does to the next message; only ``block`` loses nothing.
    """

    capacity: int | None = None
    overflow: Overflow = "block"


class ForEach(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """The taking apart of arrays before a node, and the gathering of what became of their items behind it.

    Attributes:
        concurrency: items under way at once; 0 for as many as there are. A stateless component works on so many
            at a time.
        on_item_error: what the error of an item does: make one error of the array, leave the item out, or stand in
            its place.
        timeout_ms: milliseconds after which an array that is not complete is an error; 0 for never.
    """

    concurrency: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    on_item_error: OnItemError = "fail"
    timeout_ms: Annotated[float, msgspec.Meta(ge=0, le=3_600_000)] = 0


class Node(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One use of a component, or of another graph, in a graph.

    Attributes:
        id: unique in its graph.
        component: the id of a component definition; ``graph:<name>@<range of versions>`` for another graph; absent
            where the node has ``graph``.
        config: the values that this use gives the component's configuration keys, or the graph's parameters.
        name: a display name.
        type: kept for editors that draw the graph.
        position: kept for editors that draw the graph.
        metadata: kept for the author.
        on_error: what an unconnected error does; ``fail``, or ``continue`` in long-lived graphs, when absent.
        retry: the policy for ``onError: retry``.
        inbox: the bound of what waits before this node.
        concurrency: invocations at once; more than one for stateless components only.
        validate: whether values are checked against the schemas of the component's ports.
        ordered: whether concurrent invocations' emissions leave in the order of their messages.
        graph: another graph, written out in place of its name; a document like the one that the node stands in.
        for_each: whether arrays come, whose items the node handles one by one, and how.
    """

    id: Name
    component: str = ""
    config: dict[str, Any] = {}
    name: str = ""
    type: str = ""
    position: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    on_error: OnError | None = None
    retry: Retry = Retry()
    inbox: InboxOptions = InboxOptions()
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    ordered: bool = True
    validate: bool = False
    graph: dict[str, Any] | None = None
    for_each: bool | ForEach = False

    @property
    def every(self) -> ForEach | None:
        """The way in which arrays are taken apart before the node, if they are."""
        return self.for_each if isinstance(self.for_each, ForEach) else ForEach() if self.for_each else None


class Endpoint(msgspec.Struct, frozen=True):
    """One end of an edge: a port of a node.

    Attributes:
        node: the id of the node.
        port: the name of its port: an output where values leave, an input where they come in.
    """

    node: Name
    port: Name

    def __str__(self) -> str:
        return f"{self.node}:{self.port}"


class EdgePolicy(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """The policy of an edge, which makes its messages wait apart from all others before the target.

    Attributes:
        capacity: messages that may wait on it; as many as in the target's inbox when absent.
        size_bytes: bytes of values that may wait on it; the service's own bound when absent.
        overflow: what the full edge does to the next message; what the target's inbox does when absent.
        expire_ms: milliseconds for which a message may wait on it; as long as it takes when absent.
        priority: of its messages, 0 to 255, the greater the sooner; or the path of the field that holds it in
            each of them, such as ``order.urgency``.
        dead_letter: the input port that is sent what expires, and what does not fit under ``dead-letter``.
    """

    capacity: Annotated[int, msgspec.Meta(ge=1)] | None = None
    size_bytes: Annotated[int, msgspec.Meta(ge=1)] | None = msgspec.field(default=None, name="bytes")
    overflow: EdgeOverflow | None = None
    expire_ms: Annotated[float, msgspec.Meta(gt=0, le=EXPIRE_MS_LIMIT)] | None = None
    priority: (
        Annotated[int, msgspec.Meta(ge=0, lt=PRIORITIES)]
        | Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    ) = 0
    dead_letter: Endpoint | None = None


class Edge(msgspec.Struct, frozen=True, omit_defaults=True):
    """A connection along which every value emitted at the source reaches the target, in order.

    Attributes:
        source: an output port.
        target: an input port.
        id: unique in its graph, where it is given.
        policy: the bounds of what waits on it, and what becomes of what may not wait; without one, its messages
            wait in the target's inbox as all others do.
    """

    source: Endpoint
    target: Endpoint
    id: str = ""
    policy: EdgePolicy | None = None


class GraphPort(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A port of a graph, by which it is fed, or feeds others, where a node of another graph uses it.

    Attributes:
        name: unique among the inputs, or the outputs, of its graph.
        bind: the port of a node that it stands for; or several: an input then feeds all of them, and an output is
            fed by all of them.
        schema: JSON Schema of the values, an object; ``{}`` admits everything.
        description: words for people about what travels here.
    """

    name: Name
    bind: Endpoint | tuple[Endpoint, ...]
    schema: dict[str, Any] = {}
    description: str = ""

    @property
    def ends(self) -> tuple[Endpoint, ...]:
        """The ports of nodes that it stands for."""
        return (self.bind,) if isinstance(self.bind, Endpoint) else self.bind


class GraphPorts(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The ports of a graph. It has the output port ``error``, too, where what nothing inside takes leaves it.

    Attributes:
        inputs: where values enter it.
        outputs: where values leave it.
    """

    inputs: tuple[GraphPort, ...] = ()
    outputs: tuple[GraphPort, ...] = ()


class GraphDefinition(msgspec.Struct, frozen=True):
    """A dataflow network (specification, "Graphs"); keys that begin with ``x-`` are its author's own.

    Attributes:
        symbia: the version of the specification; any non-empty text.
        name: a name for people; it need not be unique.
        nodes: at least one.
        edges: edges between ports of the nodes; they form no cycle.
        version: the graph's own version.
        description: words for people.
        metadata: ``role``, ``ingress`` and the author's own.
        bindings: the bindings as their author writes them (``engine.compile.bindings``).
        ports: where other graphs that use it are connected.
        parameters: a JSON Schema for each value that a use may give, by name; ``default`` is the value of those
            who give none.
        durable: whether its executions go on after a restart of the service (docs/durability.md); its role decides
            when absent.
        recording: what is noted of its executions, unless they say otherwise; nothing when absent.
    """

    symbia: Name
    name: Name
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    version: str = "1.0.0"
    description: str = ""
    metadata: dict[str, Any] = {}
    bindings: dict[str, Any] = {}
    ports: GraphPorts = GraphPorts()
    parameters: dict[str, Any] = {}
    durable: bool | msgspec.UnsetType = msgspec.UNSET
    recording: Recording | msgspec.UnsetType = msgspec.UNSET


class TopologySummary(msgspec.Struct, frozen=True, rename="camel"):
    """The properties that follow from a graph's shape.

    Attributes:
        sorted: node ids, every node after all that feed it.
        levels: the same nodes by their distance from the inputs; nodes of one level are independent.
        input_nodes: nodes without incoming edges.
        output_nodes: nodes without outgoing edges.
    """

    sorted: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    input_nodes: tuple[str, ...]
    output_nodes: tuple[str, ...]


class GraphVerdict(msgspec.Struct, frozen=True):
    """The verdict on a graph: all that is to be said against it.

    Attributes:
        valid: whether it can be loaded.
        errors: the reasons why not.
        warnings: parts that can be loaded and may not be meant so; none are told of a graph with errors.
    """

    valid: bool
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
