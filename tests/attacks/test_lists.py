"""Lists, snapshots and figures of executions with a thousand nodes: read in slices, and no more than is shown.

The test suite's stopwatch fails a test in which a step takes more than 50 ms; before, one list took a second for
thirty such executions, whatever its limit.
"""

import time
from typing import Any

import msgspec
import pytest

from engine.cooperative.encoding import PAGE_BYTES
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.attacks.test_documents import asked_for_health, component, edge, graph_of
from tests.service.serving import Service, open_service

NODES = 1_000
LARGE = graph_of(
    [{"id": str(number), "component": "symbia.core.passthrough"} for number in range(NODES)],
    [edge(f"{number}:out", f"{number + 1}:in") for number in range(NODES - 1)],
)
"""A chain: one message is seen by every node, so that every node has something to tell."""

UNTIL_STOPPED = {"completion": "manual", "timeoutMs": 0}


async def start(service: Service) -> str:
    """An execution of the large graph whose nodes have all worked."""
    execution_id = await service.start(LARGE, **UNTIL_STOPPED)
    await service.inject(execution_id, "0", 1)
    await service.processed(execution_id, NODES)
    return execution_id


PATHS = (
    "/api/executions",
    "/api/executions?limit=1",
    "/api/executions/{id}",
    "/api/executions/{id}/metrics",
    "/api/executions/{id}/statistics",
    "/api/executions/{id}/logs",
    "/api/graphs",
    "/api/stats",
    "/metrics",
)


async def test_whatever_is_asked_of_large_executions_nobody_waits_for_it() -> None:
    """Every route that looks at executions answers in full, and others are answered meanwhile."""
    async with open_service() as service:
        started = [await start(service) for _ in range(3)]
        async with asked_for_health(service):
            for path in PATHS:
                reply = await service.client.get(path.format(id=started[0]))
                assert reply.status_code == 200, path
        listed = (await service.client.get("/api/executions")).json()
        assert [each["id"] for each in listed["executions"]] == started
        assert {each["metrics"]["messagesProcessed"] for each in listed["executions"]} == {NODES}
        assert {each["instanceCount"] for each in listed["executions"]} == {NODES}
        shown = (await service.client.get(f"/api/executions/{started[0]}")).json()
        assert [instance["metrics"]["invocations"] for instance in shown["instances"]] == [1] * NODES
        statistics = (await service.client.get(f"/api/executions/{started[0]}/statistics")).json()
        assert (len(statistics["nodes"]), len(statistics["edges"])) == (NODES, NODES - 1)
        stats = (await service.client.get("/api/stats")).json()
        assert (stats["activeExecutions"], stats["totalMessagesProcessed"]) == (3, 3 * NODES)


async def test_commands_and_ends_of_large_executions_hold_nobody_up() -> None:
    """Every command answers with a state, and the end of an execution is kept as it was."""
    async with open_service() as service:
        execution_id = await start(service)
        async with asked_for_health(service):
            for command, state in (("pause", "paused"), ("resume", "running"), ("stop", "cancelled")):
                reply = await service.client.post(f"/api/executions/{execution_id}/{command}")
                assert reply.json()["state"] == state
        ended = (await service.client.get(f"/api/executions/{execution_id}")).json()
        assert ended["metrics"]["messagesProcessed"] == NODES
        assert len(ended["instances"]) == NODES
        stats = (await service.client.get("/api/stats")).json()
        assert (stats["activeExecutions"], stats["totalMessagesProcessed"]) == (0, NODES)


async def run(runtime: Runtime, graph: Any, count: int) -> None:
    loaded = await runtime.library.load_graph(graph)
    for _ in range(count):
        execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual", timeout_ms=0))
        await runtime.execution(execution.id).inject([Injection("0", "in", msgspec.Raw(b"1"))])
        await runtime.execution(execution.id).wait_quiescent()


async def test_a_page_costs_what_is_on_it() -> None:
    """One execution is listed for the price of one, although there are four times as many."""
    seconds = []
    graph = graph_of(LARGE["nodes"][:200], LARGE["edges"][:199])
    async with open_runtime() as runtime:
        for more in (4, 12):
            await run(runtime, graph, more)
            began = time.thread_time()
            for _ in range(20):
                page, total = await runtime.list_executions(limit=1)
            seconds.append(time.thread_time() - began)
            assert len(page) == 1
        assert total == 16
    assert seconds[1] < 2.5 * seconds[0]


async def test_a_page_is_bounded_in_bytes() -> None:
    """Components with long descriptions are listed on several pages; none is lost between them."""
    async with open_service() as service:
        for number in range(24):
            long = component(id=f"custom.long{number}", description="x" * 250_000)
            assert (await service.client.post("/api/components", json=long)).status_code == 201
        seen: list[str] = []
        async with asked_for_health(service):
            while True:
                reply = await service.client.get("/api/components", params={"offset": len(seen)})
                assert len(reply.content) < PAGE_BYTES * 1.1
                page = reply.json()
                seen += [each["id"] for each in page["components"]]
                assert page["count"] == len(page["components"]) > 0
                if len(seen) == page["total"]:
                    break
        assert len(set(seen)) == len(seen)
        assert {f"custom.long{number}" for number in range(24)} < set(seen)


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_page_of_executions_is_the_right_one(limit: int) -> None:
    """Offset, limit and filters count executions in the order of their beginning, ended or not."""
    async with open_runtime() as runtime:
        await run(runtime, graph_of(LARGE["nodes"][:1]), 4)
        ids = runtime.underway()
        await runtime.execution(ids[0]).stop()
        page, total = await runtime.list_executions(offset=1, limit=limit)
        assert ([each.id for each in page], total) == (ids[1 : 1 + limit], 4)
        assert await runtime.list_executions(owner="nobody") == ([], 0)
        (ended,), _ = await runtime.list_executions(state=runtime.execution(ids[0]).snapshot().state)
        assert ended.id == ids[0]
