"""The route that delivers messages to a graph by its name, through the gate of its ingress."""

import msgspec
from quart import Blueprint, Response

from proto.execution import Output
from service.http.bodies import read_json, reply, values_in
from service.http.operation import Body, Query, Reply, operation
from service.http.query import whole_number
from service.http.routes.injection import MAX_WAIT_MS, PLATFORM_WAIT_MS
from service.ingress.delivery import Door, IngressDelivery
from service.ingress.flow_trace import TracedOutput
from service.problems import IngressRefusedBody, PartlyAcceptedBody

DEFAULT_WAIT_MS = PLATFORM_WAIT_MS
"""The wait of a delivery for its outputs where its caller does not say; the platform waits for ten seconds."""

MAX_BATCH_MESSAGES = 10_000
"""Messages in one request. Each is seen through before the next; streams of more belong to an injection."""


class DeliveredReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The outcome of a delivery.

    Attributes:
        success: true.
        execution_id: the execution that got the messages.
        delivered: messages that were taken in.
        outputs: the value that the last message with any output left at each, by ``node:port``.
        all_outputs: all outputs of all messages in the order in which they left, as far as one reply may show.
        truncated: whether there were more, or larger ones, than it shows.
        hops: values that travelled along edges, of all messages.
        drained: whether everything was processed before the wait was over.
        queued: whether the execution was paused meanwhile and holds some of them.
    """

    success: bool
    execution_id: str
    delivered: int
    outputs: dict[str, TracedOutput]
    hops: int
    drained: bool
    all_outputs: list[Output]
    truncated: bool
    queued: bool = False


_DELIVERED = {
    "success": True,
    "executionId": "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11",
    "delivered": 1,
    "outputs": {"output:out": {"value": 42}},
    "hops": 2,
    "drained": True,
    "allOutputs": [{"sequence": 1, "node": "output", "port": "out", "value": 42, "lane": "canonical"}],
    "truncated": False,
}


def ingress_routes(delivery: IngressDelivery) -> Blueprint:
    """``POST /api/ingress/<name>``; a name may have slashes in it."""
    routes = Blueprint("ingress", __name__, url_prefix="/api/ingress")

    @routes.post("/<path:graph_name>")
    @operation(
        Reply(200, DeliveredReply, _DELIVERED),
        tag="executions",
        summary="Deliver messages to the newest running execution of a graph, by the graph's name",
        description=(
            "The body is one message, any JSON value, and `{}` where it is left away; an array is a batch, whose "
            "items are delivered in order, each when the one before has been seen through. They enter where the "
            "graph's `metadata.ingress` says. The reply comes when everything has been processed, or when the "
            "wait is over."
        ),
        body=Body(
            (msgspec.Raw,),
            {"one message": {"orderId": 7, "total": 12.5}, "a batch": [{"orderId": 8}, {}]},
            required=False,
        ),
        query=(
            Query(
                "wait",
                "Milliseconds to wait for the outputs in all; 0 for not at all.",
                {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_MS, "default": DEFAULT_WAIT_MS},
            ),
        ),
        refusals={
            403: "The gate refuses the caller; `ingress` says what is required.",
            404: "No graph of this name is loaded.",
            409: "The graph has no running execution, or it ended meanwhile.",
            429: "A queue stayed full; `accepted` says how many messages were taken in.",
        },
        refusal_shapes={403: IngressRefusedBody, 409: PartlyAcceptedBody},
    )
    async def deliver(graph_name: str) -> Response:
        door = delivery.door(graph_name)  # before anything is read of a caller who may not deliver
        wait_ms = whole_number("wait", least=0, most=MAX_WAIT_MS)
        return reply(await delivered(delivery, door, await read_json(), wait_ms))

    return routes


async def delivered(delivery: IngressDelivery, door: Door, body: bytes, wait_ms: int | None) -> DeliveredReply:
    """Deliver the messages of a body to a graph.

    Args:
        delivery: the way to it.
        door: of the graph, for the present caller.
        body: one JSON value, or an array of them.
        wait_ms: how long to wait for the outputs; ``DEFAULT_WAIT_MS`` when None.

    Raises:
        UnreadableBodyError: the body cannot be read, or has too many messages.
        EngineError: the messages are refused.
    """
    values, is_batch = await values_in(body, MAX_BATCH_MESSAGES)
    done = await delivery.deliver(
        door, values, is_batch=is_batch, wait_ms=DEFAULT_WAIT_MS if wait_ms is None else wait_ms
    )
    return DeliveredReply(
        success=True,
        execution_id=done.execution_id,
        delivered=done.count,
        outputs=done.outputs,
        hops=done.hops,
        drained=done.drained,
        all_outputs=done.listed,
        truncated=done.is_truncated,
        queued=done.queued,
    )
