"""Routes of routines: judge, preview, load. ``POST /api/graphs`` takes routine definitions, too."""

from typing import Any

import msgspec
from quart import Blueprint, Response

from engine.compile.loaded_graph import LoadedGraph
from engine.routine.compiler import COMPILER_VERSION, CompiledRoutine
from engine.routine.loading import Compilation, judge, load, preview
from engine.views import RuntimeView
from engine.wall_clock import WallClock
from proto.graph import TopologySummary
from proto.problem import Problem
from proto.routine import RoutineDefinition, RoutineVerdict
from service.http.bodies import read_document, reply
from service.http.operation import Body, Reply, operation
from service.problems import CompilationBody


class CompilationSummary(msgspec.Struct, frozen=True, rename="camel"):
    """The outcome of a compilation.

    Attributes:
        compiler_version: the version of the shape of the graphs.
        compiled_at: ISO 8601 in UTC.
        source_hash: the hash of the definition's JSON text; the same definition has the same.
        routine_count: graphs.
        total_node_count: nodes of all graphs.
        total_edge_count: edges of all graphs.
    """

    compiler_version: str
    compiled_at: str
    source_hash: str
    routine_count: int
    total_node_count: int
    total_edge_count: int


class PreviewedGraph(msgspec.Struct, frozen=True):
    """A graph as it would be loaded; each node's ``config._debug`` says which step it comes from."""

    name: str
    description: str
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    metadata: dict[str, Any]


class PreviewReply(msgspec.Struct, frozen=True, rename="camel"):
    """Reply of ``POST /api/routines/preview``."""

    assistant_id: str
    metadata: CompilationSummary
    graphs: list[PreviewedGraph]
    warnings: tuple[Problem, ...]


