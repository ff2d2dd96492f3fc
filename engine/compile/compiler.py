"""The way from a document to a graph that can run: parse, check, resolve, look every edge up once.

What is computed here is computed in slices (``engine.cooperative.slices``); what is awaited is what components say
themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import msgspec

from engine.compile import brackets
from engine.compile.bindings import read_bindings
from engine.compile.chains import find_chains
from engine.compile.dead_letters import LetterEdge
from engine.compile.draft import GraphDraft, parse_graph
from engine.compile.edge_policies import Letters, letters_by_edge, letters_by_node, rejected_sources, rules_of
from engine.compile.fingerprint import fingerprint
from engine.compile.flat_graph import FlatGraph, Place
from engine.compile.flatten import flatten
from engine.compile.for_each import write_out_items
from engine.compile.group_plan import GroupPlan
from engine.compile.groups import plan_groups
from engine.compile.ingress import check_ingress, is_declared
from engine.compile.loaded_graph import CompiledNode, EdgeRules, LoadedGraph, Target
from engine.compile.parts import Finder, NoGraphs, Part, assemble
from engine.compile.template import GraphTemplate, try_out
from engine.compile.validation import CheckedGraph, check_graph
from engine.compile.warnings import find_warnings
from engine.components.lookup import Resolution
from engine.contracts.component import (
    Builtin,
    Component,
    PortIndex,
    input_names,
    is_source,
    own_lanes_of,
    produces,
)
from engine.contracts.lanes import port_lanes
from engine.contracts.surroundings import NOTHING_AROUND, Surroundings
from engine.cooperative.slices import Breaks, Steps, in_slices, paced
from engine.documents.problem_report import ProblemReport, shown
from engine.errors import InvalidGraphError
from engine.limits import EngineLimits
from engine.schemas.port_schemas import PortSchemas, compile_schemas
from proto.binding import Bindings
from proto.component import ERROR_PORT
from proto.graph import Endpoint, GraphDefinition, Node
from proto.problem import Problem

NODE_BYTES = 2_500
"""Memory of a node beside its configuration: as its author wrote it, compiled, and its tables."""

EDGE_BYTES = 900
"""Memory of an edge beside its names: its ends, and where it leads."""


class ReadGraph(msgspec.Struct, frozen=True):
    """A document that has been read, put together with the graphs inside it, and written out.

    Attributes:
        draft: all of it that has the right shape; None where the document as a whole has another.
        part: the same with what is inside it.
        flat: the same written out; None where that would be larger than a graph may be.
        report: what is wrong with it so far.
    """

    draft: GraphDraft | None
    part: Part | None
    flat: FlatGraph | None
    report: ProblemReport

    @property
    def component_ids(self) -> list[str]:
        """Ids of the components that its nodes name, each once, in their order."""
        nodes = () if self.flat is None else self.flat.definition.nodes
        around = brackets.COMPONENTS if any(node.every is not None for node in nodes) else ()
        return list(dict.fromkeys([*(node.component for node in nodes), *around]))


class _Examined(msgspec.Struct, frozen=True):
    """A graph that has been looked at, and what was looked up."""

    part: Part
    draft: FlatGraph
    checked: CheckedGraph
    bindings: Bindings
    groups: GroupPlan | None
    template: GraphTemplate | None


async def read_graph(document: Any, limits: EngineLimits, finder: Finder) -> ReadGraph:
    """Read a graph, and find the graphs inside it; what it says of components is not looked at.

    Args:
        document: decoded JSON.
        limits: bounds of definitions.
        finder: looks up the graphs that it names.
    """
    draft, report = await in_slices(parse_graph(document, limits))
    if draft is None:
        return ReadGraph(None, None, None, report)
    part = await assemble(draft, finder, limits, report)
    return ReadGraph(draft, part, await in_slices(flatten(part, limits, report)), report)


async def find_problems(
    document: Any,
    components: Mapping[str, Component],
    limits: EngineLimits,
    found: Resolution | None = None,
    surroundings: Surroundings = NOTHING_AROUND,
) -> tuple[GraphDefinition | None, list[Problem]]:
    """Return the graph that a document describes, and what is wrong with it.

    Args:
        document: decoded JSON; graphs inside it are written out.
        components: those that its nodes may name, by id.
        limits: bounds of definitions.
        found: what speaks against the use of its components, if anything does.
        surroundings: the variables and secrets that it may name.
    """
    read = await read_graph(document, limits, NoGraphs())
    problems = await problems_of(read, components, limits, found, surroundings)
    return None if read.draft is None else read.draft.definition, problems


async def problems_of(
    read: ReadGraph,
    components: Mapping[str, Component],
    limits: EngineLimits,
    found: Resolution | None = None,
    surroundings: Surroundings = NOTHING_AROUND,
) -> list[Problem]:
    """Return what is wrong with a graph that has been read; the arguments are those of :func:`find_problems`."""
    await _examine(read, components, limits, found, surroundings)
    return read.report.problems()


async def judge(
    read: ReadGraph,
    components: Mapping[str, Component],
    limits: EngineLimits,
    found: Resolution | None = None,
    surroundings: Surroundings = NOTHING_AROUND,
) -> tuple[list[Problem], list[Problem]]:
    """Return what is wrong with a graph as ``problems_of`` does, or else what in it may not be meant so.

    Of a graph with problems no warnings are given: a misspelt edge makes a node one that nothing reaches.
    """
    examined = await _examine(read, components, limits, found, surroundings)
    if examined is None:
        return read.report.problems(), []
    draft, bindings = examined.draft, examined.bindings
    nodes = [components[node.component] for node in draft.definition.nodes]
    long_lived = _is_asked_to_live(draft.definition, bindings) or any(map(is_source, nodes))
    warnings = find_warnings(draft, examined.checked, components, bindings, is_long_lived=long_lived)
    return [], (await in_slices(warnings)).problems()


async def _examine(
    read: ReadGraph,
    components: Mapping[str, Component],
    limits: EngineLimits,
    found: Resolution | None,
    surroundings: Surroundings,
) -> _Examined | None:
    draft, report = read.flat, read.report
    if draft is None:
        return None
    draft = await in_slices(write_out_items(draft, components, limits, report))
    trial = await in_slices(try_out(draft, components, surroundings, limits, report))
    tried = msgspec.structs.replace(draft, definition=msgspec.structs.replace(draft.definition, nodes=trial.nodes))
    checked = await in_slices(check_graph(tried, components, limits, report, trial.open))
    report.extend(check_ingress(tried, components))
    bindings = await in_slices(read_bindings(tried, components, report))
    if checked is not None:
        await _check_components(tried, checked, components, report)
    if found is not None:
        await in_slices(_note_obstacles(draft, found, report))
        report.extend(found.problems)
    if checked is None or read.part is None or report:
        return None
    groups = await in_slices(_plan_groups(draft, checked, components, report))
    return None if report else _Examined(read.part, draft, checked, bindings, groups, trial.template)


def _plan_groups(
    draft: FlatGraph, checked: CheckedGraph, components: Mapping[str, Component], report: ProblemReport
) -> Steps[GroupPlan | None]:
    """Find who gathers what others take apart; note who gathers nothing."""
    index_of = {node.id: index for index, node in enumerate(draft.definition.nodes)}
    order = [index_of[node_id] for node_id in checked.topology.sorted]
    plan, problems = yield from plan_groups(draft.definition, components, order)
    for index, code, path, message in problems:
        report.note(code, f"{draft.node_paths[index]}.{path}", message)
    return plan


def _note_obstacles(draft: FlatGraph, found: Resolution, report: ProblemReport) -> Steps[None]:
    """Note what speaks against components, at each node that uses one of them."""
    nodes = zip(draft.node_paths, draft.definition.nodes, strict=True)
    for (path, node), is_due in paced(nodes):
        if is_due:
            yield
        obstacle = found.obstacles.get(node.component)
        if obstacle is not None:
            report.note(obstacle.code, f"{path}.component", obstacle.message)


async def compile_graph(
    document: Any,
    components: Mapping[str, Component],
    limits: EngineLimits,
    timestamp: Callable[[], str],
    owner: str = "",
    *,
    found: Resolution | None = None,
    surroundings: Surroundings = NOTHING_AROUND,
) -> LoadedGraph:
    """Compile a decoded JSON document to a graph that can run. ``components`` are those that ``owner`` may use.

    ``found`` and ``surroundings`` are as for :func:`find_problems`.

    Raises:
        InvalidGraphError: it cannot; carries its problems.
    """
    read = await read_graph(document, limits, NoGraphs())
    return await compile_read(read, components, limits, timestamp, owner, found=found, surroundings=surroundings)


async def compile_read(
    read: ReadGraph,
    components: Mapping[str, Component],
    limits: EngineLimits,
    timestamp: Callable[[], str],
    owner: str = "",
    *,
    found: Resolution | None = None,
    surroundings: Surroundings = NOTHING_AROUND,
) -> LoadedGraph:
    """Compile a graph that has been read; otherwise as :func:`compile_graph`."""
    examined = await _examine(read, components, limits, found, surroundings)
    if examined is None:
        raise InvalidGraphError(read.report.problems())
    graph = await in_slices(_compile(examined, components, limits))
    sha256 = await in_slices(fingerprint(examined.part.draft.definition))
    return msgspec.structs.replace(graph, id=str(uuid4()), loaded_at=timestamp(), owner=owner, sha256=sha256)


def _compile(examined: _Examined, components: Mapping[str, Component], limits: EngineLimits) -> Steps[LoadedGraph]:
    """Compile a graph without problems, as yet without an id."""
    definition, checked = examined.draft.definition, examined.checked
    index_of = {node.id: index for index, node in enumerate(definition.nodes)}
    nodes = [_NodeTables(components[node.component], checked.ports[node.id]) for node in definition.nodes]
    yield
    policies: dict[int, EdgeRules] = {}
    letters = Letters()
    for (index, edge), is_due in paced(enumerate(definition.edges)):
        if is_due:
            yield
        source_index, target_index = index_of[edge.source.node], index_of[edge.target.node]
        source, target = nodes[source_index], nodes[target_index]
        end = Target(index, target_index, target.ports.inputs[edge.target.port])
        target.incoming.append(index)
        if isinstance(edge, LetterEdge):
            letters.add(edge, examined.draft.edge_paths[index], end)
            continue
        output = source.ports.outputs[edge.source.port]
        source.routes[output].append(end)
        if edge.policy is not None:
            ends = index, source_index, output, target_index
            policies[index] = rules_of(edge.policy, ends, definition.nodes[target_index], limits)
    for (index, rules), is_due in paced(policies.items()):
        if is_due:
            yield
        sent_to = letters.of(definition.edges[index], examined.draft.edge_paths[index])
        policies[index] = msgspec.structs.replace(rules, letters=sent_to)
    schemas: dict[tuple[int, tuple[str, ...]], PortSchemas] = {}
    compiled: list[CompiledNode] = []
    for index, (node, tables) in enumerate(zip(definition.nodes, nodes, strict=True)):
        tables.join_twins()
        compiled.append(_compile_node(index, node, tables, checked, schemas, limits))
        yield
    order = tuple(index_of[node_id] for node_id in checked.topology.sorted)
    groups = examined.groups
    apart = rejected_sources(policies) | (frozenset() if groups is None else groups.grouped)
    made_of = [node.component for node in compiled]
    chains = yield from find_chains(compiled, order, apart, policies, letters_by_node(policies))
    return LoadedGraph(
        id="",
        definition=examined.part.draft.definition,
        edges=definition.edges,
        policies=policies,
        letters_of=letters_by_edge(policies),
        topology=checked.topology,
        nodes=tuple(compiled),
        order=order,
        loaded_at="",
        bindings=examined.bindings,
        chains=chains,
        index_of=index_of,
        groups=groups,
        component_ids=frozenset(node.component for node in definition.nodes),
        has_lanes=any(map(_has_lanes, compiled)),
        part=examined.part,
        inputs=_indexed(examined.draft.inputs, index_of, compiled),
        uses=examined.draft.uses,
        size_bytes=examined.draft.weight.memory_bytes
        + NODE_BYTES * len(definition.nodes)
        + EDGE_BYTES * len(definition.edges),
        template=examined.template,
        is_long_lived=_is_asked_to_live(definition, examined.bindings) or any(map(is_source, made_of)),
        ends_with_sources=_ends_with_sources(definition, examined.bindings, made_of),
    )


def _indexed(
    ports: Mapping[Place, tuple[Endpoint, ...]], index_of: Mapping[str, int], nodes: Sequence[CompiledNode]
) -> dict[Place, tuple[tuple[int, int], ...]]:
    """Return the input ports of graphs as indices of nodes, and of their input ports."""
    return {
        place: tuple((index_of[end.node], nodes[index_of[end.node]].input_of[end.port]) for end in ends)
        for place, ends in ports.items()
    }


def _has_lanes(node: CompiledNode) -> bool:
    return any(lane and targets for lane, targets in zip(node.lanes, node.routes, strict=True)) or any(
        port.lane == "conditional" for port in node.component.definition.ports.outputs
    )


def _is_asked_to_live(definition: GraphDefinition, bindings: Bindings) -> bool:
    metadata = definition.metadata
    return bindings.exist or metadata.get("role") in ("pipeline", "service") or is_declared(metadata)


def _ends_with_sources(definition: GraphDefinition, bindings: Bindings, components: Sequence[Component]) -> bool:
    sources = [component for component in components if is_source(component)]
    return bool(sources) and all(map(produces, sources)) and not _is_asked_to_live(definition, bindings)


async def _check_components(
    draft: FlatGraph, checked: CheckedGraph, components: Mapping[str, Component], report: ProblemReport
) -> None:
    """Note what the components find wrong with their nodes' configurations, such as an expression's syntax."""
    breaks = Breaks()
    for index, (node_path, node) in enumerate(zip(draft.node_paths, draft.definition.nodes, strict=True)):
        if index not in checked.sound:
            continue
        component = components[node.component]
        for problem in await component.check(checked.completed(node, component)):
            path = f"{node_path}.config.{problem.path}".rstrip(".")
            report.note(problem.code, path, f"Node {shown(node.id)}: {problem.message}")
        await breaks.offer()


class _NodeTables:
    """The edges that lead to and from a node, by the indices of its ports."""

    def __init__(self, component: Component, ports: PortIndex) -> None:
        self.component = component
        self.ports = ports
        self.routes: list[list[Target]] = [[] for _ in ports.outputs]
        self.incoming: list[int] = []

    def join_twins(self) -> None:
        """Let a port without edges share those of its other name."""
        component = self.component
        if isinstance(component, Builtin) and component.twins is not None:
            first, second = (self.ports.outputs[name] for name in component.twins)
            self.routes[first] = self.routes[first] or self.routes[second]
            self.routes[second] = self.routes[second] or self.routes[first]


def _compile_node(
    index: int,
    node: Node,
    tables: _NodeTables,
    checked: CheckedGraph,
    schemas: dict[tuple[int, tuple[str, ...]], PortSchemas],
    limits: EngineLimits,
) -> CompiledNode:
    """Compile one node; ``schemas`` keeps those that have been compiled, for further nodes with the same ports."""
    definition = tables.component.definition
    outputs = tuple(tables.ports.outputs)
    own_schemas: PortSchemas | None = None
    if node.validate or definition.validate:
        key = id(tables.component), outputs
        own_schemas = schemas[key] = schemas.get(key) or compile_schemas(definition, outputs)
    return CompiledNode(
        index=index,
        definition=node,
        component=tables.component,
        config=checked.completed(node, tables.component),
        inputs=input_names(definition),
        outputs=outputs,
        input_of=tables.ports.inputs,
        output_of=tables.ports.outputs,
        routes=tuple(tuple(targets) for targets in tables.routes),
        schemas=own_schemas,
        incoming=tuple(tables.incoming),
        error_port=tables.ports.outputs[ERROR_PORT],
        lanes=port_lanes(definition, outputs, own_lanes_of(tables.component)),
        capacity=node.inbox.capacity or limits.inbox_messages,
        overflow=node.inbox.overflow,
    )
