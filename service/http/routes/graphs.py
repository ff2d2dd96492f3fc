"""Routes of graphs: load, list, show, replace, unload, execute. Of their history: ``graph_versions.py``."""

from typing import Annotated, Any

import msgspec
from quart import Blueprint, Response

from engine.compile.loaded_graph import LoadedGraph
from engine.documents.problem_report import listed, shown
from engine.loaded_graphs import Placement, WrittenGraph
from engine.routine.validation import is_routine
from engine.versions import UNCONDITIONAL, Version
from engine.views import RuntimeView
from proto.execution import Completion, ExecuteOptions, ExecutionError, ExecutionSnapshot, ExecutionState
from proto.graph import Edge, GraphDefinition, GraphPorts, Node, Recording, TopologySummary
from proto.message import Injection
from proto.problem import Problem
from proto.reload import ReloadedExecution
from proto.routine import RoutineDefinition
from service.http.bodies import LISTED_MESSAGES, decoded, nothing, read_document, read_struct, reply
from service.http.conditions import (
    IF_MATCH,
    IF_NONE_MATCH,
    MAX_VERSION,
    NOT_MODIFIED,
    OTHER_VERSION,
    VERSION,
    condition_of_request,
    tagged,
    unchanged,
)
from service.http.operation import Body, Query, Reply, operation
from service.http.query import PAGE, RELOAD, bad_query, page_of, switch, whole_number
from service.http.routes.routines import GREETING, LoadedRoutineReply, load_routine
from service.http.sliced_replies import page_reply, sliced_reply
from service.problems import CompilationBody


class LoadedReply(msgspec.Struct, frozen=True, rename="camel", tag_field="type", tag="graph"):
    """Reply of ``POST /api/graphs``, and of whatever makes a new version of a graph.

    Attributes:
        id: of the graph; all its versions have it.
        name: as its author calls it.
        version: its author's own.
        node_count: how large it is.
        edge_count: likewise.
        topology: what follows from its shape.
        loaded_at: when this version was made.
        version_number: which of the versions under this id it is, counted from 1.
        warnings: what its author may not have meant, such as a second graph of one name.
        reloads: with ``?reload=true``, what has become of its executions.
    """

    id: str
    name: str
    version: str
    node_count: int
    edge_count: int
    topology: TopologySummary
    loaded_at: str
    version_number: int
    warnings: tuple[Problem, ...] | msgspec.UnsetType = msgspec.UNSET
    reloads: list[ReloadedExecution] | msgspec.UnsetType = msgspec.UNSET


class ListedGraph(msgspec.Struct, frozen=True, rename="camel"):
    """One graph in the reply of ``GET /api/graphs``. ``role`` and ``ingress`` come from its metadata."""

    id: str
    name: str
    version: str
    description: str
    node_count: int
    edge_count: int
    org_id: str | None
    role: Any
    ingress: Any
    loaded_at: str
    version_number: int


class StartedReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Reply of ``POST /api/graphs/<id>/execute``; ``error`` says why an execution failed to start."""

    execution_id: str
    graph_id: str
    state: ExecutionState
    started_at: str | None = None
    error: ExecutionError | None = None


class ExecuteBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``ExecuteOptions`` as they are decoded; the inputs are decoded when they have been counted."""

    completion: Completion | None = None
    timeout_ms: Annotated[float, msgspec.Meta(ge=0)] | None = None
    inputs: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    parameters: dict[str, msgspec.Raw] = {}
    durable: bool | None = None
    recording: Recording | None = None


class GraphList(msgspec.Struct, frozen=True, rename="camel"):
    """Loaded graphs, oldest first.

    Attributes:
        loaded_graphs: all of them, on this page or not.
        active_executions: executions that have not ended.
        total: the same as ``loadedGraphs``, by the name that all lists have.
        graphs: this page.
    """

    loaded_graphs: int
    active_executions: int
    total: int
    graphs: list[ListedGraph]


class ShownGraph(msgspec.Struct, frozen=True, rename="camel"):
    """A graph as its author wrote it, with its topology.

    Attributes:
        uses: the graphs inside it, by the paths of the nodes that use them: as each was named, "" for one that is
            written out.
    """

    id: str
    symbia: str
    name: str
    version: str
    description: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    metadata: dict[str, Any]
    bindings: dict[str, Any]
    ports: GraphPorts
    parameters: dict[str, Any]
    uses: dict[str, str]
    topology: TopologySummary
    loaded_at: str
    version_number: int
    durable: bool | msgspec.UnsetType = msgspec.UNSET
    recording: Recording | msgspec.UnsetType = msgspec.UNSET


