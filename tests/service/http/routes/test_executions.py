"""Executions over HTTP: what they show, and how they are driven."""

from typing import Any

import pytest

from tests.service.chosen import settings_with
from tests.service.serving import QUICK_REFERENCE, SPIN, open_service, single

PASS = single("symbia.core.passthrough")
LOGGER = single("symbia.core.logger")
ELEVEN = {
    "messagesProcessed",
    "messagesEmitted",
    "nodeInvocations",
    "componentInvocations",
    "totalLatencyMs",
    "avgLatencyMs",
    "maxLatencyMs",
    "errorCount",
    "backpressureEvents",
    "startTime",
    "lastActivityTime",
}


async def test_a_started_execution_says_what_it_is() -> None:
    """Execute answers 201 with the ids, the state and the time; an empty body is allowed."""
    async with open_service() as service:
        graph_id = await service.load(PASS)
        reply = await service.client.post(f"/api/graphs/{graph_id}/execute")
        body = reply.json()
        assert (reply.status_code, body["graphId"], body["state"]) == (201, graph_id, "running")
        assert set(body) == {"executionId", "graphId", "state", "startedAt"}


async def test_unknown_fields_of_execute_are_tolerated() -> None:
    """Clients of the platform send fields that mean nothing here."""
    async with open_service() as service:
        reply = await service.client.post(
            f"/api/graphs/{await service.load(PASS)}/execute", json={"input": {"a": 1}}
        )
        assert reply.status_code == 201


@pytest.mark.parametrize(
    "body", ['{"timeoutMs": -1}', '{"completion": "never"}', "[]", "null", '{"inputs": [{}]}']
)
async def test_wrong_options_start_nothing(body: str) -> None:
    """Options of the wrong shape are refused with 400, and no execution exists afterwards."""
    async with open_service() as service:
        graph_id = await service.load(PASS)
        reply = await service.client.post(
            f"/api/graphs/{graph_id}/execute", content=body, headers={"Content-Type": "application/json"}
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")
        assert (await service.client.get("/api/executions")).json()["total"] == 0


async def test_inputs_of_execute_run_the_graph_to_its_end() -> None:
    """With inputs given at the start nothing more is expected, and the execution completes."""
    async with open_service() as service:
        inputs = [{"nodeId": "only", "port": "in", "value": number} for number in range(3)]
        execution = await service.start(PASS, inputs=inputs)
        snapshot = await service.runtime.execution(execution).wait_finished()
        assert (snapshot.state, snapshot.metrics.messages_processed) == ("completed", 3)


async def test_executions_are_listed_and_shown() -> None:
    """The list counts instances and has some metrics, or all; the single one has the instances."""
    async with open_service() as service:
        execution = await service.start(QUICK_REFERENCE)
        listed = (await service.client.get("/api/executions")).json()
        full = (await service.client.get("/api/executions?detail=full")).json()
        shown = (await service.client.get(f"/api/executions/{execution}")).json()
        assert listed["total"] == 1
        assert (listed["executions"][0]["id"], listed["executions"][0]["instanceCount"]) == (execution, 3)
        short = ["messagesProcessed", "messagesEmitted", "componentInvocations", "avgLatencyMs", "errorCount"]
        assert list(listed["executions"][0]["metrics"]) == short
        assert set(full["executions"][0]["metrics"]) >= ELEVEN
        assert [instance["nodeId"] for instance in shown["instances"]] == ["input", "double", "output"]
        assert set(shown) >= {"id", "graphId", "state", "instances", "metrics", "createdAt", "startedAt"}
        assert "completedAt" not in shown


async def test_metrics_have_the_eleven_counters_and_the_state() -> None:
    """The platform's names, flat, beside the state and the time that it has run."""
    async with open_service() as service:
        execution = await service.start(PASS)
        metrics = (await service.client.get(f"/api/executions/{execution}/metrics")).json()
        assert set(metrics) >= ELEVEN | {"executionId", "state", "uptimeMs"}
        assert 0 <= metrics["uptimeMs"] < 60_000


async def test_metrics_can_be_switched_off() -> None:
    """ENABLE_METRICS=false hides them, and says why."""
    async with open_service(settings_with(enable_metrics=False)) as service:
        execution = await service.start(PASS)
        reply = await service.client.get(f"/api/executions/{execution}/metrics")
        assert (reply.status_code, reply.json()["code"]) == (404, "metrics.disabled")


@pytest.mark.parametrize(
    "value", ["12345678901234567890123", "1.10", '{"b":1,"a":{"c":[]}}', '"\\u00e9"', "-0", "1e2", " [ 1 ] "]
)
async def test_values_pass_untouched(value: str) -> None:
    """Spelling, key order and large numbers leave a graph that does not look inside as they came in."""
    async with open_service() as service:
        execution = await service.start(LOGGER)
        body = f'{{"nodeId":"only","port":"in","value":{value}}}'
        reply = await service.client.post(
            f"/api/executions/{execution}/inject", content=body, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == 200
        await service.processed(execution, 1)
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()["logs"]
        assert logs[0]["message"] == value.strip()


async def test_several_messages_are_taken_in_order_and_may_be_the_last() -> None:
    """A list of messages is accepted as one, in order; final lets the execution complete."""
    async with open_service() as service:
        execution = await service.start(LOGGER)
        messages = [{"nodeId": "only", "port": "in", "value": number} for number in range(5)]
        reply = await service.client.post(
            f"/api/executions/{execution}/inject", json={"messages": messages, "final": True}
        )
        assert reply.json() == {"success": True, "accepted": 5, "executionId": execution, "queued": False}
        assert (await service.runtime.execution(execution).wait_finished()).state == "completed"
        logs = (await service.client.get(f"/api/executions/{execution}/logs")).json()
        assert [line["message"] for line in logs["logs"]] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"value": 1}, "nodeId and port are required"),
        ({"nodeId": "only", "value": 1}, "nodeId and port are required"),
        ({"nodeId": "only", "port": "in"}, "value is required"),
        ({"nodeId": 7, "port": "in", "value": 1}, "Expected `str`"),
        ({"nodeId": "only", "port": "in", "value": 1, "messages": []}, "not both"),
        ({"messages": [{"nodeId": "only", "port": "in"}]}, "value"),
        ({"nodeId": "ghost", "port": "in", "value": 1}, "ghost"),
        ({"nodeId": "only", "port": "side", "value": 1}, "side"),
        ([], "Expected `object`"),
    ],
)
async def test_a_wrong_injection_is_refused_with_what_is_wrong(body: Any, error: str) -> None:
    """Status 400 with a problem, and the execution has got nothing."""
    async with open_service() as service:
        execution = await service.start(PASS)
        reply = await service.client.post(f"/api/executions/{execution}/inject", json=body)
        assert reply.status_code == 400
        assert error in reply.json()["error"]
        assert reply.json()["problems"]
        assert (await service.client.get(f"/api/executions/{execution}/metrics")).json()["messagesProcessed"] == 0


