"""The revision that a reload asks for, found and compiled; nothing runs yet."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.compile.execution_values import fill_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.recompose import recompose
from engine.components.lookup import base_of
from engine.contracts.component import Component
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, shown
from engine.errors import InvalidGraphError
from engine.execution.execution import Execution
from engine.execution.revisions import Revision
from engine.library import Library
from proto.reload import ReloadRequest


async def find_revision(execution: Execution, library: Library, request: ReloadRequest) -> Revision:
    """Return the revision that an execution is to run.

    A graph's version replaces what was reloaded before; components and configurations come to what there is.

    Raises:
        NotFoundError: it names a version, or a component, that there is not.
        InvalidGraphError: it cannot be; carries every problem.
        InvalidParametersError: what the execution was given does not fit it.
    """
    present = execution.revisions.present
    written, components, configs = present.written, dict(present.components), dict(present.configs)
    if request.graph is not None:
        number = None if request.graph == "latest" else int(request.graph)
        written = await library.compiled_version(execution.graph_id, number)
        components, configs = {}, {}
    components |= _components(written, library, request.components)
    configs |= request.configs
    return await _made(written, components, configs, library, execution.parameters, execution.timestamp)


async def found_again(
    written: LoadedGraph,
    numbers: Mapping[str, int],
    configs: Mapping[str, Mapping[str, Any]],
    library: Library,
    parameters: Mapping[str, msgspec.Raw],
    timestamp: Callable[[], str],
) -> Revision:
    """Return the revision that an execution of an earlier process has run.

    Args:
        written: the version of the graph that its changes begin from.
        numbers: of the versions of components that its owner has made, by the names that nodes give them.
        configs: that take the place of those.
        library: has the components.
        parameters: that the execution was given.
        timestamp: the present wall time, ISO 8601 in UTC.

    Raises:
        EngineError: it cannot be put together again.
    """
    components = {
        name: library.component_version(base_of(name), number, owner=written.owner)
        for name, number in numbers.items()
    }
    return await _made(written, components, configs, library, parameters, timestamp)


async def _made(
    written: LoadedGraph,
    components: Mapping[str, Component],
    configs: Mapping[str, Mapping[str, Any]],
    library: Library,
    parameters: Mapping[str, msgspec.Raw],
    timestamp: Callable[[], str],
) -> Revision:
    graph, surroundings = written, library.vault.of(written.owner)
    if components or configs:
        graph = await recompose(written, components, configs, library.limits, timestamp, surroundings)
    values = await fill_graph(graph, parameters, surroundings, library.limits)
    return Revision(graph, values, written, components, configs, numbers_of(graph, library))


def numbers_of(graph: LoadedGraph, library: Library) -> dict[str, int]:
    """Return the numbers of the versions of its owner's components that a graph runs, by their names in it."""
    named = {node.definition.component: node.component for node in graph.nodes}
    numbers = {name: library.number_of(component, graph.owner) for name, component in named.items()}
    return {name: number for name, number in numbers.items() if number is not None}


def _components(
    graph: LoadedGraph, library: Library, wanted: Mapping[str, int | str | None]
) -> dict[str, Component]:
    """Return the components that a reload names, by the names that the graph's nodes give them."""
    names = dict.fromkeys(node.definition.component for node in graph.nodes)
    found = {}
    report = ProblemReport()
    hints = Hints()
    for component_id, version in wanted.items():
        users = [name for name in names if base_of(name) == component_id]
        if not users:
            similar = hints.similar(component_id, map(base_of, names))
            hint = f"; did you mean {similar}?" if similar else ""
            message = f"No node of the execution is a use of {shown(component_id)}{hint}"
            report.note("reload.unknown_component", f"components.{shown(component_id)}", message)
            continue
        found.update(dict.fromkeys(users, library.component_version(component_id, version, owner=graph.owner)))
    if report:
        raise InvalidGraphError(report.problems())
    return found
