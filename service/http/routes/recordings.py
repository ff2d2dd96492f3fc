"""Routes of recordings: what happened, what came of what, the file, and running it again."""

from typing import Any

import msgspec
from quart import Blueprint, Response, request

from engine.journal.history import MOST_PAGE_RECORDS, PAGE_RECORDS, Filter
from engine.journal.records import KINDS
from engine.replaying.replay import Against, ReplayOptions
from engine.views import RuntimeView
from proto.graph import Recording
from proto.recording import HistoryRecord, LineageReply, RecordingSummary, ReplayReply
from service.auth.scoped_recordings import ScopedRecordings
from service.http.bodies import nothing, read_octets, read_struct, reply
from service.http.operation import Body, Query, Reply, operation
from service.http.query import MAX_OFFSET, PAGE, bad_query, page_of, whole_number
from service.http.sliced_replies import page_reply

RECORDING_TYPE = "application/vnd.symbia.recording"

_NUMBER = {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}
HISTORY = (
    Query(
        "node",
        "Only records of this node, or of all nodes of the graph inside with this path.",
        {"type": "string"},
    ),
    Query("edge", "Only values along this edge: its id, or its index.", {"type": "string"}),
    Query(
        "kind",
        f"Only records of these kinds, with commas between: {', '.join(KINDS.values())}.",
        {"type": "string"},
    ),
    Query("from", "From the record of this number on.", {**_NUMBER, "default": 0}),
    Query("to", "Up to the record of this number.", _NUMBER),
    Query(
        "limit",
        "At most so many; no page is longer than 4 MiB.",
        {"type": "integer", "minimum": 1, "maximum": MOST_PAGE_RECORDS, "default": PAGE_RECORDS},
    ),
)
_NOTHING_NOTED = {404: "Nothing was noted of it, or nothing of it is kept any more."}
_ID = "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11"
_RECORD = {
    "sequence": 4711,
    "kind": "emitted",
    "timeMs": 1796073756866.25,
    "nodeId": "price",
    "port": "out",
    "edge": 2,
    "targetNodeId": "store",
    "targetPort": "in",
    "value": {"total": 42},
    "cause": 4709,
}
_SUMMARY = {
    "id": _ID,
    "executionId": _ID,
    "graphId": "0b9f1c86-6c1b-4a57-9be0-2d7d5f7fb1aa",
    "graphName": "Orders",
    "graphVersion": 3,
    "level": "full",
    "state": "ended",
    "first": 1,
    "last": 9120,
    "sizeBytes": 181220,
    "lost": 0,
    "isComplete": True,
    "beganMs": 1796073756866,
    "endedMs": 1796073816866,
}


class HistoryReply(msgspec.Struct, frozen=True, rename="camel"):
    """A page of records, in their order; ``following`` is the number to go on from, 0 after the last page."""

    recording_id: str
    following: int
    records: list[HistoryRecord]


class RecordingList(msgspec.Struct, frozen=True):
    """Recordings, in the order in which they began; ``total`` counts all of them, on this page or not."""

    total: int
    recordings: list[RecordingSummary]


class RecordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that says what is to be noted from now on: ``off`` for nothing more."""

    level: Recording


class RecordReply(msgspec.Struct, frozen=True, rename="camel"):
    """The level at which an execution is noted now."""

    execution_id: str
    level: Recording


class ReplayBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ways in which a recording is run again; all may be left away.

    Attributes:
        since: the number of the first record that is compared.
        until: the number of the last record that is lived through.
        against: ``recording`` or ``rerun``: with what it is compared.
        components: definitions that take the place of those that were recorded, by their ids.
    """

    since: int = msgspec.field(default=0, name="from")
    until: int | None = msgspec.field(default=None, name="to")
    against: Against | None = None
    components: tuple[dict[str, Any], ...] = ()


_REPLAY_BODY = Body(
    (ReplayBody,), {"another version of a component": {"components": [{"id": "own.price"}]}}, required=False
)
_REPLAYED = Reply(200, ReplayReply)
_REPLAY = (
    "The recorded inputs go through the graph again, in simulated time and in a process of its own; nobody "
    "outside is asked. The first difference of each node is listed, the earliest first."
)


