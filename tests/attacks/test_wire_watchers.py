"""Clients that watch much: what is read for them is rationed, what waits for them is bounded, others go on."""

from typing import Any

import pytest
import trio

from service.live.feed import BASE_BYTES
from service.live.limits import FEED_BYTES, MEASURED_AT_ONCE, MEASURED_PER_SECOND
from tests.service.live.live_runtime import LiveRuntime, SessionClient, chain, open_live_runtime

pytestmark = pytest.mark.usefixtures("autojump_clock")

NODES = 1_000
SMALL_FEEDS_BYTES = 20_000_000
MEGABYTE = "x" * 1_000_000


def large() -> dict[str, Any]:
    """A graph of a thousand nodes in a row."""
    return chain(*(f"node-{index}" for index in range(NODES)))


async def keep_moving(client: SessionClient, execution_ids: list[str]) -> None:
    """Let the figures of executions change all the time."""
    while True:
        for execution_id in execution_ids:
            await client.say(
                "execution:inject", executionId=execution_id, nodeId=f"node-{NODES - 1}", port="in", value=1
            )
        await trio.sleep(0.5)


async def test_figures_of_large_executions_are_read_in_short_steps_and_at_a_bounded_rate() -> None:
    """However many of them a client watches, their figures cost a share of the time, and each has its turn."""
    async with open_live_runtime() as live, trio.open_nursery() as nursery:
        client = live.open_client()
        graph_id = await live.load(large())
        options = {"completion": "manual", "events": ["statistics:update", "metrics:update"]}
        watched = [await client.start(graph_id, **options) for _ in range(5)]
        nursery.start_soon(keep_moving, client, watched)
        await trio.sleep(10)
        told = client.heard("statistics:update")
        assert {each["executionId"] for each in told} == set(watched)
        assert 5 <= len(told) <= (10 * MEASURED_PER_SECOND + MEASURED_AT_ONCE) / (2 * NODES - 1) + 1
        assert len(told[0]["statistics"]["nodes"]) == NODES
        nursery.cancel_scope.cancel()


async def test_figures_of_small_executions_come_as_often_as_they_may() -> None:
    """Whoever watches little is not slowed by the ration."""
    async with open_live_runtime(metrics_seconds=0.25) as live, trio.open_nursery() as nursery:
        client = live.open_client()
        options = {"completion": "manual", "events": ["statistics:update"]}
        execution_id = await client.start(await live.load(chain("a", "b")), **options)

        async def move() -> None:
            while True:
                await client.say("execution:inject", executionId=execution_id, nodeId="a", port="in", value=1)
                await trio.sleep(0.05)

        nursery.start_soon(move)
        await trio.sleep(10)
        assert len(client.heard("statistics:update")) >= 35
        nursery.cancel_scope.cancel()


async def test_many_selections_of_one_execution_are_encoded_in_short_steps() -> None:
    """A hundred of them, of large values and of many small ones; every test measures the steps."""
    async with open_live_runtime() as live:
        graph_id = await live.load(chain("a", "b"))
        clients = [live.open_client() for _ in range(100)]
        execution_id = await clients[0].start(graph_id, completion="manual", maxPerSecond=10_000)
        for number, client in enumerate(clients[1:], 1):
            await client.say("execution:subscribe", executionId=execution_id, maxPerSecond=number)
        message = {"nodeId": "a", "port": "in", "value": "x" * 200_000}
        await clients[0].say("execution:inject", executionId=execution_id, messages=[message] * 5)
        small = {"nodeId": "a", "port": "in", "value": 1}
        await clients[0].say("execution:inject", executionId=execution_id, messages=[small] * 1_000)
        await clients[0].wait_for("port:emit", 1_005)