async def test_bytes_that_are_no_text_do_not_enter() -> None:
    """A value whose bytes are not UTF-8 is refused at the door, although nobody would have looked inside."""
    async with open_service() as service:
        execution = await service.start(PASS)
        reply = await service.client.post(
            f"/api/executions/{execution}/inject",
            content=b'{"nodeId":"only","port":"in","value":"\xff"}',
            headers={"Content-Type": "application/json"},
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")


async def test_pause_holds_and_resume_lets_go() -> None:
    """What is injected while paused is answered as queued, and processed after resume."""
    async with open_service() as service:
        execution = await service.start(PASS)
        path = f"/api/executions/{execution}"
        paused = await service.client.post(f"{path}/pause")
        assert paused.json() == {"executionId": execution, "state": "paused"}
        assert (await service.inject(execution, "only", 1)).json()["queued"] is True
        assert (await service.client.get(f"{path}/metrics")).json()["messagesProcessed"] == 0
        resumed = await service.client.post(f"{path}/resume")
        assert resumed.json() == {"executionId": execution, "state": "running"}
        assert (await service.processed(execution, 1))["messagesProcessed"] == 1


async def test_the_held_messages_are_bounded() -> None:
    """Beyond MAX_BACKPRESSURE_QUEUE a paused execution refuses with 429, when to come back, and what it took."""
    async with open_service(settings_with(max_backpressure_queue=2)) as service:
        execution = await service.start(PASS)
        await service.client.post(f"/api/executions/{execution}/pause")
        messages = [{"nodeId": "only", "port": "in", "value": number} for number in range(3)]
        reply = await service.client.post(f"/api/executions/{execution}/inject", json={"messages": messages})
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1")
        assert (reply.json()["code"], reply.json()["accepted"]) == ("injection.held_queue_full", 2)


async def test_complete_ends_and_further_commands_conflict() -> None:
    """An ended execution refuses every command with 409, and says what it is."""
    async with open_service() as service:
        execution = await service.start(PASS)
        completed = await service.client.post(f"/api/executions/{execution}/complete")
        assert completed.status_code == 200
        await service.runtime.execution(execution).wait_finished()
        for command in ("pause", "resume", "complete", "stop"):
            reply = await service.client.post(f"/api/executions/{execution}/{command}")
            assert (reply.status_code, "completed" in reply.json()["error"]) == (409, True)
        assert (await service.inject(execution, "only", 1)).status_code == 409


@pytest.mark.parametrize(
    ("query", "state"), [("", "cancelled"), ("?drain=false", "cancelled"), ("?drain=true", "completed")]
)
async def test_stop_cancels_or_drains(query: str, state: str) -> None:
    """Stop cancels; with drain the execution completes what it has, and ends as completed."""
    async with open_service() as service:
        execution = await service.start(PASS)
        reply = await service.client.post(f"/api/executions/{execution}/stop{query}")
        assert reply.status_code == 200
        assert reply.json() == {"executionId": execution, "state": state, "unprocessed": 0}


async def test_stop_says_what_it_leaves_unprocessed() -> None:
    """What was accepted and held is told to whoever ends it, and not to the log alone."""
    async with open_service() as service:
        execution = await service.start(PASS)
        await service.client.post(f"/api/executions/{execution}/pause")
        for value in range(2):
            await service.inject(execution, "only", value)
        reply = await service.client.post(f"/api/executions/{execution}/stop")
        assert reply.json() == {"executionId": execution, "state": "cancelled", "unprocessed": 2}


async def test_a_wrong_drain_stops_nothing() -> None:
    """A query that is neither true nor false is refused, and the execution goes on."""
    async with open_service() as service:
        execution = await service.start(PASS)
        reply = await service.client.post(f"/api/executions/{execution}/stop?drain=perhaps")
        assert reply.status_code == 400
        assert (await service.client.get(f"/api/executions/{execution}")).json()["state"] == "running"


async def test_one_execution_too_many_is_refused_with_409() -> None:
    """The limit of concurrent executions is told as a conflict; after a stop there is room again."""
    async with open_service(settings_with(max_concurrent_executions=1)) as service:
        first = await service.start(PASS)
        graph_id = await service.load(PASS)
        refused = await service.client.post(f"/api/graphs/{graph_id}/execute")
        assert (refused.status_code, refused.json()["code"]) == (409, "execution.limit")
        await service.client.post(f"/api/executions/{first}/stop")
        assert (await service.client.post(f"/api/graphs/{graph_id}/execute")).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/executions/none"),
        ("GET", "/api/executions/none/metrics"),
        ("GET", "/api/executions/none/logs"),
        ("POST", "/api/executions/none/pause"),
        ("POST", "/api/executions/none/resume"),
        ("POST", "/api/executions/none/complete"),
        ("POST", "/api/executions/none/stop"),
        ("GET", "/api/graphs/none"),
        ("DELETE", "/api/graphs/none"),
        ("POST", "/api/graphs/none/execute"),
        ("GET", "/api/components/none"),
    ],
)
async def test_what_does_not_exist_is_404(method: str, path: str) -> None:
    """Unknown ids are refused with 404, a code and the id."""
    async with open_service() as service:
        reply = await service.client.request(method, path)
        assert (reply.status_code, reply.json()["code"].endswith(".not_found")) == (404, True)
        assert "none" in reply.json()["error"]


async def test_a_spinning_component_is_stopped_and_delays_nobody_for_long() -> None:
    """While a component spins the service answers; stop ends it; the next execution runs."""
    async with open_service() as service:
        await service.client.post("/api/components", json=SPIN)
        spinning = await service.start(single("custom.spin"))
        await service.inject(spinning, "only", 1)
        assert (await service.client.get("/api/health")).status_code == 200
        stopped = await service.client.post(f"/api/executions/{spinning}/stop")
        assert stopped.json()["state"] == "cancelled"
        execution = await service.start(PASS)
        await service.inject(execution, "only", 1)
        assert (await service.processed(execution, 1))["messagesProcessed"] == 1