class LoadedRoutine(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The graph of one routine; ``id`` and ``name`` are the graph's."""

    id: str
    name: str
    routine_id: str
    routine_name: str
    is_main: bool
    node_count: int
    edge_count: int
    loaded_at: str
    trigger: str | msgspec.UnsetType = msgspec.UNSET


class RoutinesReply(CompilationSummary, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Reply of ``POST /api/routines``."""

    assistant_id: str
    graphs: list[LoadedRoutine]
    warnings: tuple[Problem, ...]
    alias: str | msgspec.UnsetType = msgspec.UNSET


class GraphOfRoutine(msgspec.Struct, frozen=True, rename="camel"):
    """The graph of one routine, as graphs are loaded."""

    id: str
    name: str
    version: str
    node_count: int
    edge_count: int
    topology: TopologySummary
    loaded_at: str


class LoadedRoutineReply(msgspec.Struct, frozen=True, rename="camel", tag_field="type", tag="routine"):
    """Reply of ``POST /api/graphs`` to a routine definition."""

    assistant_id: str
    compiled_at: str
    routine_count: int
    total_node_count: int
    total_edge_count: int
    graphs: list[GraphOfRoutine]
    warnings: tuple[Problem, ...]


GREETING = {
    "symbia": "routine/1.0",
    "name": "Greeter",
    "version": "1.0.0",
    "assistantId": "greeter",
    "routines": [
        {
            "id": "greet",
            "name": "Greet",
            "trigger": "A guest comes in",
            "isMain": True,
            "steps": [
                {
                    "id": "name",
                    "type": "remember",
                    "description": "Remember the name",
                    "params": {"key": "name", "field": "guest"},
                },
                {
                    "id": "hello",
                    "type": "say",
                    "description": "Say hello",
                    "params": {"content": "Hello {name}!"},
                },
            ],
        }
    ],
}
_JUDGED = {
    "valid": False,
    "errors": [
        {
            "code": "UNKNOWN_STEP_TYPE",
            "path": "routines[0].steps[1].type",
            "message": "Unknown step type: shout; known are say, ask, think, remember, recall, wait, check, call, "
            "repeat, stop",
        }
    ],
    "warnings": [],
}
REFUSAL = "It cannot be read, or not be compiled; `details` and `problems` say where."
QUOTA = "There would be more graphs than there may be."
_BODY = Body((RoutineDefinition,), {"greets by name": GREETING}, yaml=True)


def routine_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes under ``/api/routines``."""
    routes = Blueprint("routines", __name__, url_prefix="/api/routines")

    @routes.post("")
    @operation(
        Reply(201, RoutinesReply),
        tag="routines",
        summary="Compile a routine definition, and load its graphs",
        description="All graphs are loaded or none.",
        body=_BODY,
        refusals={400: REFUSAL, 409: QUOTA},
        refusal_shapes={400: CompilationBody},
    )
    async def load_all() -> Response:
        return reply(_loaded(*await load(runtime.library, await read_document())), 201)

    @routes.post("/validate")
    @operation(
        Reply(200, RoutineVerdict, _JUDGED),
        tag="routines",
        summary="Say what is wrong with a routine definition",
        description="The answer is 200 whatever the document holds; what is valid can be loaded.",
        body=Body((Any,), {"greets by name": GREETING}, required=False, yaml=True),
        refusals={400: "It is no document: it cannot be read, or lies too deep."},
    )
    async def validate() -> Response:
        return reply(await judge(runtime.library, await read_document()))

    @routes.post("/preview")
    @operation(
        Reply(200, PreviewReply),
        tag="routines",
        summary="Show the graphs that a routine definition would become",
        description="Nothing is loaded.",
        body=_BODY,
        refusals={400: REFUSAL},
        refusal_shapes={400: CompilationBody},
    )
    async def show() -> Response:
        compilation = await preview(runtime.library, await read_document())
        return reply(
            PreviewReply(
                assistant_id=compilation.definition.assistant_id,
                metadata=CompilationSummary(**_summary(compilation)),
                graphs=[_previewed(compiled) for compiled in compilation.routines],
                warnings=compilation.warnings,
            )
        )

    return routes


async def load_routine(runtime: RuntimeView, document: Any) -> LoadedRoutineReply:
    """Load a routine definition that was sent as a graph."""
    compilation, graphs = await load(runtime.library, document)
    summary = _summary(compilation)
    return LoadedRoutineReply(
        assistant_id=compilation.definition.assistant_id,
        compiled_at=summary["compiled_at"],
        routine_count=summary["routine_count"],
        total_node_count=summary["total_node_count"],
        total_edge_count=summary["total_edge_count"],
        graphs=[
            GraphOfRoutine(
                id=graph.id,
                name=graph.definition.name,
                version=graph.definition.version,
                node_count=len(graph.nodes),
                edge_count=len(graph.edges),
                topology=graph.topology,
                loaded_at=graph.loaded_at,
            )
            for graph in graphs
        ],
        warnings=compilation.warnings,
    )


def _summary(compilation: Compilation) -> dict[str, Any]:
    return {
        "compiler_version": COMPILER_VERSION,
        "compiled_at": WallClock().timestamp(),
        "source_hash": compilation.source_hash,
        "routine_count": len(compilation.routines),
        "total_node_count": compilation.node_count,
        "total_edge_count": compilation.edge_count,
    }


def _previewed(compiled: CompiledRoutine) -> PreviewedGraph:
    return PreviewedGraph(**{name: compiled.graph[name] for name in PreviewedGraph.__struct_fields__})


def _loaded(compilation: Compilation, graphs: list[LoadedGraph]) -> RoutinesReply:
    alias = compilation.definition.alias
    return RoutinesReply(
        **_summary(compilation),
        assistant_id=compilation.definition.assistant_id,
        graphs=[
            LoadedRoutine(
                id=graph.id,
                name=graph.definition.name,
                routine_id=compiled.routine.id,
                routine_name=compiled.routine.name,
                is_main=bool(compiled.routine.is_main),
                node_count=len(graph.nodes),
                edge_count=len(graph.edges),
                loaded_at=graph.loaded_at,
                trigger=msgspec.UNSET if compiled.routine.trigger is None else compiled.routine.trigger,
            )
            for compiled, graph in zip(compilation.routines, graphs, strict=True)
        ],
        warnings=compilation.warnings,
        alias=msgspec.UNSET if alias is None else alias,
    )