def recording_routes(runtime: RuntimeView, recordings: ScopedRecordings) -> Blueprint:
    """Make the routes under ``/api/recordings``, and those of an execution's own recording."""
    routes = Blueprint("recordings", __name__, url_prefix="/api")

    async def replayed(recording_id: str) -> Response:
        body = await read_struct(ReplayBody, empty=ReplayBody())
        options = ReplayOptions(
            components=body.components, until=body.until, since=body.since, against=body.against
        )
        return reply(await recordings.replay(recording_id, options))

    async def shown(recording_id: str) -> Response:
        page = await recordings.history(recording_id, _wanted())
        return await page_reply(
            "records", page.records, {"recordingId": recording_id, "following": page.following}
        )

    async def as_file(recording_id: str) -> Response:
        content = await recordings.file(recording_id)
        name = f'attachment; filename="{recordings.summary(recording_id).id}.recording"'
        return Response(content, content_type=RECORDING_TYPE, headers={"Content-Disposition": name})

    @routes.get("/executions/<execution_id>/history")
    @operation(
        Reply(200, HistoryReply, {"recordingId": _ID, "following": 0, "records": [_RECORD]}),
        tag="executions",
        summary="Its records: what happened, in order",
        query=HISTORY,
        refusals=_NOTHING_NOTED,
    )
    async def history(execution_id: str) -> Response:
        return await shown(execution_id)

    @routes.get("/executions/<execution_id>/messages/<sequence>/lineage")
    @operation(
        Reply(200, LineageReply),
        tag="executions",
        summary="What a message came of, and what came of it",
        description="Across branches, joins and what was held in between; whole at the level `full` only.",
        refusals={404: "Nothing was noted of it, or there is no record of this number."},
    )
    async def lineage(execution_id: str, sequence: str) -> Response:
        return reply(await recordings.lineage(execution_id, sequence))

    @routes.get("/executions/<execution_id>/recording")
    @operation(
        Reply(200, content_type=RECORDING_TYPE, description="The file: docs/recordings.md."),
        tag="executions",
        summary="Its recording as one file",
        refusals=_NOTHING_NOTED,
    )
    async def recording(execution_id: str) -> Response:
        return await as_file(execution_id)

    @routes.put("/executions/<execution_id>/recording")
    @operation(
        Reply(200, RecordReply, {"executionId": _ID, "level": "full"}),
        tag="executions",
        summary="Take note of what happens from now on, or no more",
        description="What was noted before goes, unless the level is `off`.",
        body=Body((RecordBody,), {"everything": {"level": "full"}}),
        refusals={409: "The execution has ended."},
    )
    async def record(execution_id: str) -> Response:
        body = await read_struct(RecordBody)
        runtime.execution(execution_id).record(body.level)
        return reply(RecordReply(execution_id, body.level))

    @routes.post("/executions/<execution_id>/replay")
    @operation(
        _REPLAYED,
        tag="executions",
        summary="Run its recording again, and compare",
        description=_REPLAY,
        body=_REPLAY_BODY,
        refusals=_NOTHING_NOTED,
    )
    async def replay_execution(execution_id: str) -> Response:
        return await replayed(execution_id)

    @routes.get("/recordings")
    @operation(
        Reply(200, RecordingList, {"total": 1, "recordings": [_SUMMARY]}),
        tag="executions",
        summary="List recordings",
        query=PAGE,
    )
    async def list_all() -> Response:
        summaries = recordings.summaries()
        return await page_reply("recordings", page_of(summaries), {"total": len(summaries)})

    @routes.post("/recordings")
    @operation(
        Reply(201, RecordingSummary, _SUMMARY),
        tag="executions",
        summary="Keep a recording that was made elsewhere",
        description=f"The body is the file, as `{RECORDING_TYPE}` or `application/octet-stream`.",
        body=Body((), octets=(RECORDING_TYPE, "application/octet-stream")),
        refusals={400: "It is no recording, damaged, or of a later version."},
    )
    async def take_in() -> Response:
        recordings.check_taking_in()
        summary = await recordings.take_in(await read_octets(RECORDING_TYPE))
        return reply(summary, 201, {"Location": f"/api/recordings/{summary.id}"})

    @routes.get("/recordings/<recording_id>")
    @operation(Reply(200, RecordingSummary, _SUMMARY), tag="executions", summary="Show a recording")
    async def show(recording_id: str) -> Response:
        return reply(recordings.summary(recording_id))

    @routes.get("/recordings/<recording_id>/history")
    @operation(
        Reply(200, HistoryReply, {"recordingId": _ID, "following": 0, "records": [_RECORD]}),
        tag="executions",
        summary="The records of a recording",
        query=HISTORY,
    )
    async def history_of(recording_id: str) -> Response:
        return await shown(recording_id)

    @routes.get("/recordings/<recording_id>/file")
    @operation(
        Reply(200, content_type=RECORDING_TYPE, description="The file: docs/recordings.md."),
        tag="executions",
        summary="A recording as one file",
    )
    async def file_of(recording_id: str) -> Response:
        return await as_file(recording_id)

    @routes.post("/recordings/<recording_id>/replay")
    @operation(
        _REPLAYED,
        tag="executions",
        summary="Run a recording again, and compare",
        description=_REPLAY,
        body=_REPLAY_BODY,
    )
    async def replay_recording(recording_id: str) -> Response:
        return await replayed(recording_id)

    @routes.delete("/recordings/<recording_id>")
    @operation(Reply(204), tag="executions", summary="Let go of a recording")
    async def remove(recording_id: str) -> Response:
        recordings.remove(recording_id)
        return nothing()

    return routes


def _wanted() -> Filter:
    """Return which records the request asks for.

    Raises:
        UnreadableBodyError: a parameter is no such.
    """
    asked = request.args.get("kind", "")
    kinds = frozenset(asked.split(",")) if asked else frozenset()
    known = ", ".join(KINDS.values())
    if not kinds <= set(KINDS.values()):
        raise bad_query("kind", f"some of {known}, with commas between", asked)
    return Filter(
        node=request.args.get("node", ""),
        edge=request.args.get("edge", ""),
        kinds=kinds,
        first=whole_number("from", least=0, most=MAX_OFFSET) or 0,
        last=MAX_OFFSET if (last := whole_number("to", least=0, most=MAX_OFFSET)) is None else last,
        limit=whole_number("limit", least=1, most=MOST_PAGE_RECORDS) or PAGE_RECORDS,
    )
