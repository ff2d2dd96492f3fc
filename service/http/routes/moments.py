"""Routes of moments: an execution as it was, and another one that goes on from there."""

from typing import Annotated, Any, Literal

import msgspec
from quart import Blueprint, Response, request

from engine.errors import GraphNotFoundError
from engine.journal.moment_shown import MESSAGES, MOST_MESSAGES
from engine.views import RuntimeView
from proto.execution import ExecuteOptions, ExecutionError, ExecutionState
from proto.graph import Recording
from proto.moment import MomentReply
from service.auth.scoped_recordings import ScopedRecordings
from service.http.bodies import read_struct, reply
from service.http.operation import Body, Query, Reply, operation
from service.http.query import MAX_OFFSET, bad_query, whole_number

_BASES = ("records", "run")
MOMENT = (
    Query(
        "messages",
        "So many of what waits in each queue are shown at most.",
        {"type": "integer", "minimum": 1, "maximum": MOST_MESSAGES, "default": MESSAGES},
    ),
    Query(
        "basis",
        "`run` to run the recording again up to there, also where every value was noted.",
        {"type": "string", "enum": list(_BASES), "default": "records"},
    ),
)
_AT = (
    "At the level `full` it is put together of the records; at `inputs` the recording is run again up to there, "
    "in simulated time, and nobody is asked. Values of more than 64 KiB are left out, and those beyond 4 MiB."
)
_FORK = (
    "The recording is run again up to there, and the new execution goes on from that moment: in memory, with what "
    "waits then and nothing that came later. Values of what waits may be others, nodes may have other code, and "
    "the graph may be another version or another graph."
)
_REFUSALS = {
    400: "That moment cannot be reached, a value waits nowhere then, or a component is wrong.",
    404: "Nothing was noted of it, or there is no such graph or version.",
    409: "As many executions are under way as may be.",
}
_ID = "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11"


class ForkBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The execution that is wanted.

    Attributes:
        at: the number of the record behind which it goes on.
        values: other values of what waits then, by the numbers of their records.
        components: definitions that take the place of those of their ids, in this execution alone.
        graph: the version of the graph, or ``latest``; the recorded one when absent.
        graph_id: another graph, in its present version where ``graph`` is absent.
        recording: what is noted of the new one.
    """

    at: Annotated[int, msgspec.Meta(ge=0, le=MAX_OFFSET)]
    values: dict[int, msgspec.Raw] = {}
    components: tuple[dict[str, Any], ...] = ()
    graph: Annotated[int, msgspec.Meta(ge=1)] | Literal["latest"] | None = None
    graph_id: str | None = None
    recording: Recording | None = None


class ForkedReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The execution that goes on; ``error`` says why it failed to start."""

    execution_id: str
    graph_id: str
    forked_from: str
    at: int
    state: ExecutionState
    started_at: str | None = None
    error: ExecutionError | None = None


_FORK_BODY = Body(
    (ForkBody,),
    {
        "from there": {"at": 4711},
        "with another message": {"at": 4711, "values": {"4711": {"total": 42}}},
        "with other code": {"at": 4711, "components": [{"id": "own.price"}]},
    },
)
_FORKED = Reply(
    201,
    ForkedReply,
    {"executionId": _ID, "graphId": _ID, "forkedFrom": _ID, "at": 4711, "state": "running"},
)


def moment_routes(runtime: RuntimeView, recordings: ScopedRecordings) -> Blueprint:
    """Make the routes of moments, of executions and of recordings."""
    routes = Blueprint("moments", __name__, url_prefix="/api")

    async def shown(recording_id: str, sequence: str) -> Response:
        basis = request.args.get("basis", "records")
        if basis not in _BASES:
            raise bad_query("basis", "records or run", basis)
        messages = whole_number("messages", least=1, most=MOST_MESSAGES) or MESSAGES
        return reply(await recordings.moment(recording_id, sequence, messages, is_run=basis == "run"))

    async def forked(recording_id: str) -> Response:
        body = await read_struct(ForkBody)
        found = await recordings.cut(recording_id, body.at, body.values)
        head = found.head
        version = None if body.graph_id is not None else head.graph_version
        if body.graph is not None:
            version = None if body.graph == "latest" else body.graph
        options = ExecuteOptions(
            completion=head.completion, parameters=head.parameters, recording=body.recording, durable=False
        )
        graph_id = head.graph_id if body.graph_id is None else body.graph_id
        if runtime.library.graph(graph_id).owner != found.owner:  # nobody's messages go to another's graph
            raise GraphNotFoundError(graph_id)
        execution = await runtime.fork(found.checkpoint, graph_id, version, body.components, options)
        told = ForkedReply(
            execution.id,
            execution.graph_id,
            found.recording_id,
            body.at,
            execution.state,
            execution.started_at,
            execution.error,
        )
        return reply(told, 201, {"Location": f"/api/executions/{execution.id}"})

    @routes.get("/executions/<execution_id>/at/<sequence>")
    @operation(
        Reply(200, MomentReply),
        tag="executions",
        summary="The execution as it was behind one of its records",
        description=_AT,
        query=MOMENT,
        refusals={404: "Nothing was noted of it, or that is no number."},
    )
    async def at(execution_id: str, sequence: str) -> Response:
        return await shown(execution_id, sequence)

    @routes.post("/executions/<execution_id>/fork")
    @operation(
        _FORKED,
        tag="executions",
        summary="Go on from a moment of it, in another execution",
        description=_FORK,
        body=_FORK_BODY,
        refusals=_REFUSALS,
    )
    async def fork(execution_id: str) -> Response:
        return await forked(execution_id)

    @routes.get("/recordings/<recording_id>/at/<sequence>")
    @operation(
        Reply(200, MomentReply),
        tag="executions",
        summary="What was recorded, as it was behind one of its records",
        description=_AT,
        query=MOMENT,
    )
    async def at_of(recording_id: str, sequence: str) -> Response:
        return await shown(recording_id, sequence)

    @routes.post("/recordings/<recording_id>/fork")
    @operation(
        _FORKED,
        tag="executions",
        summary="Go on from a moment of a recording, in an execution",
        description=_FORK,
        body=_FORK_BODY,
        refusals=_REFUSALS,
    )
    async def fork_of(recording_id: str) -> Response:
        return await forked(recording_id)

    return routes
