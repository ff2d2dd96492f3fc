"""From a document to a graph that can run: parse, check, resolve, look every edge up once."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from engine import config as configuration
from engine.bindings import bindings_of, check_bindings
from engine.chaining import find_chains
from engine.component import Builtin, Component, input_names, outputs_of
from engine.errors import InvalidGraphError
from engine.ingress import check_ingress
from engine.lanes import port_lanes
from engine.limits import EngineLimits
from engine.resolution import Resolution
from engine.routing import CompiledNode, LoadedGraph, Target
from engine.schema import compile_schemas
from engine.topology import analyse
from engine.validation import GraphDraft, check_graph, parse_graph
from proto.component import ERROR_PORT
from proto.graph import GraphDefinition, Node
from proto.problem import Problem


async def find_problems(
    document: Any,
    components: Mapping[str, Component],
    limits: EngineLimits,
    found: Resolution | None = None,
) -> tuple[GraphDefinition | None, list[Problem]]:
    """The graph that a document describes, and everything that is wrong with it.

    Args:
        document: decoded JSON.
        components: those that its nodes may name, by id.
        limits: bounds of definitions.
        found: what speaks against the use of its components, if anything does.
    """
    draft, problems = parse_graph(document, limits)
    if draft is None:
        return None, problems
    problems += check_graph(draft, components, limits)
    problems += check_ingress(draft, components)
    problems += check_bindings(draft, components)
    problems += await _check_components(draft, components)
    if found is not None:
        problems += [*_obstacles(draft, found), *found.problems]
    return draft.definition, problems


def _obstacles(draft: GraphDraft, found: Resolution) -> list[Problem]:
    """What speaks against components, at each node that uses one of them."""
    nodes = zip(draft.node_places, draft.definition.nodes, strict=True)
    return [
        msgspec.structs.replace(found.obstacles[node.component], path=f"nodes[{place}].component")
        for place, node in nodes
        if node.component in found.obstacles
    ]


async def compile_graph(
    document: Any,
    components: Mapping[str, Component],
    limits: EngineLimits,
    timestamp: Callable[[], str],
    owner: str = "",
    *,
    found: Resolution | None = None,
) -> LoadedGraph:
    """A decoded JSON document as a graph that can run. ``components`` are those that ``owner`` may use.

    ``found`` is as for :func:`find_problems`.

    Raises:
        InvalidGraphError: it cannot; carries every problem.
    """
    definition, problems = await find_problems(document, components, limits, found)
    if problems or definition is None:
        raise InvalidGraphError(problems)
    ids = [node.id for node in definition.nodes]
    topology, _ = analyse(ids, [(edge.source.node, edge.target.node) for edge in definition.edges])
    index_of = {node_id: index for index, node_id in enumerate(ids)}
    nodes = [_NodeTables(components[node.component], node) for node in definition.nodes]
    for index, edge in enumerate(definition.edges):
        source, target = nodes[index_of[edge.source.node]], nodes[index_of[edge.target.node]]
        port = target.inputs.index(edge.target.port)
        source.routes[source.outputs.index(edge.source.port)].append(
            Target(index, index_of[edge.target.node], port)
        )
        target.incoming.append(index)
    for tables in nodes:
        tables.join_twins()
    compiled = tuple(
        _compile_node(index, node, tables, limits)
        for index, (node, tables) in enumerate(zip(definition.nodes, nodes, strict=True))
    )
    return LoadedGraph(
        id=str(uuid4()),
        definition=definition,
        topology=topology,
        nodes=compiled,
        order=tuple(index_of[node_id] for node_id in topology.sorted),
        loaded_at=timestamp(),
        owner=owner,
        bindings=bindings_of(definition, components),
        chains=find_chains(compiled),
    )


async def _check_components(draft: GraphDraft, components: Mapping[str, Component]) -> list[Problem]:
    """What the components themselves say of their nodes' configurations, such as an expression's syntax."""
    problems: list[Problem] = []
    for place, node in zip(draft.node_places, draft.definition.nodes, strict=True):
        component = components.get(node.component)
        if component is None or configuration.check(node.config, component.definition.config):
            continue
        config = configuration.complete(node.config, component.definition.config)
        for problem in await component.check(config):
            path = f"nodes[{place}].config.{problem.path}".rstrip(".")
            message = f"Node {node.id}: {problem.message}"
            problems.append(msgspec.structs.replace(problem, path=path, message=message))
    return problems


class _NodeTables:
    """What edges lead to and from a node, by the indices of its ports."""

    def __init__(self, component: Component, node: Node) -> None:
        self.component = component
        self.inputs = input_names(component.definition)
        self.outputs = outputs_of(component, node.config)
        self.routes: list[list[Target]] = [[] for _ in self.outputs]
        self.incoming: list[int] = []

    def join_twins(self) -> None:
        """Let a port without edges share those of its other name."""
        component = self.component
        if isinstance(component, Builtin) and component.twins is not None:
            first, second = map(self.outputs.index, component.twins)
            self.routes[first] = self.routes[first] or self.routes[second]
            self.routes[second] = self.routes[second] or self.routes[first]


def _compile_node(index: int, node: Node, tables: _NodeTables, limits: EngineLimits) -> CompiledNode:
    definition = tables.component.definition
    return CompiledNode(
        index=index,
        definition=node,
        component=tables.component,
        config=configuration.complete(node.config, definition.config),
        inputs=tables.inputs,
        outputs=tables.outputs,
        routes=tuple(tuple(targets) for targets in tables.routes),
        schemas=compile_schemas(definition, tables.outputs) if node.validate or definition.validate else None,
        incoming=tuple(tables.incoming),
        error_port=tables.outputs.index(ERROR_PORT),
        lanes=port_lanes(definition, tables.outputs),
        capacity=node.inbox.capacity or limits.inbox_messages,
        overflow=node.inbox.overflow,
    )
