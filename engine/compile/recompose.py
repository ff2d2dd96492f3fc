"""A graph that is compiled again with other components or configurations, and with the same graphs inside it.

It is not read anew: the graphs inside it stay as they are, whatever has been loaded under their names since.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.compile.compiler import ReadGraph, compile_read
from engine.compile.flat_graph import FlatGraph
from engine.compile.flatten import flatten
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.component import Component
from engine.contracts.surroundings import Surroundings
from engine.cooperative.slices import in_slices
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, shown
from engine.errors import InvalidGraphError
from engine.limits import EngineLimits


async def recompose(
    graph: LoadedGraph,
    components: Mapping[str, Component],
    configs: Mapping[str, Mapping[str, Any]],
    limits: EngineLimits,
    timestamp: Callable[[], str],
    surroundings: Surroundings,
) -> LoadedGraph:
    """Compile a graph again; it keeps its id and its number.

    Args:
        graph: as it is.
        components: by the name that nodes give them, in the place of those that the graph has.
        configs: of nodes, by their paths, in the place of those that are written.
        limits: bounds of definitions.
        timestamp: the present wall time, ISO 8601 in UTC.
        surroundings: the variables and secrets that it may name.

    Raises:
        InvalidGraphError: it cannot be; carries every problem.
    """
    part = graph.part
    assert part is not None  # noqa: S101 - whatever was compiled has one
    report = ProblemReport()
    flat = await in_slices(flatten(part, limits, report))
    if flat is not None and configs:
        flat = _with_configs(flat, configs, report)
    if report:
        raise InvalidGraphError(report.problems())
    present = {node.definition.component: node.component for node in graph.nodes}
    made = await compile_read(
        ReadGraph(part.draft, part, flat, report),
        {**present, **components},
        limits,
        timestamp,
        graph.owner,
        surroundings=surroundings,
    )
    return msgspec.structs.replace(made, id=graph.id, number=graph.number)


def _with_configs(flat: FlatGraph, configs: Mapping[str, Mapping[str, Any]], report: ProblemReport) -> FlatGraph:
    nodes = flat.definition.nodes
    known = [node.id for node in nodes]
    hints = Hints()
    for node_id in configs.keys() - set(known):
        similar = hints.similar(node_id, known)
        hint = f"; did you mean {similar}?" if similar else ""
        message = f"The execution has no node {shown(node_id)}{hint}"
        report.note("reload.unknown_node", f"configs.{shown(node_id)}", message)
    changed = tuple(
        msgspec.structs.replace(node, config=dict(configs[node.id])) if node.id in configs else node
        for node in nodes
    )
    return msgspec.structs.replace(flat, definition=msgspec.structs.replace(flat.definition, nodes=changed))