QUICK_REFERENCE = {
    "symbia": "1.0",
    "name": "Simple Pipeline",
    "version": "1.0.0",
    "nodes": [
        {"id": "input", "component": "symbia.core.passthrough"},
        {"id": "double", "component": "symbia.core.map", "config": {"expression": "value * 2"}},
        {"id": "output", "component": "symbia.core.logger"},
    ],
    "edges": [
        {"id": "e1", "source": {"node": "input", "port": "out"}, "target": {"node": "double", "port": "in"}},
        {"id": "e2", "source": {"node": "double", "port": "out"}, "target": {"node": "output", "port": "in"}},
    ],
}
LOADED = {
    "type": "graph",
    "id": "0b8d3ad4-6fb0-4f3c-a6d1-6a1e0a4c9a55",
    "name": "Simple Pipeline",
    "version": "1.0.0",
    "nodeCount": 3,
    "edgeCount": 2,
    "topology": {
        "sorted": ["input", "double", "output"],
        "levels": [["input"], ["double"], ["output"]],
        "inputNodes": ["input"],
        "outputNodes": ["output"],
    },
    "loadedAt": "2026-03-01T09:30:00.000Z",
    "versionNumber": 1,
}
_STARTED = {
    "executionId": "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11",
    "graphId": "0b8d3ad4-6fb0-4f3c-a6d1-6a1e0a4c9a55",
    "state": "running",
    "startedAt": "2026-03-01T09:30:01.000Z",
}


REPLACE = Query(
    "replace",
    "Whether the graph becomes a new version of the one that has its name, where there is one.",
    {"type": "boolean", "default": False},
)
WRITTEN_GRAPH = Body(
    (GraphDefinition,),
    {"the Quick Reference": QUICK_REFERENCE},
    yaml=True,
    nullable=("version", "description", "metadata", "bindings"),
)


