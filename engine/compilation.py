"""From a document to a graph that can run: parse, check, resolve, look every edge up once."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from engine import config as configuration
from engine.component import Component, input_names, output_names
from engine.errors import InvalidGraphError
from engine.limits import EngineLimits
from engine.routing import CompiledNode, LoadedGraph, Target
from engine.schema import compile_schemas
from engine.topology import analyse
from engine.validation import check_graph, parse_graph
from proto.component import ERROR_PORT
from proto.graph import GraphDefinition
from proto.problem import Problem


async def find_problems(
    document: Any, components: Mapping[str, Component], limits: EngineLimits
) -> tuple[GraphDefinition | None, list[Problem]]:
    """The graph that a document describes, and everything that is wrong with it."""
    definition, problems = parse_graph(document, limits)
    if definition is None:
        return None, problems
    meant = check_graph(definition, components, limits)
    # What the shape has already said is not said again in other words: a document without nodes is not empty.
    absent = any(problem.path in ("nodes", "edges") for problem in problems)
    problems += [problem for problem in meant if not (absent and problem.code == "graph.empty")]
    problems += await _check_components(definition, components)
    return definition, problems


async def compile_graph(
    document: Any, components: Mapping[str, Component], limits: EngineLimits, timestamp: Callable[[], str]
) -> LoadedGraph:
    """A decoded JSON document as a graph that can run.

    Raises:
        InvalidGraphError: it cannot; carries every problem.
    """
    definition, problems = await find_problems(document, components, limits)
    if problems or definition is None:
        raise InvalidGraphError(problems)
    ids = [node.id for node in definition.nodes]
    topology, _ = analyse(ids, [(edge.source.node, edge.target.node) for edge in definition.edges])
    index_of = {node_id: index for index, node_id in enumerate(ids)}
    return LoadedGraph(
        id=str(uuid4()),
        definition=definition,
        topology=topology,
        nodes=tuple(
            _compile_node(index, definition, index_of, components, limits, topology.output_nodes)
            for index in range(len(ids))
        ),
        order=tuple(index_of[node_id] for node_id in topology.sorted),
        loaded_at=timestamp(),
    )


async def _check_components(definition: GraphDefinition, components: Mapping[str, Component]) -> list[Problem]:
    """What the components themselves say of their nodes' configurations, such as an expression's syntax."""
    problems: list[Problem] = []
    for index, node in enumerate(definition.nodes):
        component = components.get(node.component)
        if component is None or configuration.check(node.config, component.definition.config):
            continue
        config = configuration.complete(node.config, component.definition.config)
        for problem in await component.check(config):
            path = f"nodes[{index}].config.{problem.path}".rstrip(".")
            message = f"Node {node.id}: {problem.message}"
            problems.append(msgspec.structs.replace(problem, path=path, message=message))
    return problems


def _compile_node(
    index: int,
    graph: GraphDefinition,
    index_of: Mapping[str, int],
    components: Mapping[str, Component],
    limits: EngineLimits,
    output_nodes: tuple[str, ...],
) -> CompiledNode:
    node = graph.nodes[index]
    component = components[node.component]
    outputs = output_names(component.definition)
    routes: list[list[Target]] = [[] for _ in outputs]
    for edge_index, edge in enumerate(graph.edges):
        if edge.source.node == node.id:
            target = graph.nodes[index_of[edge.target.node]]
            port = input_names(components[target.component].definition).index(edge.target.port)
            routes[outputs.index(edge.source.port)].append(Target(edge_index, index_of[target.id], port))
    return CompiledNode(
        index=index,
        definition=node,
        component=component,
        config=configuration.complete(node.config, component.definition.config),
        inputs=input_names(component.definition),
        outputs=outputs,
        routes=tuple(tuple(targets) for targets in routes),
        schemas=compile_schemas(component.definition, outputs)
        if node.validate or component.definition.validate
        else None,
        incoming=tuple(index for index, edge in enumerate(graph.edges) if edge.target.node == node.id),
        error_port=outputs.index(ERROR_PORT),
        capacity=node.inbox.capacity or limits.inbox_messages,
        overflow=node.inbox.overflow,
        is_output=node.id in output_nodes,
    )
