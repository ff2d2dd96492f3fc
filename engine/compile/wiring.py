"""The edges of a graph and of the graphs inside it, from port to port of components. Pure.

An edge to a port of a graph becomes an edge to each port that it is bound to, and likewise on the other side. An
error that nothing inside takes leaves by the port ``error`` of the innermost graph around it from which an edge
leads away there.
"""

from collections.abc import Iterator

import msgspec

from engine.compile.brackets import Brackets, without_brackets
from engine.compile.dead_letters import LetterEdge, letters_of, letters_path, target_path
from engine.compile.flat_graph import BOTH_ARE_WRITTEN, SOURCE_IS_WRITTEN, TARGET_IS_WRITTEN, BoundEnd, Place
from engine.compile.unfolding import SEPARATOR, Unfolding, Use
from engine.cooperative.slices import Steps, paced
from engine.documents.problem_report import ProblemReport, listed, shown
from engine.limits import EngineLimits
from proto.component import ERROR_PORT
from proto.graph import Edge, Endpoint

ENDS_PER_EDGE = 2
"""Ends that ports may lead to, for each edge that a graph may have; each is looked up once."""


class OverfullError(Exception):
    """There are more edges, or ends of ports, than a graph may have."""


class Wiring:
    """The wiring of one graph.

    Args:
        unfolding: its nodes, which have all been unfolded.
        limits: bounds of edges.
        report: takes the problems.

    Attributes:
        edges: between ports of components.
        edge_paths: where each is written.
        edge_ends: which of its ends are written there.
        bound: the ports of components that ports of graphs are bound to.
    """

    def __init__(self, unfolding: Unfolding, limits: EngineLimits, report: ProblemReport) -> None:
        self._unfolding = unfolding
        self._limits = limits
        self._report = report
        self._left_ends = limits.graph_edges * ENDS_PER_EDGE
        self._targets: dict[tuple[int, str], tuple[Endpoint, ...]] = {}
        self._sources: dict[tuple[int, str], tuple[Endpoint, ...]] = {}
        self._connected: dict[tuple[int, str], bool] = {}
        self._errors: dict[int, list[Endpoint]] = {}
        self._looked_through: set[int] = set()
        self.edges: list[Edge] = []
        self.edge_paths: list[str] = []
        self.edge_ends: list[int] = []
        self.bound: list[BoundEnd] = []

    def connect(self) -> Steps[None]:
        """Write out the edges of all uses, and the bindings of their ports."""
        yield from self._place_errors()
        for use in self._unfolding.uses:
            yield from self._check_ports(use)
        for use in self._unfolding.uses:
            if use.brackets is not None:
                yield from self._connect_brackets(use, use.brackets)
            draft = use.part.draft
            edges = zip(draft.edge_places, draft.definition.edges, strict=True)
            for (place, edge), is_due in paced(edges):
                written = use.written(f"edges[{place}]")
                if self._connect(use, edge, written) and edge.policy is not None:
                    letters = letters_of(edge)
                    if letters is not None:
                        self._connect(use, letters, letters_path(written))
                if is_due:
                    yield

    def _connect_brackets(self, use: Use, brackets: Brackets) -> Steps[None]:
        """Connect what is inside with the nodes that take arrays apart before it, and gather behind it."""
        edges: list[Edge] = []
        for port in use.inputs:
            edges += brackets.inner_edges(port, self._reached(use, port))
            yield
        for port in (*use.outputs, ERROR_PORT):
            if brackets.gathers(port):
                edges += brackets.outer_edges(port, self._left_by(use, port))
            yield
        if len(self.edges) + len(edges) > self._limits.graph_edges:
            raise OverfullError
        self.edges += edges
        self.edge_paths += [use.document] * len(edges)
        self.edge_ends += [0] * len(edges)

    def _connect(self, use: Use, edge: Edge, written: str) -> bool:
        """Write an edge out; return whether both of its ends lead somewhere."""
        is_good = self._check_end(use, "source", edge.source, f"{written}.source")
        if not self._check_end(use, "target", edge.target, target_path(edge, written)) or not is_good:
            return False
        sources, targets = self.sources(use, edge.source), self.targets(use, edge.target)
        if len(self.edges) + len(sources) * len(targets) > self._limits.graph_edges:
            raise OverfullError
        ends = BOTH_ARE_WRITTEN
        if edge.source.node in use.children or isinstance(edge, LetterEdge):
            ends &= ~SOURCE_IS_WRITTEN
        if edge.target.node in use.children:
            ends &= ~TARGET_IS_WRITTEN
        name = use.inner(edge.id) if edge.id else ""
        for source in sources:
            for target in targets:
                self.edges.append(msgspec.structs.replace(edge, source=source, target=target, id=name))
                self.edge_paths.append(written)
                self.edge_ends.append(ends)
        return True

    def _check_end(self, use: Use, side: str, end: Endpoint, written: str) -> bool:
        """Return whether an end leads somewhere; note a node that is not there, and a port that its graph has not.

        A port that a component has not is noted by whoever knows components.
        """
        if end.node not in use.ids:
            reaches = any(end.node.startswith(f"{child}{SEPARATOR}") for child in use.children)
            hint = "; what is inside a graph is reached by its ports" if reaches else ""
            message = f"Edge references unknown {side} node: {shown(end.node)}{hint}"
            self._report.note("edge.unknown_node", f"{written}.node", message)
            return False
        child = use.children.get(end.node)
        if child is None:
            return use.inner(end.node) not in self._unfolding.lost
        names = [*child.outputs, ERROR_PORT] if side == "source" else [*child.inputs]
        if end.port in names:
            return True
        direction = "output" if side == "source" else "input"
        known = listed(dict.fromkeys(names)) or "none"
        message = f"Node {shown(end.node)} has no {direction} port {shown(end.port)}; its graph has {known}"
        self._report.note("edge.unknown_port", f"{written}.port", message)
        return False

    def _check_ports(self, use: Use) -> Steps[None]:
        """Check what the ports of a graph are bound to, once for all its uses."""
        if id(use.part) in self._looked_through:
            return
        self._looked_through.add(id(use.part))
        ports = use.part.draft.definition.ports
        for side, key, listed_ports in (("target", "inputs", ports.inputs), ("source", "outputs", ports.outputs)):
            for index, port in enumerate(listed_ports):
                many = not isinstance(port.bind, Endpoint)
                for number, end in enumerate(port.ends):
                    written = use.written(f"ports.{key}[{index}].bind") + (f"[{number}]" if many else "")
                    if self._check_end(use, side, end, written) and end.node not in use.children:
                        self.bound.append(BoundEnd(side, Endpoint(use.inner(end.node), end.port), written))
                yield

    def targets(self, use: Use, end: Endpoint) -> tuple[Endpoint, ...]:
        """Return the input ports of components that an end of an edge means."""
        child = use.children.get(end.node)
        if child is None:
            return (Endpoint(use.inner(end.node), end.port),)
        if child.brackets is not None:
            into = child.brackets.into(end.port)
            return () if into is None else (into,)
        return self._reached(child, end.port)

    def _reached(self, use: Use, name: str) -> tuple[Endpoint, ...]:
        """Return the input ports of components inside a graph that one of its ports is bound to."""
        key = (id(use), name)
        if key not in self._targets:
            port = use.inputs.get(name)
            found = [each for inner in (port.ends if port else ()) for each in self._inner_targets(use, inner)]
            self._targets[key] = self._spent(found)
        return self._targets[key]

    def _inner_targets(self, use: Use, end: Endpoint) -> tuple[Endpoint, ...]:
        return self.targets(use, end) if self._exists(use, end) else ()

    def sources(self, use: Use, end: Endpoint) -> tuple[Endpoint, ...]:
        """Return the output ports of components that an end of an edge means."""
        child = use.children.get(end.node)
        if child is None:
            return (Endpoint(use.inner(end.node), end.port),)
        if child.brackets is not None:
            own = () if child.brackets.gathers(end.port) else self._left_by(child, end.port)
            return (*child.brackets.out_of(end.port), *own)
        return self._left_by(child, end.port)

    def _left_by(self, use: Use, name: str) -> tuple[Endpoint, ...]:
        """Return the output ports of components inside a graph whose values leave by one of its ports."""
        key = (id(use), name)
        if key not in self._sources:
            port = use.outputs.get(name)
            ends = [inner for inner in (port.ends if port else ()) if self._exists(use, inner)]
            found = [each for inner in ends for each in self.sources(use, inner)]
            if name == ERROR_PORT:
                found += self._errors.get(id(use), ())
            self._sources[key] = self._spent(found)
        return self._sources[key]

    def _exists(self, use: Use, end: Endpoint) -> bool:
        return end.node in use.ids and use.inner(end.node) not in self._unfolding.lost

    def _spent(self, found: list[Endpoint]) -> tuple[Endpoint, ...]:
        self._left_ends -= len(found)
        if self._left_ends < 0:
            raise OverfullError
        return tuple(dict.fromkeys(found))

    # Errors

    def _place_errors(self) -> Steps[None]:
        """Find for each node the graph by whose ``error`` port its errors leave, if nothing inside takes them."""
        for (node, owner), is_due in paced(zip(self._unfolding.nodes, self._unfolding.owners, strict=True)):
            if is_due:
                yield
            if owner.outer is None:
                continue
            local = without_brackets(node.id)[len(owner.path) + 1 :]
            if self._leads_on(owner, Endpoint(local, ERROR_PORT)):
                continue
            for use in _outwards(owner):
                if self._is_connected(use, ERROR_PORT):
                    self._errors.setdefault(id(use), []).append(Endpoint(node.id, ERROR_PORT))
                    break

    def _leads_on(self, use: Use, end: Endpoint) -> bool:
        """Return whether an edge leads away from a port of a node inside, or from a port that it is bound to."""
        if end in use.leaving:
            return True
        return any(self._is_connected(use, port) for port in use.bound_outputs.get(end, ()))

    def _is_connected(self, use: Use, port: str) -> bool:
        """Return whether an edge leads away from an output port of a graph, however far outside."""
        if use.outer is None or use.node is None:
            return False
        if use.brackets is not None and use.brackets.gathers(port):
            return True
        key = (id(use), port)
        if key not in self._connected:
            self._connected[key] = self._leads_on(use.outer, Endpoint(use.node.id, port))
        return self._connected[key]

    # Ports

    def ports(self) -> Steps[tuple[dict[Place, tuple[Endpoint, ...]], dict[Place, tuple[Endpoint, ...]]]]:
        """Return the input and the output ports of all uses with what they mean."""
        inputs: dict[Place, tuple[Endpoint, ...]] = {}
        outputs: dict[Place, tuple[Endpoint, ...]] = {}
        for use in self._unfolding.uses:
            for port in use.inputs.values():
                into = None if use.brackets is None else use.brackets.into(port.name)
                inputs[use.path, port.name] = self._reached(use, port.name) if into is None else (into,)
            for port in use.outputs.values():
                own = () if use.brackets is None else use.brackets.out_of(port.name)
                outputs[use.path, port.name] = own or self._left_by(use, port.name)
            yield
        return inputs, outputs


def _outwards(use: Use | None) -> Iterator[Use]:
    while use is not None:
        yield use
        use = use.outer
