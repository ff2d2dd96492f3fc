"""The route that pushes messages into an execution: one, several, or a stream of lines."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import msgspec
import trio
from quart import Blueprint, Response, request

from engine.runtime import Runtime
from proto.execution import ExecutionError, ExecutionState
from proto.message import Injection, Lane
from proto.problem import Problem
from service.exchange import read_struct, reply
from service.flow_trace import FlowTrace, Output, Step
from service.message_stream import Receipt, inject_stream, read_on, refusal_of_stream
from service.operation import Body, Query, Reply, operation
from service.paging import switch, whole_number
from service.problems import UnreadableBodyError
from service.streaming import STREAMED_TYPES

MAX_WAIT_MS = 60_000
"""How long a caller may ask to wait: as long as common proxies keep a silent request."""


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


class SeveralMessages(msgspec.Struct, frozen=True):
    """Several messages, taken in order.

    Attributes:
        messages: in the order in which they are to be processed.
        final: whether no further input will come.
    """

    messages: tuple[Injection, ...]
    final: bool = False


class InjectBody(msgspec.Struct, frozen=True, rename="camel"):
    """Either of the two, as it is decoded."""

    node_id: str | msgspec.UnsetType = msgspec.UNSET
    port: str | msgspec.UnsetType = msgspec.UNSET
    value: msgspec.Raw = msgspec.Raw()
    lane: Lane = "canonical"
    messages: tuple[Injection, ...] | msgspec.UnsetType = msgspec.UNSET
    final: bool = False


class InjectedReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What became of an injection. The fields from ``state`` on come with ``?wait`` only.

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
        trace: the values that were emitted, in order, the first 1,000 of them.
        hops: values that travelled along edges.
        error: why the execution failed, if it did.
    """

    success: bool
    accepted: int
    execution_id: str
    queued: bool
    node_id: str | None = None
    port: str | None = None
    state: ExecutionState | None = None
    drained: bool | None = None
    outputs: dict[str, Output] | None = None
    trace: list[Step] | None = None
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


def injection_routes(runtime: Runtime, *, max_line_bytes: int) -> Blueprint:
    """``POST /api/executions/<id>/inject``."""
    routes = Blueprint("injection", __name__, url_prefix="/api/executions")

    @routes.post("/<execution_id>/inject")
    @operation(
        "injectMessages",
        Reply(200, InjectedReply, INJECTED),
        tag="executions",
        summary="Push messages into an execution",
        description=(
            "One message, several, or a stream of JSON lines of any length, which is read only as fast as the "
            "graph takes it. Of a stream that is refused, `accepted` says how many messages were taken in, and "
            "`line` which line was refused. With `wait` the reply comes when everything has been processed, or "
            "when the time is over, and shows what left the graph; what others inject meanwhile is seen as well."
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
        trace = None if wait_ms is None else FlowTrace()
        with nullcontext() if trace is None else _watching(runtime, execution_id, trace):
            if request.mimetype in STREAMED_TYPES:
                runtime.execution(execution_id)  # an unknown one is refused before anything is read
                receipt = Receipt()
                try:
                    await inject_stream(runtime, execution_id, request.body, receipt, max_line_bytes)
                    if is_final:
                        await runtime.inject(execution_id, (), final=True)
                except Exception as error:  # noqa: BLE001 - every refusal has to say what was taken in before
                    await read_on(request.body)
                    return refusal_of_stream(error, receipt)
                single = None
            else:
                body = await read_struct(InjectBody, holds_raw_values=True)
                messages = _messages(body)
                is_final = is_final or body.final
                taken = await runtime.inject(execution_id, messages, final=is_final)
                receipt = Receipt(taken.accepted, taken.queued)
                single = messages[0] if body.messages is msgspec.UNSET else None
            answer = InjectedReply(
                success=True,
                accepted=receipt.accepted,
                execution_id=execution_id,
                queued=receipt.queued,
                node_id=single.node_id if single else None,
                port=single.port if single else None,
            )
            if trace is None or wait_ms is None:
                return reply(answer)
            is_drained = not receipt.queued and await _drained(runtime, execution_id, wait_ms, is_final=is_final)
        snapshot = runtime.execution(execution_id)
        shown = msgspec.structs.replace(
            answer,
            state=snapshot.state,
            drained=is_drained and not snapshot.unprocessed,
            outputs=trace.outputs,
            trace=trace.steps,
            hops=trace.hops,
            error=snapshot.error,
        )
        return reply(shown)

    return routes


@contextmanager
def _watching(runtime: Runtime, execution_id: str, trace: FlowTrace) -> Iterator[None]:
    """Watch an execution if it has not ended; otherwise let the injection itself be refused."""
    if runtime.execution(execution_id).completed_at is not None:
        yield
        return
    with runtime.watch(execution_id, trace):
        yield


async def _drained(runtime: Runtime, execution_id: str, wait_ms: int, *, is_final: bool) -> bool:
    """Whether all was processed in time. After the last input that is the end, which gives out what was held."""
    with trio.move_on_after(wait_ms / 1000) as scope:
        await (runtime.wait_finished if is_final else runtime.wait_quiescent)(execution_id)
    return not scope.cancelled_caught


def _messages(body: InjectBody) -> tuple[Injection, ...]:
    """The messages of a body, which must be one of the two forms."""
    several = body.messages
    alone = body.node_id is not msgspec.UNSET or body.port is not msgspec.UNSET or len(body.value) > 0
    if several is not msgspec.UNSET:
        if alone:
            raise _missing("Send either nodeId, port and value, or messages, not both", "messages")
        return several
    if body.node_id is msgspec.UNSET or body.port is msgspec.UNSET:
        raise _missing("nodeId and port are required", "port" if body.port is msgspec.UNSET else "nodeId")
    if not body.value:
        raise _missing("value is required; send null for none", "value")
    return (Injection(node_id=body.node_id, port=body.port, value=body.value, lane=body.lane),)


def _missing(message: str, path: str) -> UnreadableBodyError:
    return UnreadableBodyError(message, [Problem(code="body.shape", path=path, message=message)])
