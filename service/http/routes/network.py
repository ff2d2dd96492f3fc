"""The route by which the Network, or anybody else who may, delivers an event over HTTP."""

from collections.abc import Callable
from typing import Any

import msgspec
from quart import Blueprint, Response, request

from proto.problem import Problem
from service.auth.caller import Caller
from service.http.bodies import read_struct, reply
from service.http.operation import Body, Header, Reply, operation
from service.network.delivery import EventReceipt
from service.network.dispatcher import Dispatcher
from service.network.events import Event
from service.problems import UnreadableBodyError

_REQUIRED = ("X-Symbia-Event-Id", "X-Symbia-Run-Id")
_OPTIONAL = ("X-Symbia-Boundary", "X-Symbia-Source")


class ReceivedReply(EventReceipt, frozen=True, rename="camel", kw_only=True):
    """The outcome of an event.

    Attributes:
        success: true.
        event_id: the id of the event.
        delivered: places in running executions that took it in; none where nobody wants it.
        duplicates: places that had it already, by whichever way it came.
        refused: one entry for each place that did not take it, with a code and a reason.
    """

    success: bool = True


_EVENT = {
    "payload": {"type": "events.orders", "data": {"id": 7}, "orgId": "org-a"},
    "wrapper": {
        "id": "0b6f…",
        "runId": "run-1",
        "timestamp": "2026-01-31T12:00:00.000Z",
        "source": "shop",
        "path": ["shop"],
        "boundary": "intra",
    },
    "hash": "9c1d…",
}
_RECEIVED = {"success": True, "eventId": "0b6f…", "delivered": 1, "duplicates": 0, "refused": []}


def network_routes(dispatcher: Dispatcher, caller: Callable[[], Caller]) -> Blueprint:
    """``POST /api/network/receive``."""
    routes = Blueprint("network", __name__, url_prefix="/api/network")

    @routes.post("/receive")
    @operation(
        Reply(200, ReceivedReply, _RECEIVED),
        tag="executions",
        summary="Deliver an event to the graphs that are bound to it",
        description=(
            "The event enters the running executions of graphs whose input bindings fit its type, and which the "
            "caller may change. The headers `X-Symbia-Event-Id` and `X-Symbia-Run-Id` must be there, and these as "
            "well as `X-Symbia-Boundary` and `X-Symbia-Source` must say what the body says. An event that has "
            "come before, by this way or over the Network, is not delivered a second time."
        ),
        body=Body((Event,), {"an event": _EVENT}),
        headers=(
            Header("X-Symbia-Event-Id", "The event's id, as `wrapper.id` says it.", required=True),
            Header("X-Symbia-Run-Id", "The event's run, as `wrapper.runId` says it.", required=True),
            Header("X-Symbia-Boundary", "As `wrapper.boundary` says it."),
            Header("X-Symbia-Source", "As `wrapper.source` says it."),
        ),
        refusals={429: "No execution had room for the event."},
    )
    async def receive() -> Response:
        event = await read_struct(Event, max_elements=None)
        _check_headers(request.headers, event)
        receipt = await dispatcher.deliver(event, caller())
        return reply(ReceivedReply(**msgspec.structs.asdict(receipt)))

    return routes


def _check_headers(headers: Any, event: Event) -> None:
    """Refuse an event whose headers do not say what its body says: one of the two has been changed on the way.

    Raises:
        UnreadableBodyError: a header is missing, comes twice, or differs.
    """
    wrapper = event.wrapper
    said = dict(
        zip(
            (*_REQUIRED, *_OPTIONAL),
            (wrapper.id, wrapper.run_id, wrapper.boundary, wrapper.source),
            strict=True,
        )
    )
    problems = []
    for name, value in said.items():
        sent = headers.getlist(name)
        if sent != [value] and (sent or name in _REQUIRED):
            what = "says something else than the body" if sent else "is missing"
            problems.append(Problem("network.header_mismatch", name, f"The header {name} {what}"))
    if problems:
        raise UnreadableBodyError(problems[0].message, problems)
