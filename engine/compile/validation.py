"""The checks of what a graph means: ids, components, configurations, ports, cycles, looked up and judged. Pure.

A computation in steps (``engine.cooperative.slices``): a graph may have a thousand nodes and ten thousand edges.
Nothing is looked up twice: ports once for each node, defaults once for each component.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from engine.compile.dead_letters import LetterEdge
from engine.compile.edge_policies import policy_problems
from engine.compile.flat_graph import SOURCE_IS_WRITTEN, TARGET_IS_WRITTEN, FlatGraph
from engine.compile.topology import analysis
from engine.components import config as configuration
from engine.contracts.component import Component, PortIndex, is_lenient, ports_of
from engine.cooperative.slices import Steps, paced
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, listed, shown
from engine.documents.weight import Weight, weigh
from engine.limits import EngineLimits
from proto.graph import Endpoint, Node, TopologySummary

MAX_CYCLES = 20
"""Cycles reported of one graph. Each is a problem to repair, and thousands may run through a few nodes."""

MAX_CYCLE_NODES = 20
"""Nodes named of one cycle; a text with all of a thousand names helps nobody."""


class CheckedGraph(msgspec.Struct, frozen=True):
    """The facts that a check has looked up; whole where the report is empty.

    Attributes:
        topology: of its nodes and edges.
        ports: of each node whose component is known, by the node's id.
        sound: indices of the nodes in whose configuration nothing is wrong.
        defaults: of each component that is used, by its identity: shared by all its nodes.
    """

    topology: TopologySummary
    ports: Mapping[str, PortIndex]
    sound: frozenset[int]
    defaults: Mapping[int, Mapping[str, Any]]

    def completed(self, node: Node, component: Component) -> Mapping[str, Any]:
        """Return a node's configuration with the defaults; they alone are the same object for all nodes."""
        defaults = self.defaults[id(component)]
        return {**defaults, **node.config} if node.config else defaults