def graph_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes under ``/api/graphs``."""
    routes = Blueprint("graphs", __name__, url_prefix="/api/graphs")

    @routes.post("")
    @operation(
        Reply(201, LoadedReply | LoadedRoutineReply, LOADED),
        Reply(200, LoadedReply, description="With `replace`: it is a version of the graph that has its name."),
        tag="graphs",
        summary="Load a graph",
        description="A graph that is wrong is refused with every problem and its place, and nothing is stored. "
        "A routine definition is taken, too: all its graphs are loaded, or none. Where another graph has the name "
        "already, `warnings` say so; with `replace` it becomes a new version of that.",
        body=Body(
            (GraphDefinition, RoutineDefinition),
            {"the Quick Reference": QUICK_REFERENCE, "a routine that greets": GREETING},
            yaml=True,
            nullable=(
                "version",
                "description",
                "metadata",
                "bindings",
                "ports",
                "parameters",
                "durable",
                "recording",
            ),
        ),
        query=(REPLACE,),
        headers=(IF_MATCH, IF_NONE_MATCH),
        refusals={409: "There are as many graphs as there may be, or several have the name.", 412: OTHER_VERSION},
        refusal_shapes={400: CompilationBody},
    )
    async def load() -> Response:
        replace, condition = switch("replace"), condition_of_request()
        document = await read_document()
        if is_routine(document):
            if replace or condition != UNCONDITIONAL:
                raise bad_query("replace", "left away for a routine: its graphs are loaded anew", str(replace))
            return reply(await load_routine(runtime, document), 201)
        return loaded_reply(await runtime.library.place_graph(document, replace=replace, condition=condition))

    @routes.get("")
    @operation(Reply(200, GraphList), tag="graphs", summary="List the loaded graphs", query=PAGE)
    async def list_all() -> Response:
        graphs = runtime.library.graphs()
        counts = {
            "loadedGraphs": len(graphs),
            "activeExecutions": len(runtime.underway()),
            "total": len(graphs),
        }
        return await page_reply("graphs", map(_listed, page_of(graphs)), counts)

    @routes.get("/<graph_id>")
    @operation(
        Reply(200, ShownGraph),
        tag="graphs",
        summary="Show a graph as it was written, with its topology",
        query=(VERSION,),
        headers=(NOT_MODIFIED,),
    )
    async def show(graph_id: str) -> Response:
        number = whole_number("version", least=1, most=MAX_VERSION)
        version = runtime.library.graph_version(graph_id, number)
        return unchanged(version.tag) or tagged(await sliced_reply(_shown(graph_id, version)), version.tag)

    @routes.put("/<graph_id>")
    @operation(
        Reply(200, LoadedReply, LOADED),
        tag="graphs",
        summary="Replace a graph by a new version",
        description="All or nothing: where the new one is wrong the old one stays. One that is written as the "
        "present one makes no new version. What runs keeps the version that it began with; with `reload` it goes "
        "over to the new one, without losing a message, and `reloads` say what has become of each execution.",
        body=WRITTEN_GRAPH,
        query=(RELOAD,),
        headers=(IF_MATCH, IF_NONE_MATCH),
        refusals={412: OTHER_VERSION},
    )
    async def replace(graph_id: str) -> Response:
        runtime.library.graph(graph_id)  # an unknown one is refused before anything is read
        condition, reloads = condition_of_request(), switch("reload")
        document = await read_document()
        placement = await runtime.library.replace_graph(graph_id, document, condition=condition)
        return loaded_reply(placement, await runtime.reload_graph(graph_id) if reloads else msgspec.UNSET)

    @routes.delete("/<graph_id>")
    @operation(
        Reply(204),
        tag="graphs",
        summary="Unload a graph, with all its versions, and stop its executions",
        headers=(IF_MATCH,),
        refusals={412: OTHER_VERSION},
    )
    async def unload(graph_id: str) -> Response:
        await runtime.unload_graph(graph_id, condition=condition_of_request())
        return nothing()

    @routes.post("/<graph_id>/execute")
    @operation(
        Reply(201, StartedReply, _STARTED),
        tag="graphs",
        summary="Start an execution of a graph",
        description="The body may be left away; `input`, which the platform's console sends, is ignored.",
        body=Body(
            (ExecuteOptions,),
            {
                "one message, and no more": {"inputs": [{"nodeId": "input", "port": "in", "value": 21}]},
                "until it is stopped": {"completion": "manual", "timeoutMs": 0},
                "with values for its parameters": {"parameters": {"rate": 0.07, "currency": "eur"}},
                "going on after a restart": {"completion": "manual", "durable": True},
            },
            required=False,
        ),
        refusals={409: "As many executions are under way as may be.", 429: "Too much is injected at once."},
    )
    async def execute(graph_id: str) -> Response:
        body = await read_struct(ExecuteBody, empty=ExecuteBody(), max_elements=None, told_as=ExecuteOptions)
        return reply(_started(await runtime.execute(graph_id, await _options(body))), 201)

    return routes


async def _options(body: ExecuteBody) -> ExecuteOptions:
    inputs = None
    if bytes(body.inputs) not in (b"", b"null"):
        inputs = await decoded(
            bytes(body.inputs), tuple[Injection, ...], max_items=LISTED_MESSAGES, place="inputs"
        )
    return ExecuteOptions(body.completion, body.timeout_ms, inputs, body.parameters, body.durable, body.recording)


def loaded_reply(
    placement: Placement, reloads: list[ReloadedExecution] | msgspec.UnsetType = msgspec.UNSET
) -> Response:
    """Reply with what has come of a graph, and of its executions where these were to follow."""
    graph = placement.graph
    status = 201 if placement.outcome == "created" else 200
    loaded = msgspec.structs.replace(_loaded(graph, _warnings(placement)), reloads=reloads)
    return tagged(reply(loaded, status), graph.tag)


def _warnings(placement: Placement) -> tuple[Problem, ...]:
    if not placement.namesakes:
        return ()
    named, newest = listed(placement.namesakes, 3), placement.namesakes[-1]
    message = (
        f"You have other graphs of the name {shown(placement.graph.definition.name)}: {named}. ?replace=true "
        f"makes a new version of the one that has a name, and so does PUT /api/graphs/{newest}"
    )
    return (Problem("graph.name_exists", "name", message),)


def _loaded(graph: LoadedGraph, warnings: tuple[Problem, ...]) -> LoadedReply:
    definition = graph.definition
    return LoadedReply(
        id=graph.id,
        name=definition.name,
        version=definition.version,
        node_count=len(graph.nodes),
        edge_count=len(graph.edges),
        topology=graph.topology,
        loaded_at=graph.loaded_at,
        version_number=graph.number,
        warnings=warnings or msgspec.UNSET,
    )


def _listed(graph: LoadedGraph) -> ListedGraph:
    definition = graph.definition
    return ListedGraph(
        id=graph.id,
        name=definition.name,
        version=definition.version,
        description=definition.description,
        node_count=len(graph.nodes),
        edge_count=len(graph.edges),
        org_id=graph.owner or None,
        role=definition.metadata.get("role"),
        ingress=definition.metadata.get("ingress"),
        loaded_at=graph.loaded_at,
        version_number=graph.number,
    )


def _shown(graph_id: str, version: Version[WrittenGraph]) -> ShownGraph:
    definition, topology = version.content.definition, version.content.topology
    fields = {name: getattr(definition, name) for name in definition.__struct_fields__}
    return ShownGraph(
        **fields,
        id=graph_id,
        uses=dict(version.content.uses),
        topology=topology,
        loaded_at=version.made_at,
        version_number=version.number,
    )


def _started(execution: ExecutionSnapshot) -> StartedReply:
    return StartedReply(
        execution_id=execution.id,
        graph_id=execution.graph_id,
        state=execution.state,
        started_at=execution.started_at,
        error=execution.error,
    )