async def test_large_values_for_whoever_reads_nothing_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value of a megabyte for thirty selections, again and again: what waits stays within its bounds."""
    monkeypatch.setattr("service.live.hub.ALL_FEEDS_BYTES", SMALL_FEEDS_BYTES)
    async with open_live_runtime() as live:
        graph_id = await live.load(chain("a", "b"))
        clients = [live.open_client() for _ in range(30)]
        execution_id = await clients[0].start(graph_id, completion="manual", events=["port:emit"])
        for number, client in enumerate(clients[1:], 1):
            chosen = {"events": ["port:emit"], "maxValueBytes": 10**6 - number}
            await client.say("execution:subscribe", executionId=execution_id, **chosen)
            client.memory.hold()
        most = 0
        for _ in range(30):
            await inject(clients[0], execution_id, MEGABYTE)
            await trio.sleep(0.5)
            most = max(most, live.hub.memory.used_bytes)
        assert FEED_BYTES < most <= SMALL_FEEDS_BYTES + 4_000_000  # the last events, and what was made of them
        held = live.runtime.ledger.statistics().kinds["feeds"]
        assert held == live.hub.memory.used_bytes
        for client in clients:
            client.session.close()
        await trio.sleep(2)
        assert live.hub.memory.used_bytes == 0
        assert live.runtime.ledger.statistics().kinds.get("feeds", 0) == 0


async def test_what_an_owner_has_no_memory_for_is_skipped_and_nothing_else() -> None:
    """Events are the first that an owner short of memory does without; they are counted, and injections go on."""
    async with open_live_runtime() as live:
        client = live.open_client()
        graph_id = await live.load(chain("a", "b"))
        execution_id = await client.start(graph_id, completion="manual", events=["port:emit"])
        await inject(client, execution_id, 1)
        await client.wait_for("port:emit")
        account = live.runtime.ledger.account("")
        ledger = live.runtime.ledger
        short = ledger.owner_bytes * 3 // 4 - ledger.held_by("")
        account.note(short, "held")
        client.memory.hold()
        for _ in range(20):
            await inject(client, execution_id, "x" * 900_000)
            await trio.sleep(0.1)
        assert live.hub.memory.used_bytes <= BASE_BYTES + 1_000_000
        account.close()
        client.memory.release()
        await inject(client, execution_id, 2)
        await client.wait_for("port:emit", 2)
        await trio.sleep(1)
        skipped = sum(each["count"] for each in client.heard("events:skipped"))
        assert skipped > 0
        assert skipped + len(client.heard("port:emit")) == 22


async def test_values_that_wait_for_encoding_are_bounded_for_all_executions_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A burst of large values in several executions, faster than anybody could encode: the rest is counted."""
    monkeypatch.setattr("service.live.hub.ALL_FEEDS_BYTES", SMALL_FEEDS_BYTES)
    async with open_live_runtime() as live:
        client = live.open_client()
        graph_id = await live.load(chain("a", "b"))
        watched = [await client.start(graph_id, completion="manual", events=["port:emit"]) for _ in range(8)]
        client.memory.hold()
        async with trio.open_nursery() as nursery:
            for execution_id in watched:
                nursery.start_soon(burst, live, execution_id)
        await trio.sleep(2)
        assert SMALL_FEEDS_BYTES // 2 < live.hub.memory.used_bytes <= SMALL_FEEDS_BYTES + 4_000_000
        client.session.close()
        await trio.sleep(2)
        assert live.hub.memory.used_bytes == 0


@pytest.mark.parametrize("name", ["inputs", "messages"])
async def test_a_command_with_many_messages_is_obeyed_in_short_steps(name: str) -> None:
    """As many as a frame holds: taken in or refused, while others go on (every test measures the steps)."""
    async with open_live_runtime() as live:
        client = live.open_client()
        graph_id = await live.load(chain("a", "b", "c"))
        many = [{"nodeId": "a", "port": "in", "value": 1}] * 22_000
        for _ in range(3):
            if name == "inputs":
                answer = await client.say("execution:start", graphId=graph_id, inputs=many)
            else:
                execution_id = await client.start(graph_id, completion="manual")
                answer = await client.say("execution:inject", executionId=execution_id, messages=many)
            assert "code" not in answer
            await trio.sleep(5)


async def burst(live: LiveRuntime, execution_id: str) -> None:
    """Ten large values at once."""
    client = live.open_client()
    message = {"nodeId": "a", "port": "in", "value": MEGABYTE}
    await client.say("execution:inject", executionId=execution_id, messages=[message] * 10)


async def inject(client: SessionClient, execution_id: str, value: Any) -> None:
    """Inject a value at the first node."""
    answer = await client.say("execution:inject", executionId=execution_id, nodeId="a", port="in", value=value)
    assert answer.get("accepted") == 1, answer
