"""The route that shows the last outputs of an execution."""

from itertools import islice

import msgspec
from quart import Blueprint, Response, request

from engine.compile.loaded_graph import LoadedGraph
from engine.documents.hints import Hints
from engine.documents.problem_report import shown
from engine.views import RuntimeView
from proto.execution import Output
from service.http.operation import Query, Reply, operation
from service.http.query import MAX_LIMIT, MAX_OFFSET, bad_query, whole_number
from service.http.sliced_replies import page_reply

PORT = Query("port", "Only what left at this port, such as `output:out`.", {"type": "string"})
AFTER = Query(
    "after",
    "Only outputs with a greater `sequence`: what is new since the last one that the caller has seen.",
    {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
)
LIMIT = Query(
    "limit",
    "At most so many, the oldest first; all of them when absent. No page is longer than 4 MiB.",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
)


class OutputPage(msgspec.Struct, frozen=True, rename="camel"):
    """The last values that left an execution's graph, in the order in which they left.

    Attributes:
        execution_id: the execution.
        total: values that have left, at this port or at all, since the execution began.
        kept: values of them that are still there, the latest of each port.
        gone: values of them that are not: there were too many, or too large ones.
        outputs: this page.
    """

    execution_id: str
    total: int
    kept: int
    gone: int
    outputs: list[Output]


_ID = "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11"
_PAGE = {
    "executionId": _ID,
    "total": 1,
    "kept": 1,
    "gone": 0,
    "outputs": [{"sequence": 1, "node": "output", "port": "out", "value": 42, "lane": "canonical"}],
}


def output_routes(runtime: RuntimeView) -> Blueprint:
    """``GET /api/executions/<id>/outputs``."""
    routes = Blueprint("outputs", __name__, url_prefix="/api/executions")

    @routes.get("/<execution_id>/outputs")
    @operation(
        Reply(200, OutputPage, _PAGE),
        tag="executions",
        summary="The last values that left its graph",
        description="Of each port that no edge leaves the last ones are kept (`KEPT_OUTPUTS`), also after the end "
        "of the execution, as long as that is remembered. A value that is too large is null, with its size.",
        query=(PORT, AFTER, LIMIT),
    )
    async def outputs(execution_id: str) -> Response:
        execution = runtime.execution(execution_id)
        after = whole_number("after", least=0, most=MAX_OFFSET) or 0
        limit = whole_number("limit", least=1, most=MAX_LIMIT)
        place = request.args.get("port")
        if place is not None and execution.graph is not None:
            _check_place(place, execution.graph)
        counts = execution.output_counts(place)
        told = {"total": counts.total, "kept": counts.kept, "gone": counts.total - counts.kept}
        page = islice(execution.outputs(place, after), limit)
        return await page_reply("outputs", page, {"executionId": execution_id, **told})

    return routes


def _check_place(place: str, graph: LoadedGraph) -> None:
    """Refuse a port that the graph does not have.

    Raises:
        UnreadableBodyError: it has none of this name.
    """
    for node in graph.nodes:
        if place.startswith(f"{node.id}:") and place.removeprefix(f"{node.id}:") in node.output_of:
            return
    known = (f"{node.id}:{port}" for node in graph.nodes for port in node.outputs)
    example = Hints().similar(place, known) or f"{graph.nodes[0].id}:{graph.nodes[0].outputs[0]}"
    raise bad_query("port", f"an output port of the graph, such as {shown(example)}", place)
