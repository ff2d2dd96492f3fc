"""The route that tries a component on sample messages and on its cases, before anything runs it."""

from quart import Blueprint, Response

from proto.trial import TrialReply, TrialRequest
from service.auth.scoped_trials import ScopedTrials
from service.http.bodies import read_struct
from service.http.operation import Body, Reply, operation
from service.http.routes.components import SQUARE

_TRIED = {
    "valid": True,
    "problems": [],
    "steps": [
        {
            "moment": "send",
            "index": 0,
            "port": "in",
            "emissions": [{"port": "out", "value": 144}],
            "durationMs": 0.2,
        }
    ],
    "state": {},
    "stateOmittedBytes": 0,
    "memoryBytes": 1_114_112,
    "cpuMs": 0.1,
    "truncated": False,
    "cases": [{"name": "squares", "passed": True, "complaints": [], "durationMs": 1.5}],
}
_CASE = {"name": "squares", "send": [{"in": 12}], "expect": {"out": [144]}}


def trial_routes(trials: ScopedTrials) -> Blueprint:
    """Make the route ``/api/components/try``."""
    routes = Blueprint("trials", __name__, url_prefix="/api/components")

    @routes.post("/try")
    @operation(
        Reply(200, TrialReply, _TRIED),
        tag="components",
        summary="Try a component on sample messages and on its cases",
        description="It runs in the sandbox, in a process of its own and in simulated time; nobody outside is "
        "asked and nothing kept. The answer is 200 whatever the component does: its `problems` say why it cannot "
        "be tried, with their lines, and each step says what was emitted, logged or thrown.",
        body=Body(
            (TrialRequest,),
            {
                "squares numbers": {"component": SQUARE, "send": [{"in": 12}], "cases": [_CASE]},
                "an expression": {
                    "component": "symbia.core.map",
                    "config": {"expression": "value * 2"},
                    "send": [{"in": 21}],
                },
            },
        ),
        refusals={404: "There is no component of this id.", 429: "Too many trials wait already."},
    )
    async def attempt() -> Response:
        request = await read_struct(TrialRequest)
        return Response(await trials.attempt(request), content_type="application/json")

    return routes
