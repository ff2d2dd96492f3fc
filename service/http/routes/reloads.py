"""Routes that change what a running execution runs: reload, roll back, and what has become of both."""

import msgspec
from quart import Blueprint, Response

from engine.views import RuntimeView
from proto.reload import ReloadPlan, ReloadReport, ReloadRequest
from service.http.bodies import read_struct, reply
from service.http.operation import Body, Reply, operation
from service.http.routes.executions import NoFields

_NODE = {
    "nodeId": "price",
    "change": "changed",
    "component": "shop.price",
    "fromVersion": "1.0.0",
    "toVersion": "1.1.0",
    "because": ["another version of its component"],
    "state": "moves",
    "keys": 2,
    "waiting": 40,
}
_PLAN = {
    "revision": 2,
    "consistency": "none",
    "nodes": [_NODE],
    "edgesAdded": [],
    "edgesRemoved": [],
    "edgesKept": 1,
    "problems": [],
}
_REPORT = {
    "number": 1,
    "state": "done",
    "revision": 2,
    "plan": _PLAN,
    "beganAt": "2026-03-01T09:30:01.000Z",
    "endedAt": "2026-03-01T09:30:01.004Z",
}
_UNDER_WAY = "It is under way: a paused execution finishes no batch, and a slow one takes its time."
_REFUSED = {409: "It cannot be done, or another one is under way; nothing has changed."}


class ReloadList(msgspec.Struct, frozen=True, rename="camel"):
    """The reloads of an execution that are kept, the last one last."""

    execution_id: str
    total: int
    reloads: list[ReloadReport]


def reload_routes(runtime: RuntimeView) -> Blueprint:
    """Make the routes under ``/api/executions/<id>`` that change what it runs."""
    routes = Blueprint("reloads", __name__, url_prefix="/api/executions/<execution_id>")

    @routes.post("/reload")
    @operation(
        Reply(200, ReloadReport, _REPORT),
        Reply(200, ReloadPlan, _PLAN, description="With `dryRun`: the plan; its problems say why it cannot be."),
        Reply(202, ReloadReport, description=_UNDER_WAY),
        tag="executions",
        summary="Change its components, configurations or graph while it runs",
        description="All or nothing, and without losing a message: state and queues go over to the new version.",
        body=Body(
            (ReloadRequest,),
            {
                "another version of a component": {"components": {"shop.price": "1.1.0"}},
                "the graph's present version": {"graph": "latest", "consistency": "message"},
                "tried first": {"components": {"shop.price": None}, "canary": {"messages": 500, "maxErrors": 5}},
                "only the plan": {"configs": {"price": {"rate": 0.07}}, "dryRun": True},
            },
        ),
        refusals=_REFUSED,
    )
    async def reload(execution_id: str) -> Response:
        request = await read_struct(ReloadRequest)
        execution = runtime.execution(execution_id)
        if request.dry_run:
            return reply(await execution.plan_reload(request))
        return _reported(await execution.reload(request))

    @routes.post("/rollback")
    @operation(
        Reply(200, ReloadReport, _REPORT),
        Reply(202, ReloadReport, description=_UNDER_WAY),
        tag="executions",
        summary="Take it back to what it ran before its last reload",
        description="A trial ends at once; what has been processed by the new version stays as it is.",
        body=Body((NoFields,), required=False),
        refusals=_REFUSED,
    )
    async def rollback(execution_id: str) -> Response:
        await read_struct(NoFields, empty=NoFields())
        return _reported(await runtime.execution(execution_id).roll_back())

    @routes.get("/reloads")
    @operation(
        Reply(200, ReloadList, {"executionId": "9d2c6f0e", "total": 1, "reloads": [_REPORT]}),
        tag="executions",
        summary="What has become of its reloads",
        refusals={409: "The execution has ended."},
    )
    async def list_all(execution_id: str) -> Response:
        reports = runtime.execution(execution_id).reloads()
        return reply(ReloadList(execution_id, len(reports), reports))

    return routes


def _reported(report: ReloadReport) -> Response:
    return reply(report, 202 if report.state == "switching" else 200)
