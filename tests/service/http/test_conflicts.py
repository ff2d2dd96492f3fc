"""Each 409 says the state, why it is so, and what to do."""

from typing import Any

import pytest

from tests.service.chosen import settings_with
from tests.service.serving import SQUARE, Service, open_service, single

PASS = single("symbia.core.passthrough")
BROKEN = single("symbia.core.map", config={"expression": "value.a.b"})


async def refused(service: Service, path: str, **body: Any) -> str:
    """What a command is answered, which must be a 409."""
    reply = await service.client.post(path, json=body or None)
    assert reply.status_code == 409, reply.text
    told = reply.json()
    return " ".join([told["error"], *(problem["message"] for problem in told.get("problems", ()))])


async def ended(service: Service, how: str) -> str:
    """The id of an execution that has ended in some way."""
    if how == "given inputs":
        execution = await service.start(PASS, inputs=[{"nodeId": "only", "port": "in", "value": 1}])
    elif how == "failed":
        execution = await service.start(BROKEN)
        await service.inject(execution, "only", 1)
    else:
        execution = await service.start(PASS)
        await service.inject(execution, "only", 1)
    if how in {"complete", "stop"}:
        await service.client.post(f"/api/executions/{execution}/{how}")
    await service.runtime.execution(execution).wait_finished()
    return execution


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (
            "quiet",
            'had come in for 2,000 ms; start another one, with completion "manual" if it is to wait for more',
        ),
        ("complete", "is completed; it was told that no more input comes; start another one"),
        ("given inputs", "is completed; it was given all its inputs at its start; start another one"),
        ("stop", "is cancelled; it was stopped; start another one"),
        ("failed", "is failed; Node only failed"),
    ],
)
async def test_an_execution_that_has_ended_says_why(how: str, told: str) -> None:
    """Whatever is asked of it: a message, a pause, a stop."""
    async with open_service() as service:
        execution = await ended(service, how)
        for command in ("inject", "pause", "resume", "complete", "stop"):
            body = {"nodeId": "only", "port": "in", "value": 1} if command == "inject" else {}
            sentence = await refused(service, f"/api/executions/{execution}/{command}", **body)
            assert told in sentence, sentence


async def test_an_execution_that_lives_says_what_it_is_and_why_that_does_not_fit() -> None:
    """A second pause, a resume of one that runs, and a message after the last one."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        path = f"/api/executions/{execution}"
        assert "is running; it holds nothing that could go on" in await refused(service, f"{path}/resume")
        await service.client.post(f"{path}/pause")
        assert "is paused; it holds its messages already" in await refused(service, f"{path}/pause")
        await service.client.post(f"{path}/complete")
        sentence = await refused(service, f"{path}/inject", nodeId="only", port="in", value=1)
        assert "takes no more input: it was told that no more input comes; start another one" in sentence


async def test_what_exists_or_is_full_says_what_to_do() -> None:
    """An id that is taken, a component that is built in or in use, a limit, and a graph of which nothing runs."""
    async with open_service(settings_with(max_concurrent_executions=1)) as service:
        await service.client.post("/api/components", json=SQUARE)
        assert "Replace it with PUT, or choose another id" in await refused(service, "/api/components", **SQUARE)
        await service.load(single(SQUARE["id"]))
        for component, remedy in ((SQUARE["id"], "unload that first"), ("symbia.core.map", "others can")):
            reply = await service.client.delete(f"/api/components/{component}")
            assert (reply.status_code, remedy in reply.json()["error"]) == (409, True), reply.text
        graph = await service.load({**PASS, "name": "idle"})
        idle = await service.client.post("/api/ingress/idle", json=1)
        assert (idle.status_code, "manual" in idle.json()["problems"][0]["message"]) == (409, True), idle.text
        await service.start(PASS, completion="manual")
        assert "wait until one ends" in await refused(service, f"/api/graphs/{graph}/execute")
