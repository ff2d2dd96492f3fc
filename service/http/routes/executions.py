"""Routes of executions: list, show, metrics, statistics, logs; pause, resume, complete, stop, forget."""

import time
from datetime import datetime

import msgspec
from msgspec.structs import asdict
from quart import Blueprint, Response, request

from engine.views import RuntimeView
from proto.bottleneck import BottleneckReport
from proto.execution import ExecutionMetrics, ExecutionSnapshot, ExecutionState, ListedExecution, LogEntry
from proto.statistics import ExecutionStatistics, NodeLatency
from service.http.bodies import nothing, read_struct, reply
from service.http.operation import Body, Query, Reply, operation
from service.http.query import DETAIL, LOG_PAGE, PAGE, STATE, page_bounds, page_of, switch, wanted_state, wants_all
from service.http.sliced_replies import page_reply, sliced_reply
from service.http.under import UNDER, instances_under, is_under, statistics_under
from service.problems import MetricsDisabledError


class ShortMetrics(msgspec.Struct, frozen=True, rename="camel"):
    """The counters of an execution in a list."""

    messages_processed: int
    messages_emitted: int
    component_invocations: int
    avg_latency_ms: float
    error_count: int


class ShortExecution(ListedExecution, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An execution as lists have it: with the counters that the platform's own runtime lists."""

    metrics: ShortMetrics  # type: ignore[assignment]  # some of the same counters


class ExecutionList(msgspec.Struct, frozen=True):
    """Executions, oldest first; ``total`` counts all that fit the filters, on this page or not."""

    executions: list[ShortExecution]
    total: int


class FullExecutionList(msgspec.Struct, frozen=True):
    """The same with ``?detail=full``."""

    executions: list[ListedExecution]
    total: int


class MetricsReply(ExecutionMetrics, frozen=True, kw_only=True, rename="camel"):
    """The counters of an execution, with its state and the milliseconds that it has run."""

    execution_id: str
    state: ExecutionState
    uptime_ms: int


class LogList(msgspec.Struct, frozen=True, rename="camel"):
    """The lines that the components of an execution logged, oldest first.

    Attributes:
        execution_id: the execution.
        total: lines that were logged, on this page or not, kept or not.
        kept: lines of them that are still there, the latest.
        dropped: lines of them that are not: there were too many, or too large ones.
        logs: this page.
    """

    execution_id: str
    total: int
    kept: int
    dropped: int
    logs: list[LogEntry]


class NoFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a command that takes no fields; it may be left away."""


class StopBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a stop; it may be left away.

    Attributes:
        drain: whether to process first what it holds; the same as the query parameter, either is enough.
    """

    drain: bool = False


class StateReply(msgspec.Struct, frozen=True, rename="camel"):
    """The state of an execution after a command."""

    execution_id: str
    state: ExecutionState


class StopReply(StateReply, frozen=True, kw_only=True, rename="camel"):
    """The state of an execution that has ended, and how many messages it had accepted and not finished."""

    unprocessed: int


_ID = "9d2c6f0e-5a41-4a55-8f6b-0f4a2f7d1c11"
_RUNNING = {"executionId": _ID, "state": "running"}
_NO_FIELDS = Body((NoFields,), required=False)
_COMMAND = {409: "The command does not fit the state; the message names it."}


def execution_routes(runtime: RuntimeView, *, metrics_enabled: bool) -> Blueprint:
    """Make the routes under ``/api/executions``, apart from the injection."""
    routes = Blueprint("executions", __name__, url_prefix="/api/executions")

    @routes.get("")
    @operation(
        Reply(200, ExecutionList),
        Reply(200, FullExecutionList),
        tag="executions",
        summary="List executions, those that have ended included",
        query=(*PAGE, DETAIL, STATE, Query("graphId", "Only executions of this graph.", {"type": "string"})),
    )
    async def list_all() -> Response:
        offset, limit = page_bounds()
        page, total = await runtime.list_executions(
            state=wanted_state(), graph_id=request.args.get("graphId"), offset=offset, limit=limit
        )
        return await page_reply("executions", page if wants_all() else map(_short, page), {"total": total})

    @routes.get("/<execution_id>")
    @operation(
        Reply(200, ExecutionSnapshot),
        tag="executions",
        summary="Show an execution with its instances",
        query=(UNDER,),
    )
    async def show(execution_id: str) -> Response:
        return await sliced_reply(instances_under(await runtime.execution(execution_id).read_snapshot()))

    @routes.delete("/<execution_id>")
    @operation(
        Reply(204),
        tag="executions",
        summary="Stop an execution, if it has not ended, and forget it",
    )
    async def forget(execution_id: str) -> Response:
        await runtime.execution(execution_id).forget()
        return nothing()

    @routes.get("/<execution_id>/metrics")
    @operation(
        Reply(200, MetricsReply),
        tag="executions",
        summary="The counters of an execution, its state and its time",
        description="404 also where the operator has switched metrics off.",
    )
    async def metrics(execution_id: str) -> Response:
        if not metrics_enabled:
            raise MetricsDisabledError("Metrics are switched off by ENABLE_METRICS=false")
        execution = await runtime.execution(execution_id).read_metrics()
        counters = msgspec.structs.asdict(execution.metrics)
        uptime_ms = _uptime_ms(execution)
        return reply(
            MetricsReply(**counters, execution_id=execution.id, state=execution.state, uptime_ms=uptime_ms)
        )

    @routes.get("/<execution_id>/statistics")
    @operation(
        Reply(200, ExecutionStatistics),
        tag="executions",
        summary="Where the messages of an execution are, and what holds them up",
        query=(UNDER,),
    )
    async def statistics(execution_id: str) -> Response:
        return await sliced_reply(statistics_under(await runtime.execution(execution_id).read_statistics()))

    @routes.get("/<execution_id>/bottleneck")
    @operation(
        Reply(200, BottleneckReport),
        tag="executions",
        summary="What holds an execution up, ranked, with the cause in words and the evidence",
        description="Of the time since somebody last asked, one second at least; the first time, since it began.",
        refusals={409: "The execution has ended; its statistics say where its time went."},
    )
    async def bottleneck(execution_id: str) -> Response:
        return reply(await runtime.execution(execution_id).read_bottlenecks())

    @routes.get("/<execution_id>/nodes/<path:node_id>/latency")
    @operation(
        Reply(200, NodeLatency),
        tag="executions",
        summary="How long the invocations of a node took, by doublings",
        refusals={409: "The execution has ended; its statistics have the percentiles."},
    )
    async def latency(execution_id: str, node_id: str) -> Response:
        return reply(runtime.execution(execution_id).node_latency(node_id))

    @routes.get("/<execution_id>/logs")
    @operation(
        Reply(200, LogList),
        tag="executions",
        summary="The latest lines that its components logged",
        query=(*LOG_PAGE, UNDER),
        description="With `under`, lines of other nodes are left out of the page; the counts are of all lines.",
    )
    async def logs(execution_id: str) -> Response:
        execution = runtime.execution(execution_id)
        entries, logged = execution.logs(), execution.logged
        dropped = logged - len(entries)
        counts = {"executionId": execution_id, "total": logged, "kept": len(entries), "dropped": dropped}
        wanted = is_under()
        page = [entry for entry in page_of(entries, dropped) if wanted(entry.node_id)]
        return await page_reply("logs", page, counts)

    @routes.post("/<execution_id>/pause")
    @operation(
        Reply(200, StateReply, {"executionId": _ID, "state": "paused"}),
        tag="executions",
        summary="Hold its messages; when this answers no handler runs",
        body=_NO_FIELDS,
        refusals=_COMMAND,
    )
    async def pause(execution_id: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return reply(_state(await runtime.execution(execution_id).pause()))

    @routes.post("/<execution_id>/resume")
    @operation(
        Reply(200, StateReply, _RUNNING),
        tag="executions",
        summary="Let it go on, with what it holds first",
        body=_NO_FIELDS,
        refusals=_COMMAND,
    )
    async def resume(execution_id: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return reply(_state(await runtime.execution(execution_id).resume()))

    @routes.post("/<execution_id>/complete")
    @operation(
        Reply(200, StateReply, _RUNNING),
        tag="executions",
        summary="Say that no more input comes; it ends when it has drained",
        body=_NO_FIELDS,
        refusals=_COMMAND,
    )
    async def complete(execution_id: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return reply(_state(await runtime.execution(execution_id).complete()))

    @routes.post("/<execution_id>/stop")
    @operation(
        Reply(200, StopReply, {"executionId": _ID, "state": "cancelled", "unprocessed": 2}),
        tag="executions",
        summary="End it at once, or after it has drained",
        query=(Query("drain", "Whether to process first what it holds.", {"type": "boolean", "default": False}),),
        body=Body((StopBody,), {"let it drain": {"drain": True}}, required=False),
        refusals=_COMMAND,
    )
    async def stop(execution_id: str) -> Response:
        body = await read_struct(StopBody, empty=StopBody())
        drain = switch("drain") or body.drain
        ended = await runtime.execution(execution_id).stop(drain=drain)
        return reply(StopReply(ended.id, ended.state, unprocessed=ended.unprocessed))

    return routes


def _short(execution: ListedExecution) -> ShortExecution:
    counted = execution.metrics
    metrics = ShortMetrics(*[getattr(counted, name) for name in ShortMetrics.__struct_fields__])
    return ShortExecution(**{**asdict(execution), "metrics": metrics})


def _state(execution: ExecutionSnapshot) -> StateReply:
    return StateReply(execution.id, execution.state)


def _uptime_ms(execution: ExecutionSnapshot) -> int:
    """Milliseconds since the execution began to run, up to its end; 0 before."""
    if not execution.metrics.start_time:
        return 0
    end = time.time()
    if execution.completed_at is not None:
        end = datetime.fromisoformat(execution.completed_at).timestamp()
    return max(0, round(end * 1000) - execution.metrics.start_time)
