"""The route that pushes messages into an execution: one, several, or a stream of lines."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import msgspec
import trio
from quart import Blueprint, Response, request

from engine.views import ExecutionView, RuntimeView
from proto.execution import ExecutionError, ExecutionState, Output
from proto.message import Injection, Lane
from proto.problem import Problem
from service.asgi.streamed_body import STREAMED_TYPES
from service.http.bodies import LISTED_MESSAGES, decoded, read_json, reply
from service.http.message_stream import StreamReceipt, inject_stream, read_on, refusal_of_stream
from service.http.operation import Body, Query, Reply, operation
from service.http.query import switch, whole_number
from service.ingress.flow_trace import FlowTrace, TracedOutput, TracedStep
from service.ingress.output_list import OutputList
from service.memory.request_memory import load_of
from service.problems import UnreadableBodyError

MAX_WAIT_MS = 60_000
"""The longest wait that a caller may ask for: as long as common proxies keep a silent request."""

PLATFORM_WAIT_MS = 5_000
"""The wait of an injection by a service of the platform that asks for none: as long as a delivery waits."""

CALLER_HEADER = "x-symbia-caller"
"""The header by which services of the platform say who calls, in every request."""


class OneMessage(Injection, frozen=True, rename="camel"):
    """One message for a node.

    Attributes:
        node_id: the node.
        port: its input port.
        value: any JSON value; it travels as the text that was sent.
        lane: `apocryphal` where its sender does not vouch for it; what follows from it is so too.
        final: whether no further input will come.
    """

    final: bool = False


class SeveralMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several messages, taken in order.

    Attributes:
        messages: the messages in the order in which they are to be processed.
        final: whether no further input will come.
    """

    messages: tuple[Injection, ...]
    final: bool = False


class InjectBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Either of the two, as it is decoded; the messages of several are decoded when they have been counted."""

    node_id: str | msgspec.UnsetType = msgspec.UNSET
    port: str | msgspec.UnsetType = msgspec.UNSET
    value: msgspec.Raw = msgspec.Raw()
    lane: Lane = "canonical"
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    final: bool = False


class InjectedReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The outcome of an injection. The fields from ``state`` on come with ``?wait`` only.

    Attributes:
        success: true.
        accepted: messages that were taken in.
        execution_id: the execution.
        queued: whether it is paused and holds some of them until it is resumed.
        node_id: the node, where one message was sent.
        port: its port, likewise.
        state: the execution's state after the wait.
        drained: whether everything was processed before the wait was over.
        outputs: the last value of each port that no edge leaves, by ``node:port``.
        all_outputs: all of them in the order in which they left, as far as one reply may show them.
        truncated: whether there were more, or larger ones, than it shows.
        trace: the values that were emitted, in order, the first 1,000 of them.
        hops: values that travelled along edges.
        error: the reason why the execution failed, if it did.
    """

    success: bool
    accepted: int
    execution_id: str
    queued: bool
    node_id: str | None = None
    port: str | None = None
    state: ExecutionState | None = None
    drained: bool | None = None
    outputs: dict[str, TracedOutput] | None = None
    all_outputs: list[Output] | None = None
    truncated: bool | None = None
    trace: list[TracedStep] | None = None
    hops: int | None = None
    error: ExecutionError | None = None


INJECTED = {
    "success": True,
    "accepted": 1,
    "executionId": "3f0c…",
    "queued": False,
    "nodeId": "input",
    "port": "in",
}
_MESSAGE = {"nodeId": "input", "port": "in", "value": 21}


def injection_routes(runtime: RuntimeView, *, max_line_bytes: int) -> Blueprint:
    """``POST /api/executions/<id>/inject``."""
    routes = Blueprint("injection", __name__, url_prefix="/api/executions")

    @routes.post("/<execution_id>/inject")
    @operation(
        Reply(200, InjectedReply, INJECTED),
        tag="executions",
        summary="Push messages into an execution",
        description=(
            "One message, several, or a stream of JSON lines of any length, which is read only as fast as the "
            "graph takes it. Of a stream that is refused, `accepted` says how many messages were taken in, and "
            "`line` which line was refused. With `wait` the reply comes when everything has been processed, or "
            "when the time is over, and shows what left the graph; what others inject meanwhile is seen as well. "
            f"Services of the platform (`{CALLER_HEADER}`) wait {PLATFORM_WAIT_MS} ms where they do not say."
        ),
        body=Body(
            (OneMessage, SeveralMessages),
            {
                "one message": _MESSAGE,
                "several": {"messages": [_MESSAGE, {**_MESSAGE, "value": 22}], "final": True},
            },
            lines=Injection,
        ),
        query=(
            Query(
                "wait",
                "Milliseconds to wait until everything is processed; the reply then has outputs, trace and hops.",
                {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_MS},
            ),
            Query("final", "Whether no further input will come.", {"type": "boolean", "default": False}),
        ),
        refusals={
            409: "The execution takes no messages in its present state.",
            429: "A queue stayed full; `accepted` says how many messages were taken in.",
        },
    )
    async def inject(execution_id: str) -> Response:
        wait_ms = whole_number("wait", least=0, most=MAX_WAIT_MS)
        is_final = switch("final")
        execution = runtime.execution(execution_id)  # an unknown one is refused before anything is read
        if request.mimetype not in STREAMED_TYPES:
            wait_ms = wait_of(wait_ms, request.headers.get(CALLER_HEADER))
            with followed(execution, wait_ms) as trace:
                taken = await take_body(execution, await read_json(), is_final=is_final)
                return reply(await outcome(execution, execution_id, taken, wait_ms, trace))
        receipt = StreamReceipt()
        try:
            with followed(execution, wait_ms) as trace:
                load = load_of(request.scope)
                await inject_stream(runtime, execution_id, request.body, receipt, max_line_bytes, load)
                if is_final:
                    await execution.inject((), final=True)
                taken = Taken(receipt, None, is_final)
                return reply(await outcome(execution, execution_id, taken, wait_ms, trace))
        except Exception as error:  # noqa: BLE001 - every refusal has to say what was taken in before
            await read_on(request.body)
            return refusal_of_stream(error, receipt)

    return routes


