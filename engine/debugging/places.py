"""The places of a graph at which a breakpoint looks, as somebody asks for them. Pure.

A node's input is all that is about to be handed to it, what is injected there too; an edge is what comes along it.
The path of a graph inside stands for its border: its input is what comes from outside of it, its output what goes
out along an edge; errors, lines and writes are those of all nodes inside.
"""

from collections.abc import Iterator, Mapping

import msgspec

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.handler import NO_EDGE, Message
from engine.documents.hints import Hints
from engine.documents.problem_report import listed, shown
from engine.errors import InvalidBreakpointError
from engine.execution.edge_control import edge_names
from proto.breakpoint import BreakpointOn, BreakpointRequest, BreakpointScope
from proto.problem import Problem


class InputRule(msgspec.Struct, frozen=True):
    """The messages before one node that are looked at.

    Attributes:
        ports: indices of its input ports; None for all.
        edges: indices of edges, ``NO_EDGE`` for what is injected; None for all.
    """

    ports: frozenset[int] | None = None
    edges: frozenset[int] | None = None

    def covers(self, message: Message) -> bool:
        """Return whether a message is looked at."""
        return (self.ports is None or message.port in self.ports) and (
            self.edges is None or message.edge in self.edges
        )


class Places(msgspec.Struct, frozen=True):
    """All that one breakpoint looks at, by indices of nodes.

    Attributes:
        on: what it stops on.
        scope: what stands still meanwhile.
        inputs: messages before them.
        outputs: indices of output ports; None for all.
        nodes: whose invocations it looks at.
    """

    on: BreakpointOn
    scope: BreakpointScope
    inputs: Mapping[int, InputRule] = {}
    outputs: Mapping[int, frozenset[int] | None] = {}
    nodes: frozenset[int] = frozenset()


def find_places(wanted: BreakpointRequest, graph: LoadedGraph) -> Places:
    """Return the places that somebody asks for.

    Raises:
        InvalidBreakpointError: with everything that is wrong.
    """
    on = wanted.on or "input"
    problems = list(_misfits(wanted, on))
    nodes: list[CompiledNode] = []
    if wanted.node is not None:
        nodes = _nodes(wanted.node, graph)
        if not nodes:
            problems.append(_unknown_node(wanted.node, graph))
    elif on not in ("input", "output"):
        nodes = list(graph.nodes)
    edges: frozenset[int] = frozenset()
    if wanted.edge is not None:
        edges = edges_named(wanted.edge, graph)
        if not edges:
            problems.append(
                Problem("breakpoint.unknown_edge", "edge", f"The graph has no edge {shown(wanted.edge)}")
            )
    if problems:
        raise InvalidBreakpointError(problems)
    scope = wanted.scope or ("edge" if wanted.edge is not None else "node")
    if edges:
        return Places("input", scope, inputs=_along(edges, graph))
    if on == "input":
        return Places(on, scope, inputs=_before(wanted, nodes, graph))
    if on == "output":
        return _behind(wanted, nodes, graph, scope)
    return Places(on, scope, nodes=frozenset([node.index for node in nodes]))


def edges_named(name: str | int, graph: LoadedGraph) -> frozenset[int]:
    """Return the indices of the edges of a name: an id, which several may have, or else an index."""
    found = {index for index, edge in enumerate(graph.edges) if edge.id and edge.id == name}
    return frozenset(found or {index for index, each in enumerate(edge_names(graph.edges)) if each == str(name)})


def _misfits(wanted: BreakpointRequest, on: BreakpointOn) -> Iterator[Problem]:
    """Yield what does not go together, whatever the graph is."""
    if wanted.edge is not None and wanted.node is not None:
        yield Problem("breakpoint.shape", "node", "Give an edge or a node, not both")
    if wanted.edge is None and wanted.node is None and on in ("input", "output"):
        yield Problem("breakpoint.shape", "node", f"An {on} is that of a node or an edge; name one")
    if wanted.edge is not None and on != "input":
        yield Problem("breakpoint.shape", "on", f"An edge has no {on}; name a node")
    if wanted.port is not None and (wanted.edge is not None or on not in ("input", "output")):
        yield Problem("breakpoint.shape", "port", "A port is given with a node and its input or output")
    if wanted.level is not None and on != "log":
        yield Problem("breakpoint.shape", "level", "A level is that of log lines: on: log")
    if wanted.key is not None and on != "state":
        yield Problem("breakpoint.shape", "key", "A key is that of a node's state: on: state")
    if wanted.scope == "edge" and wanted.edge is None and on != "input":
        complaint = "Only what comes along an edge can be held there; choose the scope node or execution"
        yield Problem("breakpoint.shape", "scope", complaint)


