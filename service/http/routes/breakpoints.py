"""Routes of an execution's breakpoints: set, look, remove, and say how what is held goes on."""

from collections.abc import Awaitable, Callable

import msgspec
from quart import Blueprint, Response

from engine.views import RuntimeView
from proto.breakpoint import BreakpointRequest, BreakpointSnapshot
from service.http.bodies import nothing, read_struct, reply
from service.http.operation import Body, Reply, operation
from service.http.query import PAGE, page_of
from service.http.sliced_replies import page_reply

_ENDED = {409: "The execution has ended, or drains."}
_REFUSED = {409: "It does not hold what is meant, or that does not take the verb; or the execution has ended."}
_NO_ROOM = {429: "There is no room for the value, or a bound of the owner's was met."}
_HELD = {
    "number": 1,
    "on": "input",
    "node": "store",
    "port": "in",
    "edge": "priced",
    "sequence": 119,
    "lane": "canonical",
    "value": {"total": 142},
    "sizeBytes": 14,
    "timestamp": 1_767_225_600_000,
    "hold": 3,
    "verbs": ["continue", "step", "next", "edit", "drop", "skip"],
}
_BREAKPOINT = {
    "id": "b1",
    "edge": "priced",
    "node": None,
    "port": None,
    "on": "input",
    "level": None,
    "key": None,
    "when": "value.total > 100",
    "after": 0,
    "scope": "edge",
    "action": "hold",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "passed": 0,
    "hits": 1,
    "failure": None,
    "failures": 0,
    "holding": 1,
    "held": [_HELD],
    "recent": [{name: each for name, each in _HELD.items() if name not in ("hold", "verbs")}],
}

VERBS = {
    "continue": "Let what it holds go on as if nothing had happened",
    "step": "Let the message go through its node, and hold what came of it",
    "next": "Let it go on, and hold what comes of it before the next nodes",
    "edit": "Give what it holds another value; it stays held",
    "drop": "Drop what it holds",
    "retry": "Hand a failed message to its node again",
    "skip": "Let the value go past its node",
}
"""The verbs on what is held, and what each does."""


class BreakpointList(msgspec.Struct, frozen=True, rename="camel"):
    """The breakpoints of an execution, the oldest first; ``total`` counts all of them, on this page or not."""

    execution_id: str
    total: int
    breakpoints: list[BreakpointSnapshot]


class HoldBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of a verb on what is held; it may be left away.

    Attributes:
        hold: the number of what is meant; that which is held longest when absent.
        value: of ``edit`` and ``retry``: any JSON value.
        port: of ``skip``: the output port by which the value leaves; the node's only one when absent.
    """

    hold: int | None = None
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    port: str | None = None


def breakpoint_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes under ``/api/executions/<id>/breakpoints``."""
    routes = Blueprint("breakpoints", __name__, url_prefix="/api/executions/<execution_id>/breakpoints")

    @routes.post("")
    @operation(
        Reply(201, BreakpointSnapshot, {**_BREAKPOINT, "hits": 0, "holding": 0, "held": [], "recent": []}),
        tag="executions",
        summary="Set a breakpoint",
        description="Where it looks, what it stops on, and what it does then: docs/live-control.md.",
        body=Body(
            (BreakpointRequest,),
            {
                "an edge, where a condition holds": {"edge": "priced", "when": "value.total > 100"},
                "whatever fails": {"on": "error"},
            },
        ),
        refusals=_ENDED,
    )
    async def add(execution_id: str) -> Response:
        wanted = await read_struct(BreakpointRequest)
        return reply(await runtime.execution(execution_id).set_breakpoint(wanted), 201)

    @routes.get("")
    @operation(
        Reply(200, BreakpointList, {"executionId": "9d2c", "total": 1, "breakpoints": [_BREAKPOINT]}),
        tag="executions",
        summary="Its breakpoints, and what they hold",
        query=PAGE,
        refusals=_ENDED,
    )
    async def list_all(execution_id: str) -> Response:
        found = runtime.execution(execution_id).breakpoints()
        counts = {"executionId": execution_id, "total": len(found)}
        return await page_reply("breakpoints", page_of(found), counts)

    @routes.get("/<breakpoint_id>")
    @operation(
        Reply(200, BreakpointSnapshot, _BREAKPOINT),
        tag="executions",
        summary="One breakpoint, and what it holds",
        refusals=_ENDED,
    )
    async def show(execution_id: str, breakpoint_id: str) -> Response:
        return reply(runtime.execution(execution_id).breakpoint(breakpoint_id))

    @routes.delete("/<breakpoint_id>")
    @operation(
        Reply(204),
        tag="executions",
        summary="Remove a breakpoint; what it holds goes on",
        refusals=_ENDED,
    )
    async def remove(execution_id: str, breakpoint_id: str) -> Response:
        await runtime.execution(execution_id).remove_breakpoint(breakpoint_id)
        return nothing()

    for verb, summary in VERBS.items():
        described = operation(
            Reply(200, BreakpointSnapshot, {**_BREAKPOINT, "holding": 0, "held": []}),
            tag="executions",
            summary=summary,
            body=Body((HoldBody,), {"one by its number": {"hold": 3}}, required=False),
            refusals={**_REFUSED, **_NO_ROOM} if verb in ("edit", "retry") else _REFUSED,
        )
        routes.post(f"/<breakpoint_id>/{verb}", endpoint=verb)(described(_releasing(runtime, verb)))
    return routes


def _releasing(runtime: RuntimeView, verb: str) -> Callable[[str, str], Awaitable[Response]]:
    async def release(execution_id: str, breakpoint_id: str) -> Response:
        body = await read_struct(HoldBody, empty=HoldBody(), max_elements=None)
        execution = runtime.execution(execution_id)
        value = None if body.value is msgspec.UNSET else bytes(body.value)
        return reply(await execution.release(breakpoint_id, verb, hold=body.hold, value=value, port=body.port))

    return release