class _Checker:
    """A checker of one graph, which looks everything up once."""

    def __init__(
        self,
        draft: FlatGraph,
        components: Mapping[str, Component],
        limits: EngineLimits,
        report: ProblemReport,
        open_keys: Mapping[int, frozenset[str]],
    ) -> None:
        self._draft = draft
        self._open_keys = open_keys
        self._components = components
        self._limits = limits
        self._report = report
        self._hints = Hints()
        self._defaults_weight: dict[int, Weight] = {}
        self.nodes: dict[str, Node] = {}
        self.ports: dict[str, PortIndex] = {}
        self.sound: set[int] = set()
        self.defaults: dict[int, Mapping[str, Any]] = {}

    def check_nodes(self) -> Steps[None]:
        """Ids, components, configurations, and what all nodes together ask for."""
        limits, report = self._limits, self._report
        weight = self._draft.weight
        concurrency = 0
        nodes = self._draft.definition.nodes
        for index, (path, node) in enumerate(zip(self._draft.node_paths, nodes, strict=True)):
            if node.id in self.nodes:
                report.note("node.duplicate_id", f"{path}.id", f"Duplicate node id: {shown(node.id)}")
            self.nodes.setdefault(node.id, node)
            self._check_bounds(node, path)
            component = self._components.get(node.component)
            if component is None:
                self._note_unknown(node, path)
            else:
                self.ports.setdefault(node.id, ports_of(component, node.config))
                open_keys = self._open_keys.get(index, frozenset())
                if (yield from self._check_config(node, component, path, open_keys)):
                    self.sound.add(index)
                weight += self._defaults_weight[id(component)]
            concurrency += node.concurrency - 1
            yield
        if weight.exceeds(Weight(limits.graph_bytes, limits.graph_values)):
            message = (
                f"With the defaults of its components the graph holds more than {limits.graph_bytes} bytes of "
                f"JSON text, or more than {limits.graph_values} names and values; it has too many nodes of them"
            )
            report.note("graph.too_large", "nodes", message)
        if concurrency > limits.graph_concurrency:
            message = (
                f"The nodes ask for {concurrency} invocations at once beyond one each (concurrency); "
                f"{limits.graph_concurrency} are allowed"
            )
            report.note("graph.too_concurrent", "nodes", message)

    def _check_bounds(self, node: Node, path: str) -> None:
        limits, report = self._limits, self._report
        for key, text in (("id", node.id), ("name", node.name)):
            if len(text) > limits.name_characters:
                message = f"A node's {key} has at most {limits.name_characters} characters"
                report.note("node.name_too_long", f"{path}.{key}", message)
        capacity = node.inbox.capacity
        if capacity is not None and not 1 <= capacity <= limits.inbox_messages:
            message = f"An inbox holds 1 to {limits.inbox_messages} messages"
            report.note("node.inbox_out_of_range", f"{path}.inbox.capacity", message)

    def _note_unknown(self, node: Node, path: str) -> None:
        close = self._hints.similar(node.component, self._components)
        hint = f"; did you mean {close}?" if close else ""
        named = f"{shown(node.id)} -> {shown(node.component)}"
        message = f"Graph references components with no registered implementation: {named}{hint}"
        self._report.note("node.unknown_component", f"{path}.component", message)

    def _check_config(self, node: Node, component: Component, path: str, open_keys: frozenset[str]) -> Steps[bool]:
        """Note what is wrong with a node's configuration and concurrency; return whether it is whole and good."""
        definition = component.definition
        key = id(component)
        if key not in self.defaults:
            self.defaults[key] = defaults = configuration.defaults_of(definition.config)
            bound = Weight(self._limits.graph_bytes, self._limits.graph_values)
            self._defaults_weight[key] = yield from weigh(defaults, bound)
        if node.concurrency > 1 and not definition.stateless:
            message = (
                f"Node {shown(node.id)} cannot run {node.concurrency} invocations at once: "
                f"{shown(node.component)} keeps state"
            )
            self._report.note("node.not_stateless", f"{path}.concurrency", message)
        is_sound = not open_keys
        if is_lenient(component, node.config):
            return is_sound
        for problem, is_due in paced(configuration.find_problems(node.config, definition.config, self._hints)):
            if problem.path not in open_keys:
                self._report.note(problem.code, f"{path}.config.{problem.path}", problem.message)
                is_sound = False
            if is_due:
                yield
        return is_sound

    def check_edges(self) -> Steps[None]:
        """Ids, ends and ports."""
        report, draft = self._report, self._draft
        ids: dict[str, str] = {}
        ends: set[tuple[Endpoint, Endpoint]] = set()
        policed: set[str] = set()  # an edge to a graph may be written once and be several
        edges = zip(draft.edge_paths, draft.edge_ends, draft.definition.edges, strict=True)
        for (path, written, edge), is_due in paced(edges):
            if edge.id and ids.setdefault(edge.id, path) != path:
                report.note("edge.duplicate_id", f"{path}.id", f"Duplicate edge id: {shown(edge.id)}")
            if isinstance(edge, LetterEdge):
                self._check_end("target", edge.target, path)
                continue
            if edge.policy is not None and path not in policed:
                policed.add(path)
                for problem in policy_problems(edge, path, self._limits):
                    report.note(*problem)
            if (edge.source, edge.target) in ends:
                named = f"from {shown(str(edge.source))} to {shown(str(edge.target))}"
                message = f"A second edge {named} would deliver every value twice"
                report.note("edge.duplicate", path, message)
            ends.add((edge.source, edge.target))
            if written & SOURCE_IS_WRITTEN:
                self._check_end("source", edge.source, f"{path}.source")
            if written & TARGET_IS_WRITTEN:
                self._check_end("target", edge.target, f"{path}.target")
            if is_due:
                yield
        for bound, is_due in paced(draft.bound):
            self._check_end(bound.side, bound.end, bound.path)
            if is_due:
                yield

    def _check_end(self, end: str, endpoint: Endpoint, path: str) -> None:
        if endpoint.node in self._draft.misshapen_ids:
            return  # its own problem has been reported
        if endpoint.node not in self.nodes:
            message = f"Edge references unknown {end} node: {shown(endpoint.node)}"
            self._report.note("edge.unknown_node", f"{path}.node", message)
            return
        ports = self.ports.get(endpoint.node)
        if ports is None:
            return  # its component is unknown, which is reported at the node
        names = ports.outputs if end == "source" else ports.inputs
        if endpoint.port not in names:
            direction = "output" if end == "source" else "input"
            known = listed(names) or "none"
            message = f"Node {endpoint.node} has no {direction} port {shown(endpoint.port)}; it has {known}"
            self._report.note("edge.unknown_port", f"{path}.port", message)

    def check_cycles(self) -> Steps[TopologySummary]:
        """Note the graph's cycles, of which it must have none, and return its topology."""
        edges = self._draft.definition.edges
        pairs = [(edge.source.node, edge.target.node) for edge in edges]
        known = [(source, target) for source, target in pairs if source in self.nodes and target in self.nodes]
        yield
        topology, cycles = yield from analysis(list(self.nodes), known)
        for cycle in islice(cycles, MAX_CYCLES):
            self._report.note("graph.cycle", "edges", f"Graph contains cycles: {_round_of(cycle)}")
            yield
        return topology


def check_graph(
    draft: FlatGraph,
    components: Mapping[str, Component],
    limits: EngineLimits,
    report: ProblemReport,
    open_keys: Mapping[int, frozenset[str]] = {},
) -> Steps[CheckedGraph | None]:
    """Note what is wrong with the meaning of a graph: ids, components, configuration, ports, cycles.

    Args:
        draft: as ``flatten`` made it.
        components: the known components that the graph's nodes may name, by id.
        limits: bounds of names and configurations.
        report: takes the problems.
        open_keys: by the index of a node, keys of its configuration whose values are not known yet.

    Returns:
        What was looked up; None where there are no nodes to look at.
    """
    if not draft.has_nodes:
        return None  # nothing can be asked of edges between nodes that could not be read
    checker = _Checker(draft, components, limits, report, open_keys)
    yield from checker.check_nodes()
    yield from checker.check_edges()
    topology = yield from checker.check_cycles()
    return CheckedGraph(topology, checker.ports, frozenset(checker.sound), checker.defaults)


def _round_of(cycle: Sequence[str]) -> str:
    named = [shown(name) for name in cycle[:MAX_CYCLE_NODES]]
    if len(cycle) > MAX_CYCLE_NODES:
        named.append(f"({len(cycle) - MAX_CYCLE_NODES} more)")
    return " -> ".join((*named, shown(cycle[0])))
