"""Routes of graphs: load, list, show, unload, execute."""

from typing import Any

import msgspec
from quart import Blueprint, Response

from engine.routing import LoadedGraph
from engine.runtime import Runtime
from proto.execution import ExecuteOptions, ExecutionError, ExecutionSnapshot, ExecutionState
from proto.graph import GraphDefinition, TopologySummary
from service.exchange import nothing, read_document, read_struct, reply

ENDED = frozenset({ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED})


class LoadedReply(msgspec.Struct, frozen=True, rename="camel", tag_field="type", tag="graph"):
    """Reply of ``POST /api/graphs``."""

    id: str
    name: str
    version: str
    node_count: int
    edge_count: int
    topology: TopologySummary
    loaded_at: str


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


class StartedReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Reply of ``POST /api/graphs/<id>/execute``; ``error`` says why an execution failed to start."""

    execution_id: str
    graph_id: str
    state: ExecutionState
    started_at: str | None = None
    error: ExecutionError | None = None


def graph_routes(runtime: Runtime) -> Blueprint:
    """The routes under ``/api/graphs``."""
    routes = Blueprint("graphs", __name__, url_prefix="/api/graphs")

    @routes.post("")
    async def load() -> Response:
        graph = await runtime.load_graph(await read_document())
        return reply(_loaded(graph), 201)

    @routes.get("")
    async def list_all() -> Response:
        graphs = [_listed(graph) for graph in runtime.graphs()]
        active = sum(1 for execution in runtime.executions() if execution.state not in ENDED)
        return reply({"loadedGraphs": len(graphs), "activeExecutions": active, "graphs": graphs})

    @routes.get("/<graph_id>")
    async def show(graph_id: str) -> Response:
        graph = runtime.graph(graph_id)
        shown = {"id": graph.id, **_fields(graph.definition)}
        return reply({**shown, "topology": graph.topology, "loadedAt": graph.loaded_at})

    @routes.delete("/<graph_id>")
    async def unload(graph_id: str) -> Response:
        await runtime.unload_graph(graph_id)
        return nothing()

    @routes.post("/<graph_id>/execute")
    async def execute(graph_id: str) -> Response:
        options = await read_struct(ExecuteOptions, empty=ExecuteOptions())
        return reply(_started(await runtime.execute(graph_id, options)), 201)

    return routes


def _loaded(graph: LoadedGraph) -> LoadedReply:
    definition = graph.definition
    return LoadedReply(
        id=graph.id,
        name=definition.name,
        version=definition.version,
        node_count=len(definition.nodes),
        edge_count=len(definition.edges),
        topology=graph.topology,
        loaded_at=graph.loaded_at,
    )


def _listed(graph: LoadedGraph) -> ListedGraph:
    definition = graph.definition
    return ListedGraph(
        id=graph.id,
        name=definition.name,
        version=definition.version,
        description=definition.description,
        node_count=len(definition.nodes),
        edge_count=len(definition.edges),
        org_id=None,
        role=definition.metadata.get("role"),
        ingress=definition.metadata.get("ingress"),
        loaded_at=graph.loaded_at,
    )


def _fields(definition: GraphDefinition) -> dict[str, Any]:
    """The definition's fields by their names on the wire, those included that hold their default."""
    names = zip(definition.__struct_encode_fields__, definition.__struct_fields__, strict=True)
    return {wire_name: getattr(definition, name) for wire_name, name in names}


def _started(execution: ExecutionSnapshot) -> StartedReply:
    return StartedReply(
        execution_id=execution.id,
        graph_id=execution.graph_id,
        state=execution.state,
        started_at=execution.started_at,
        error=execution.error,
    )
