"""What health and totals say of siblings."""

from typing import Any

import pytest

from engine.runtime import open_runtime
from service.app import create_app
from service.readiness import Readiness
from service.settings.table import Settings
from service.siblings.status import Siblings


async def _get(siblings: Siblings, path: str) -> tuple[int, Any]:
    async with open_runtime() as runtime:
        app = create_app(runtime, Settings(), Readiness(siblings))
        answer = await app.test_client().get(path, headers={"Host": "127.0.0.1"})
        return answer.status_code, await answer.get_json()


@pytest.mark.parametrize(("is_required", "status", "check"), [(False, 200, "degraded"), (True, 503, "unhealthy")])
async def test_a_sibling_that_is_down_is_a_check(status: int, check: str, *, is_required: bool) -> None:
    """It is told with its reason, and only where the service must have it is the service unready."""
    siblings = Siblings()
    siblings.add("catalog", is_required=is_required).failed("no answer within 10 s")
    siblings.add("network").succeeded()
    answered, body = await _get(siblings, "/health/ready")
    assert (answered, body["status"]) == (status, "ok" if status == 200 else "unhealthy")
    assert (body["checks"]["catalog"]["status"], body["checks"]["network"]["status"]) == (check, "ok")
    assert body["checks"]["catalog"]["message"].endswith(": no answer within 10 s")


async def test_a_required_sibling_is_waited_for() -> None:
    """Before it was asked at all the service is not ready either."""
    siblings = Siblings()
    siblings.add("catalog", is_required=True)
    assert (await _get(siblings, "/health/ready"))[0] == 503


async def test_totals_report_the_siblings() -> None:
    """The report stands beside the totals, and only where there is a sibling."""
    siblings = Siblings()
    assert set((await _get(siblings, "/api/stats"))[1]) == {
        "loadedGraphs",
        "activeExecutions",
        "totalMessagesProcessed",
    }
    siblings.add("catalog").failed("status 500", retry_in_seconds=2)
    (report,) = (await _get(siblings, "/api/stats"))[1]["siblings"]
    assert (report["name"], report["state"], report["failuresInRow"]) == ("catalog", "down", 1)
    assert report["lastError"] == "status 500"
    assert report["nextTryAt"] > report["since"]
