"""``POST /api/components/try``: a component on samples, in a process of its own."""

from typing import Any

import httpx
import pytest

from service.auth import scoped_trials
from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import open_service

SOURCE = "return { process: (ctx, port, value) => ctx.emit('out', value * value) }"
SQUARE = {
    "id": "own.square",
    "name": "Square",
    "version": "1.0.0",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "execution": {"type": "javascript", "entrypoint": "handler", "source": SOURCE},
}
SENT = {"send": [{"in": 12}], "flush": False}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the first process the time that it takes to start on a busy machine."""
    monkeypatch.setattr(scoped_trials, "TRIAL_SECONDS", 600.0)


async def tried(client: httpx.AsyncClient, component: Any, **more: Any) -> Any:
    answer = await client.post("/api/components/try", json={"component": component, **SENT, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_definition_is_tried_and_not_kept() -> None:
    async with open_service() as service:
        case = {"name": "squares", "send": [{"in": 3}], "expect": {"out": [9]}}
        reply = await tried(service.client, SQUARE, cases=[case])
        assert reply["steps"][0]["emissions"] == [{"port": "out", "value": 144}]
        assert [each["passed"] for each in reply["cases"]] == [True]
        missing = await service.client.post("/api/components/try", json={"component": "own.square", **SENT})
        assert missing.status_code == 404
        await service.client.post("/api/components", json=SQUARE)
        by_id = await tried(service.client, "own.square")
        assert by_id["steps"][0]["emissions"] == [{"port": "out", "value": 144}]
        long_number = await service.client.post(
            "/api/components/try",
            content=b'{"component":"symbia.core.passthrough","send":[{"in":9007199254740993}]}',
            headers={"Content-Type": "application/json"},
        )
        assert '"value":9007199254740993' in long_number.text


async def test_what_takes_too_long_is_ended_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoped_trials, "TRIAL_SECONDS", 0.001)
    async with open_service() as service:
        reply = await tried(service.client, SQUARE)
        assert [each["code"] for each in reply["problems"]] == ["trial.ended"]


async def test_a_component_of_another_organisation_is_not_found() -> None:
    async with open_service_with_identity() as world:
        body = {"component": "own.square", **SENT}
        assert (await world.alice.call("POST", "/api/components", json=SQUARE)).status_code == 201
        own = await world.alice.call("POST", "/api/components/try", json=body)
        assert own.json()["steps"][0]["emissions"] == [{"port": "out", "value": 144}]
        assert (await world.bob.call("POST", "/api/components/try", json=body)).status_code == 404
