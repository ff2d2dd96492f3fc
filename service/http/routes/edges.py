"""Routes of an execution's edges: where they lead, how full they are, and what waits on them."""

import msgspec
from quart import Blueprint, Response

from engine.views import RuntimeView
from proto.edge import EdgeSnapshot, WaitingMessage
from service.http.bodies import reply
from service.http.conditions import tagged
from service.http.operation import Reply, operation
from service.http.query import PAGE, page_bounds, page_of
from service.http.sliced_replies import page_reply

SHOWN_BYTES = 16 * 1024
"""Bytes of a value in a list; larger ones are left out there, and come with their own route."""

_ENDED = {409: "The execution has ended; its statistics say what became of its edges."}
_EDGE = {
    "edge": "priced",
    "index": 0,
    "source": "price:out",
    "target": "store:in",
    "sent": 120,
    "waiting": 1,
    "waitingBytes": 13,
    "oldestSequence": 119,
    "peak": 40,
    "dropped": 0,
    "blockedSeconds": 0.25,
    "capacity": 1000,
    "overflow": "block",
    "isHeld": False,
    "tag": "edge-0",
    "sentPerSecond": 12.5,
    "takenPerSecond": 12.4,
    "oldestAgeMs": 80,
    "expired": 0,
    "deadLettered": 0,
    "policy": None,
    "deadLettersOf": None,
}
_MESSAGE = {
    "sequence": 119,
    "lane": "canonical",
    "sizeBytes": 13,
    "value": {"total": 42},
    "isOmitted": False,
    "ageMs": 80,
    "isSynthetic": False,
    "tag": "119-0f3a5b7c9d1e2f40",
}


class EdgeList(msgspec.Struct, frozen=True, rename="camel"):
    """The edges of an execution, in the order of its graph; ``total`` counts all of them, on this page or not."""

    execution_id: str
    total: int
    edges: list[EdgeSnapshot]


class WaitingList(msgspec.Struct, frozen=True, rename="camel"):
    """The messages that wait on an edge, the oldest first; ``total`` counts all of them, on this page or not."""

    execution_id: str
    edge: str
    total: int
    messages: list[WaitingMessage]


def edge_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes under ``/api/executions/<id>/edges``."""
    routes = Blueprint("edges", __name__, url_prefix="/api/executions/<execution_id>/edges")

    @routes.get("")
    @operation(
        Reply(
            200, EdgeList, {"executionId": "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11", "total": 1, "edges": [_EDGE]}
        ),
        tag="executions",
        summary="Its edges: what has passed, what waits, what was held up",
        query=PAGE,
        refusals=_ENDED,
    )
    async def list_all(execution_id: str) -> Response:
        edges = await runtime.execution(execution_id).read_edges()
        return await page_reply("edges", page_of(edges), {"executionId": execution_id, "total": len(edges)})

    @routes.get("/<path:edge>")
    @operation(
        Reply(200, EdgeSnapshot, _EDGE),
        tag="executions",
        summary="One edge, by its id, or by its index where it has none",
        refusals=_ENDED,
    )
    async def show(execution_id: str, edge: str) -> Response:
        snapshot = await runtime.execution(execution_id).read_edge(edge)
        return tagged(reply(snapshot), snapshot.tag)

    @routes.get("/<path:edge>/messages")
    @operation(
        Reply(200, WaitingList),
        tag="executions",
        summary="The messages that wait on an edge, the oldest first",
        description="They stay where they are. A value of more than 16 KiB is null here.",
        query=PAGE,
        refusals=_ENDED,
    )
    async def waiting(execution_id: str, edge: str) -> Response:
        offset, limit = page_bounds()
        messages, total = await runtime.execution(execution_id).read_waiting(edge, SHOWN_BYTES, offset, limit)
        return await page_reply("messages", messages, {"executionId": execution_id, "edge": edge, "total": total})

    @routes.get("/<path:edge>/messages/<sequence>")
    @operation(
        Reply(200, WaitingMessage, _MESSAGE),
        tag="executions",
        summary="One message that waits on an edge, whole",
        refusals=_ENDED,
    )
    async def message(execution_id: str, edge: str, sequence: str) -> Response:
        found = await runtime.execution(execution_id).read_waiting_message(edge, sequence)
        return tagged(reply(found), found.tag)

    return routes