def wait_of(asked_ms: int | None, caller: str | bytes | None) -> int | None:
    """Return how long an injection is to wait: as it asks, or as its caller is used to; None for not at all.

    The platform's own runtime answers every injection with what came of it, and its services read that. They are
    told apart by the header that all of them send (docs/decisions/0160).

    Args:
        asked_ms: what the request asks for; None where it does not.
        caller: what it says in ``CALLER_HEADER``.
    """
    return PLATFORM_WAIT_MS if asked_ms is None and caller else asked_ms


class Taken(msgspec.Struct, frozen=True):
    """All that was taken in: how much, the one message where it was alone, and whether no more comes."""

    receipt: StreamReceipt
    single: Injection | None
    is_final: bool


async def take_body(execution: ExecutionView, body: bytes, *, is_final: bool) -> Taken:
    """Take in the messages of a JSON body.

    Raises:
        UnreadableBodyError: it has none.
        EngineError: they are refused.
    """
    content = await decoded(body, InjectBody, max_elements=None)
    messages = await _messages(content)
    is_final = is_final or content.final
    taken = await execution.inject(messages, final=is_final)
    single = messages[0] if content.messages is msgspec.UNSET else None
    return Taken(StreamReceipt(taken.accepted, taken.queued), single, is_final)


@contextmanager
def followed(execution: ExecutionView, wait_ms: int | None) -> Iterator[FlowTrace | None]:
    """Follow an execution while messages are taken in, and what they cause is waited for.

    One that has ended is not followed: the injection itself is refused then.

    Args:
        execution: as the caller may see it.
        wait_ms: how long the caller wants to wait; None for not at all, and then there is no trace.
    """
    if wait_ms is None:
        yield None
        return
    with (
        closing(OutputList(execution.open_account())) as listed,
        closing(FlowTrace(execution.open_account(), listed, execution.output_count)) as trace,
    ):
        if execution.head().completed_at is not None:
            yield trace
            return
        with execution.watch(trace):
            yield trace


async def outcome(
    execution: ExecutionView, execution_id: str, taken: Taken, wait_ms: int | None, trace: FlowTrace | None
) -> InjectedReply:
    """Return what became of messages that were taken in; first wait for what they cause, if the caller wants that.

    Args:
        execution: as the caller may see it.
        execution_id: its id.
        taken: what was taken in.
        wait_ms: how long to wait; None for not at all, and then nothing is said of what they cause.
        trace: of the same wait (:func:`followed`).
    """
    accepted = InjectedReply(
        success=True,
        accepted=taken.receipt.accepted,
        execution_id=execution_id,
        queued=taken.receipt.queued,
        node_id=taken.single.node_id if taken.single else None,
        port=taken.single.port if taken.single else None,
    )
    if wait_ms is None or trace is None:
        return accepted
    is_drained = not taken.receipt.queued and await _drained(execution, wait_ms, is_final=taken.is_final)
    snapshot = execution.head()
    return msgspec.structs.replace(
        accepted,
        state=snapshot.state,
        drained=is_drained and snapshot.state is not ExecutionState.FAILED and not snapshot.unprocessed,
        outputs=trace.outputs,
        all_outputs=trace.listed.entries,
        truncated=trace.listed.is_truncated,
        trace=trace.steps,
        hops=trace.hops,
        error=snapshot.error,
    )


async def _drained(execution: ExecutionView, wait_ms: int, *, is_final: bool) -> bool:
    """Return whether all was processed in time; after the last input also what was held until the end."""
    with trio.move_on_after(wait_ms / 1000) as scope:
        await (execution.wait_finished() if is_final else execution.wait_quiescent())
    return not scope.cancelled_caught


async def _messages(body: InjectBody) -> tuple[Injection, ...]:
    """Return the messages of a body, which must be one of the two forms."""
    several = body.messages
    alone = body.node_id is not msgspec.UNSET or body.port is not msgspec.UNSET or len(body.value) > 0
    if several is not msgspec.UNSET:
        if alone:
            raise _missing("Send either nodeId, port and value, or messages, not both", "messages")
        return await decoded(bytes(several), tuple[Injection, ...], max_items=LISTED_MESSAGES, place="messages")
    if body.port is msgspec.UNSET:
        raise _missing("nodeId and port are required", "port")
    if not body.value:
        raise _missing("value is required; send null for none", "value")
    node_id = "" if body.node_id is msgspec.UNSET else body.node_id  # of the graph's own ports
    return (Injection(node_id=node_id, port=body.port, value=body.value, lane=body.lane),)


def _missing(message: str, path: str) -> UnreadableBodyError:
    return UnreadableBodyError(message, [Problem(code="body.shape", path=path, message=message)])
