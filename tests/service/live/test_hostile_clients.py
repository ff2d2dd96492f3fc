"""Clients that ask for too much, or for nonsense: refused in words, and never at the cost of others."""

from typing import Any

import pytest
import trio

from proto.codec import encode
from service.live.limits import FEED_BYTES, NAMES, PERSONAL_BYTES
from service.socketio.wakeups import TASKS_PER_ROUND
from tests.service.live.live_runtime import chain, open_live_runtime

pytestmark = pytest.mark.usefixtures("autojump_clock")


@pytest.mark.parametrize(
    ("selection", "path"),
    [
        ({"maxPerSecond": 0}, "maxPerSecond"),
        ({"maxPerSecond": -5}, "maxPerSecond"),
        ({"maxValueBytes": -1}, "maxValueBytes"),
        ({"nodes": ["a"] * (NAMES + 1)}, "nodes"),
        ({"edges": [0] * (NAMES + 1)}, "edges"),
        ({"events": ["port:emit"] * (NAMES + 1)}, "events"),
    ],
)
async def test_a_start_chooses_within_the_bounds_of_a_subscription(selection: dict[str, Any], path: str) -> None:
    """What execution:subscribe refuses of a selection, execution:start refuses too, and starts nothing."""
    async with open_live_runtime() as live:
        client = live.open_client()
        answer = await client.say("execution:start", graphId=await live.load(chain("a", "b")), **selection)
        (problem,) = answer["problems"]
        assert problem["path"] == path
        assert live.runtime.executions() == []


async def test_long_answers_wait_in_bounded_memory() -> None:
    """A client that makes a thousand mistakes at a time and does not read is heard no more after some of them."""
    async with open_live_runtime() as live:
        client = live.open_client()
        execution_id = await client.start(await live.load(chain("a", "b")), completion="manual")
        client.memory.hold()
        wrong = ["no such event"] * NAMES
        done = 0

        async def complain() -> None:
            nonlocal done
            while True:
                answer = await client.say("execution:subscribe", executionId=execution_id, events=wrong)
                assert len(answer["problems"]) == NAMES
                done += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(complain)
            await trio.sleep(1)
            assert 1 <= done <= 2 * PERSONAL_BYTES // 200_000 + 2  # of each 200,000 bytes; some are being sent
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("event", ["execution:subscribe", "execution:stop", "execution:start", "execution:inject"])
async def test_an_endless_id_is_refused_and_not_repeated(event: str) -> None:
    """Neither the answer nor the event error bears an id that is none."""
    async with open_live_runtime() as live:
        client = live.open_client()
        data = {"graphId" if event == "execution:start" else "executionId": "x" * 500_000}
        answer = await client.say(event, **data)
        (error,) = await client.wait_for("error")
        assert answer["code"] == error["code"]
        assert "200" in error["message"]
        assert len(encode([answer, error])) < 2_000


@pytest.mark.parametrize(("size", "count"), [(20_000, 500), (200_000, 50), (900_000, 10)])
async def test_large_values_reach_whoever_reads(size: int, count: int) -> None:
    """Values that together are far more than a feed keeps go out one after the other, and none is given up."""
    async with open_live_runtime() as live:
        client = live.open_client()
        graph_id = await live.load(chain("a", "b"))
        execution_id = await client.start(graph_id, completion="manual", events=["port:emit"])
        message = {"nodeId": "a", "port": "in", "value": "x" * size}
        await client.say("execution:inject", executionId=execution_id, messages=[message] * count)
        await client.wait_for("port:emit", count)
        assert count * size > FEED_BYTES
        assert client.heard("events:skipped") == []


async def test_many_watchers_take_turns() -> None:
    """Of three hundred clients that hear the same event, a few send in each round of the loop."""
    async with open_live_runtime(metrics_seconds=None) as live:
        graph_id = await live.load(chain("a", "b"))
        clients = [live.open_client() for _ in range(300)]
        execution_id = await clients[0].start(graph_id, completion="manual")
        for client in clients[1:]:
            await client.say("execution:subscribe", executionId=execution_id)
        await trio.sleep(1)
        most = 0

        def writes() -> int:
            return sum(client.memory.writes for client in clients)

        await clients[0].say("execution:pause", executionId=execution_id)
        before = writes()
        while not all(client.heard("execution:paused") for client in clients):
            await trio.lowlevel.checkpoint()
            most, before = max(most, writes() - before), writes()
        assert 1 <= most <= 2 * TASKS_PER_ROUND


async def test_who_comes_later_hears_the_figures_of_an_idle_execution() -> None:
    """Figures that do not change any more are told once to whoever has not heard them, and then no more."""
    async with open_live_runtime() as live:
        first, second = live.open_client(), live.open_client()
        graph_id = await live.load(chain("a", "b"))
        execution_id = await first.start(graph_id, completion="manual", events=["statistics:update"])
        await first.wait_for("statistics:update")
        await trio.sleep(5)
        await second.say("execution:subscribe", executionId=execution_id, events=["statistics:update"])
        await second.wait_for("statistics:update")
        await trio.sleep(5)
        assert len(second.heard("statistics:update")) == 1