def _nodes(name: str, graph: LoadedGraph) -> list[CompiledNode]:
    """Return the node of an id, or the nodes inside the graph of a path."""
    node = graph.node(name)
    if node is not None:
        return [node]
    if name not in graph.uses:
        return []
    return [node for node in graph.nodes if node.id.startswith(f"{name}/")]


def _unknown_node(name: str, graph: LoadedGraph) -> Problem:
    close = Hints(1).similar(name, [*graph.uses, *(node.id for node in graph.nodes)])
    hint = f"; did you mean {close}?" if close else ""
    return Problem("breakpoint.unknown_node", "node", f"Node not in graph: {shown(name)}{hint}")


def _unknown_port(port: str, kind: str, known: Iterator[str] | list[str]) -> InvalidBreakpointError:
    complaint = f"There is no {kind} port {shown(port)}; there are {listed(known) or 'none'}"
    return InvalidBreakpointError([Problem("breakpoint.unknown_port", "port", complaint)])


def _along(edges: frozenset[int], graph: LoadedGraph) -> dict[int, InputRule]:
    by_node: dict[int, set[int]] = {}
    for index in edges:
        by_node.setdefault(graph.index_of[graph.edges[index].target.node], set()).add(index)
    return {node: InputRule(edges=frozenset(each)) for node, each in by_node.items()}


def _before(wanted: BreakpointRequest, nodes: list[CompiledNode], graph: LoadedGraph) -> dict[int, InputRule]:
    path, port = wanted.node or "", wanted.port
    node = graph.node(path)
    if node is not None:
        if port is None:
            return {node.index: InputRule()}
        if port not in node.input_of:
            raise _unknown_port(port, "input", list(node.input_of))
        return {node.index: InputRule(frozenset({node.input_of[port]}))}
    entrances = {name: places for (of, name), places in graph.inputs.items() if of == path}
    if port is not None and port not in entrances:
        raise _unknown_port(port, "input", list(entrances))
    inside = {each.id for each in nodes}
    ports: dict[int, set[int]] = {}
    for name, places in entrances.items():
        if port in (None, name):
            for index, input_port in places:
                ports.setdefault(index, set()).add(input_port)
    outside = frozenset([NO_EDGE, *(at for at, edge in enumerate(graph.edges) if edge.source.node not in inside)])
    return {index: InputRule(frozenset(each), outside) for index, each in ports.items()}


def _behind(
    wanted: BreakpointRequest, nodes: list[CompiledNode], graph: LoadedGraph, scope: BreakpointScope
) -> Places:
    path, port = wanted.node or "", wanted.port
    node = graph.node(path)
    if node is not None:
        if port is not None and port not in node.output_of:
            raise _unknown_port(port, "output", list(node.output_of))
        ports = None if port is None else frozenset({node.output_of[port]})
        return Places("output", scope, outputs={node.index: ports})
    if port is not None:
        complaint = f"{shown(path)} is a graph: name the node inside whose port it is, or no port"
        raise InvalidBreakpointError([Problem("breakpoint.shape", "port", complaint)])
    inside = {each.id for each in nodes}
    leaving = [
        index
        for index, edge in enumerate(graph.edges)
        if edge.source.node in inside and edge.target.node not in inside
    ]
    if not leaving:
        complaint = f"No edge leads out of {shown(path)}; name the node inside whose output it is"
        raise InvalidBreakpointError([Problem("breakpoint.shape", "node", complaint)])
    return Places("input", scope, inputs=_along(frozenset(leaving), graph))
