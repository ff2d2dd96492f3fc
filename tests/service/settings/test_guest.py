"""The maximum that the operator sets for sandboxed code, as components meet it."""

import msgspec
import pytest

from engine.components.guest_limits import maximum_limits
from proto.component import ExecutionLimits
from service.settings.table import TABLE, Row, Settings, read_settings
from tests.service.chosen import settings_with
from tests.service.serving import QUICK_REFERENCE, SPIN, SQUARE, open_service, single

ROWS = [row for row in TABLE if row.path[0] == "guest"]


def test_every_limit_has_its_setting() -> None:
    """What a component can ask for the operator can bound, and unset the maximum is the runtime's own."""
    names = {field.name for field in msgspec.structs.fields(ExecutionLimits)}
    assert {f"MAX_GUEST_{name.upper()}" for name in names} == {row.variables[0] for row in ROWS}
    assert maximum_limits(Settings().guest.limits()) == maximum_limits(None)
    assert read_settings({"MAX_GUEST_EMISSIONS": "7"}).guest.limits().emissions == 7


async def test_no_component_may_ask_for_more() -> None:
    """The registration is refused and says what was asked for and what is allowed."""
    async with open_service(settings_with(port=0, max_guest_cpu_ms=500)) as service:
        asking = {**SQUARE, "execution": {**SQUARE["execution"], "limits": {"cpuMs": 501}}}
        reply = await service.client.post("/api/components", json=asking)
        assert (reply.status_code, reply.json()["problems"][0]["path"]) == (400, "execution.limits.cpuMs")
        assert "cpuMs asks for 501; this service allows at most 500" in reply.json()["error"]


async def test_no_component_gets_more_by_default() -> None:
    """A maximum below the default is what a component gets that asks for nothing."""
    async with open_service(settings_with(port=0, max_guest_cpu_ms=50)) as service:
        assert (await service.client.post("/api/components", json=SPIN)).status_code == 201
        execution = await service.start(single(SPIN["id"], onError="continue"), completion="manual")
        await service.inject(execution, "only", 1)
        metrics = await service.processed(execution, 1)
        assert metrics["errorCount"] == 1
        assert metrics["maxLatencyMs"] < 1_000  # the default would have let it compute for 2,000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path[1])
async def test_the_smallest_maximum_still_runs_an_expression(row: Row) -> None:
    """No setting that is taken makes the sandbox useless for a component of the simplest kind."""
    smallest = row.kind.expected.split()[4]  # "a whole number from 1 to 9"
    settings = read_settings({row.variables[0]: smallest, "PORT": "0"})
    assert row.value_in(settings) == int(smallest)
    async with open_service(settings) as service:
        execution = await service.start(QUICK_REFERENCE)
        path = f"/api/executions/{execution}/inject?wait=5000"
        reply = await service.client.post(path, json={"nodeId": "input", "port": "in", "value": 21})
        assert reply.json()["outputs"]["output:out"]["value"] == 42
