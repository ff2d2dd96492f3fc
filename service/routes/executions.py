"""Routes of executions: list, show, metrics, logs; inject, pause, resume, complete, stop."""

import time
from datetime import datetime
from typing import Any

import msgspec
from quart import Blueprint, Response, request

from engine.runtime import Runtime
from proto.execution import ExecutionSnapshot
from proto.message import Injection
from proto.problem import Problem
from service.exchange import read_struct, reply
from service.problems import MetricsDisabledError, UnreadableBodyError


class InjectBody(msgspec.Struct, frozen=True, rename="camel"):
    """Body of ``POST /api/executions/<id>/inject``: one message, or several.

    Attributes:
        node_id: the node of a single message.
        port: its input port.
        value: its value, as JSON text.
        messages: several messages, taken in order.
        final: whether no further input will come.
    """

    node_id: str | msgspec.UnsetType = msgspec.UNSET
    port: str | msgspec.UnsetType = msgspec.UNSET
    value: msgspec.Raw = msgspec.Raw()
    messages: tuple[Injection, ...] | msgspec.UnsetType = msgspec.UNSET
    final: bool = False


class InjectedReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Reply of ``inject``; ``queued`` tells that the execution is paused and holds the messages."""

    success: bool
    accepted: int
    execution_id: str
    queued: bool
    node_id: str | None = None
    port: str | None = None


def execution_routes(runtime: Runtime, *, metrics_enabled: bool) -> Blueprint:
    """The routes under ``/api/executions``."""
    routes = Blueprint("executions", __name__, url_prefix="/api/executions")

    @routes.get("")
    async def list_all() -> Response:
        executions = [_listed(execution) for execution in runtime.executions()]
        return reply({"executions": executions, "total": len(executions)})

    @routes.get("/<execution_id>")
    async def show(execution_id: str) -> Response:
        return reply(runtime.execution(execution_id))

    @routes.get("/<execution_id>/metrics")
    async def metrics(execution_id: str) -> Response:
        if not metrics_enabled:
            raise MetricsDisabledError("Metrics are switched off by ENABLE_METRICS=false")
        execution = runtime.execution(execution_id)
        counters = msgspec.to_builtins(execution.metrics)
        state = {"executionId": execution.id, "state": execution.state}
        return reply({**state, **counters, "uptimeMs": _uptime_ms(execution)})

    @routes.get("/<execution_id>/logs")
    async def logs(execution_id: str) -> Response:
        entries = runtime.logs(execution_id)
        return reply({"executionId": execution_id, "logs": entries, "total": len(entries)})

    @routes.post("/<execution_id>/inject")
    async def inject(execution_id: str) -> Response:
        body = await read_struct(InjectBody)
        messages = _messages(body)
        receipt = await runtime.inject(execution_id, messages, final=body.final)
        single = body.messages is msgspec.UNSET
        return reply(
            InjectedReply(
                success=True,
                accepted=receipt.accepted,
                execution_id=execution_id,
                queued=receipt.queued,
                node_id=messages[0].node_id if single else None,
                port=messages[0].port if single else None,
            )
        )

    @routes.post("/<execution_id>/pause")
    async def pause(execution_id: str) -> Response:
        return reply(_state(await runtime.pause(execution_id)))

    @routes.post("/<execution_id>/resume")
    async def resume(execution_id: str) -> Response:
        return reply(_state(await runtime.resume(execution_id)))

    @routes.post("/<execution_id>/complete")
    async def complete(execution_id: str) -> Response:
        return reply(_state(await runtime.complete(execution_id)))

    @routes.post("/<execution_id>/stop")
    async def stop(execution_id: str) -> Response:
        return reply(_state(await runtime.stop(execution_id, drain=_switch("drain"))))

    return routes


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
    return (Injection(node_id=body.node_id, port=body.port, value=body.value),)


def _missing(message: str, path: str) -> UnreadableBodyError:
    return UnreadableBodyError(message, [Problem(code="body.shape", path=path, message=message)])


def _listed(execution: ExecutionSnapshot) -> dict[str, Any]:
    """A snapshot with the number of its instances in place of the instances."""
    fields = {name: getattr(execution, name) for name in execution.__struct_fields__ if name != "instances"}
    names = dict(zip(execution.__struct_fields__, execution.__struct_encode_fields__, strict=True))
    kept = {names[name]: value for name, value in fields.items() if value is not None}
    return {**kept, "instanceCount": len(execution.instances)}


def _state(execution: ExecutionSnapshot) -> dict[str, Any]:
    return {"executionId": execution.id, "state": execution.state}


def _uptime_ms(execution: ExecutionSnapshot) -> int:
    """Milliseconds since the execution began to run, up to its end; 0 before."""
    if not execution.metrics.start_time:
        return 0
    end = time.time()
    if execution.completed_at is not None:
        end = datetime.fromisoformat(execution.completed_at).timestamp()
    return max(0, round(end * 1000) - execution.metrics.start_time)


def _switch(name: str) -> bool:
    """A query parameter that is true or false; false when absent."""
    text = request.args.get(name, "false").lower()
    if text not in {"true", "false", "1", "0"}:
        raise UnreadableBodyError(f"The query parameter {name} must be true or false, got {text[:40]!r}")
    return text in {"true", "1"}
