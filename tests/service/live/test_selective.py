"""Selective watching: chosen nodes, edges and events, sampled, cut and batched; and what a slow client misses."""

from typing import Any

import pytest
import trio
import trio.testing

from service.live.limits import FEED_EVENTS
from tests.service.live.live_runtime import LiveRuntime, SessionClient, chain, open_live_runtime
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")

FLOW = ["port:emit", "component:invoked"]


async def watching(live: LiveRuntime, **selection: Any) -> tuple[SessionClient, str]:
    """Somebody who watches a chain of a, b, c and d with a selection, and has heard its state."""
    client = live.open_client()
    graph_id = await live.load(chain("a", "b", "c", "d"))
    execution_id = await client.start(graph_id, completion="manual", **{"events": FLOW, **selection})
    await client.wait_for("execution:started")
    return client, execution_id


async def push(client: SessionClient, execution_id: str, *values: Any) -> None:
    """Inject values at a, and wait until they are through."""
    messages = [{"nodeId": "a", "port": "in", "value": value} for value in values]
    assert "error" not in await client.say("execution:inject", executionId=execution_id, messages=messages)
    await trio.sleep(0.5)


def places(client: SessionClient) -> list[str]:
    """Where each event of the flow happened."""
    return [
        each["nodeId"] if "nodeId" in each else f"{each['sourceNode']}>{each['targetNode']}"
        for each in client.heard(*FLOW)
    ]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, ["a", "a>b", "b", "b>c", "c", "c>d", "d"]),
        ({"nodes": ["b"]}, ["a>b", "b", "b>c"]),
        ({"edges": ["e1"]}, ["b>c"]),
        ({"edges": [2]}, ["c>d"]),
        ({"nodes": ["a"], "edges": ["e2"]}, ["a", "a>b", "c>d"]),
        ({"events": ["port:emit"]}, ["a>b", "b>c", "c>d"]),
        ({"events": ["component:invoked"], "nodes": ["d"]}, ["d"]),
        ({"events": []}, []),
    ],
)
async def test_only_what_was_chosen_comes(selection: dict[str, Any], expected: list[str]) -> None:
    """Nodes choose what concerns them, edges what travels along them, events their names; together, either."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, **selection)
        await push(client, execution_id, 1)
        assert places(client) == expected
        await client.say("execution:stop", executionId=execution_id)
        await client.wait_for("execution:completed")  # whatever was chosen


@pytest.mark.parametrize(
    ("selection", "complaint"),
    [
        ({"nodes": ["b", "x"]}, ("nodes[1]", "'x'")),
        ({"edges": ["e9"]}, ("edges[0]", "'e9'")),
        ({"edges": [3]}, ("edges[0]", "3")),
        ({"edges": [-1]}, ("edges[0]", "-1")),
        ({"events": ["port:emits"]}, ("events[0]", "port:emit,")),
        ({"maxPerSecond": 0}, ("maxPerSecond", "1")),
        ({"maxValueBytes": -1}, ("maxValueBytes", "0")),
        ({"nodes": "b"}, ("nodes", "array")),
        ({"batch": "yes"}, ("batch", "bool")),
    ],
)
async def test_a_bad_subscription_is_refused_with_its_place(
    selection: dict[str, Any], complaint: tuple[str, str]
) -> None:
    """The problem names the field and what is wrong with it; what was subscribed before stays."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live)
        answer = await client.say("execution:subscribe", executionId=execution_id, **selection)
        (problem,) = answer["problems"]
        assert problem["path"] == complaint[0]
        assert complaint[1] in problem["message"]
        await push(client, execution_id, 1)
        assert len(places(client)) == 7


async def test_a_bad_choice_starts_nothing() -> None:
    """What is wrong with the selection of a start is said before anything runs."""
    async with open_live_runtime() as live:
        client = live.open_client()
        answer = await client.say("execution:start", graphId=await live.load(chain("a", "b")), nodes=["x"])
        assert answer["code"] == "subscription.invalid"
        assert live.runtime.executions() == []


async def test_sampling_shows_so_many_a_second_and_counts_the_rest() -> None:
    """Of a hundred values two a second are shown of each edge; the next says how many were not."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, maxPerSecond=2, edges=["e0"])
        await push(client, execution_id, *range(100))
        await trio.sleep(1)
        await push(client, execution_id, *range(5))
        shown = client.heard("port:emit")
        assert [each["value"] for each in shown] == [0, 1, 0, 1]
        assert [each.get("skipped", 0) for each in shown] == [0, 0, 98, 0]
        await client.say("execution:stop", executionId=execution_id)
        await client.wait_for("execution:completed")
        assert client.heard("events:skipped") == [{"executionId": execution_id, "count": 3, "reason": "sampled"}]
        assert client.names[-2:] == ["events:skipped", "execution:completed"]


async def test_large_values_are_cut_and_say_so() -> None:
    """A value beyond maxValueBytes is the beginning of its text; the size of the whole is told."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, maxValueBytes=10, edges=["e0"])
        await push(client, execution_id, "x" * 50, "short")
        first, second = client.heard("port:emit")
        assert (first["value"], first["truncated"], first["valueBytes"]) == ('"xxxxxxxxx', True, 52)
        assert second["value"] == "short"
        assert "truncated" not in second


async def test_the_service_shows_no_larger_values_than_it_wants_to() -> None:
    """A client may ask for less than the service's bound, and not for more."""
    async with open_live_runtime(max_value_bytes=10) as live:
        client, execution_id = await watching(live, maxValueBytes=1000, edges=["e0"])
        await push(client, execution_id, "x" * 50)
        assert client.heard("port:emit")[0]["truncated"] is True


async def test_batches_bring_many_events_in_one_message() -> None:
    """With batch the flow comes as events:batch, in the same order; lifecycle events stay themselves."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, batch=True)
        await push(client, execution_id, *range(10))
        batches = client.heard("events:batch")
        assert len(batches) < 10
        names = [each["event"] for batch in batches for each in batch]
        assert sorted(names) == ["component:invoked"] * 40 + ["port:emit"] * 30
        assert client.heard("port:emit") == []
        assert client.heard("execution:started")


async def test_outputs_failures_logs_and_statistics_come_to_those_who_name_them() -> None:
    """Events beyond the specification's come on request only, each with its place."""
    async with open_live_runtime() as live:
        graph = single("symbia.core.map", config={"expression": "value.a.b"}, onError="continue")
        graph["nodes"].append({"id": "log", "component": "symbia.core.logger"})
        client = live.open_client()
        wanted = ["port:output", "component:failed", "component:logged", "statistics:update"]
        execution_id = await client.start(await live.load(graph), completion="manual", events=wanted)
        messages = [
            {"nodeId": "only", "port": "in", "value": {"a": {"b": 7}}},
            {"nodeId": "only", "port": "in", "value": None},
            {"nodeId": "log", "port": "in", "value": "hello"},
        ]
        await client.say("execution:inject", executionId=execution_id, messages=messages)
        (failed,) = await client.wait_for("component:failed")
        outputs = await client.wait_for("port:output", 2)
        (logged,) = await client.wait_for("component:logged")
        statistics = (await client.wait_for("statistics:update"))[0]["statistics"]
    assert (failed["nodeId"], failed["errorName"]) == ("only", "TypeError")
    assert {(each["sourceNode"], each["value"]) for each in outputs} == {("only", 7), ("log", "hello")}
    assert (logged["nodeId"], logged["level"]) == ("log", "info")
    assert [node["nodeId"] for node in statistics["nodes"]] == ["only", "log"]


async def test_equal_wishes_share_their_bytes() -> None:
    """What two clients want alike is encoded once: they are handed the very same bytes."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, edges=["e0"])
        other = live.open_client()
        await other.say("execution:subscribe", executionId=execution_id, edges=["e0"], events=FLOW)
        await push(client, execution_id, 1)
        mine = [frame for frame in client.memory.frames if b"port:emit" in frame]
        theirs = [frame for frame in other.memory.frames if b"port:emit" in frame]
        assert len(mine) == len(theirs) == 1
        assert mine[0] is theirs[0]


async def test_many_events_leave_in_few_writes() -> None:
    """A burst is flushed together, not one write for each of its events."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live)
        before = client.memory.writes
        await push(client, execution_id, *range(200))
        assert len(places(client)) == 1400
        assert client.memory.writes - before < 40


async def test_subscribing_again_with_the_same_wishes_loses_nothing() -> None:
    """A second execution:subscribe goes on where the first one was; only its state comes once more."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live)
        messages = [{"nodeId": "a", "port": "in", "value": value} for value in range(50)]
        await client.say("execution:inject", executionId=execution_id, messages=messages)
        await trio.testing.wait_all_tasks_blocked()
        client.memory.hold()
        await client.say("execution:subscribe", executionId=execution_id, events=FLOW)
        client.memory.release()
        await trio.sleep(1)
        assert len(places(client)) == 350


async def test_a_slow_client_misses_flow_is_told_how_much_and_misses_no_lifecycle_event() -> None:
    """What came while it did not read is bounded; the rest is counted; others get everything."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, edges=["e0"], events=["port:emit"])
        slow = live.open_client()
        slow.memory.hold()
        await slow.say("execution:subscribe", executionId=execution_id, edges=["e0"], events=["port:emit"])
        count = FEED_EVENTS + 2_000
        for start in range(0, count, 500):
            await push(client, execution_id, *range(start, start + 500))
        for command in ("pause", "resume", "stop"):
            await client.say(f"execution:{command}", executionId=execution_id)
        await client.wait_for("execution:completed")
        slow.memory.release()
        await slow.wait_for("execution:completed")
        skipped = sum(each["count"] for each in slow.heard("events:skipped"))
        assert [each["value"] for each in client.heard("port:emit")] == list(range(count))
        got = [each["value"] for each in slow.heard("port:emit")]
        assert 2_000 <= skipped <= 2_500
        assert len(got) + skipped == count
        assert got == sorted(got)
        assert got[-1] == count - 1
        assert live.hub.counters.skipped == skipped
        lifecycle = [name for name in slow.names if name.startswith("execution:")]
        assert lifecycle == [f"execution:{name}" for name in ("state", "paused", "resumed", "completed")]
        assert live.hub.memory.used_bytes == 0


async def test_notes_beyond_their_bound_are_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An execution that is faster than the encoding loses events of its watchers, and each hears how many."""
    monkeypatch.setattr("service.live.execution_watch.NOTES", 100)
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, edges=["e0"], events=["port:emit"])
        await push(client, execution_id, *range(400))
        shown = len(client.heard("port:emit"))
        skipped = sum(each["count"] for each in client.heard("events:skipped"))
        assert shown < 400
        assert shown + skipped == 400
        (notice, *_) = client.heard("events:skipped")
        assert notice["reason"] == "slow"


@pytest.mark.long_steps("its hundreds of commands are one step of this test")
async def test_a_client_too_far_behind_in_lifecycle_events_is_cut() -> None:
    """Lifecycle events are never given up, so whoever lets too many of them wait has to go."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, events=[])
        slow = live.open_client()
        slow.memory.hold()
        await slow.say("execution:subscribe", executionId=execution_id, events=[])
        for _ in range(501):
            await client.say("execution:pause", executionId=execution_id)
            await client.say("execution:resume", executionId=execution_id)
        await trio.sleep(1)
        assert slow.memory.is_cut
        assert not client.memory.is_cut


async def test_an_execution_is_watched_in_a_bounded_number_of_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each distinct selection costs work of its own; one too many is refused, one that exists is not."""
    monkeypatch.setattr("service.live.execution_watch.SELECTIONS", 2)
    async with open_live_runtime() as live:
        _, execution_id = await watching(live)
        second, third = live.open_client(), live.open_client()
        assert "code" not in await second.say("execution:subscribe", executionId=execution_id)
        refused = await third.say("execution:subscribe", executionId=execution_id, nodes=["a"])
        assert refused["code"] == "subscription.limit"
        assert "code" not in await third.say("execution:subscribe", executionId=execution_id)


async def test_another_selection_takes_the_place_of_the_first() -> None:
    """What comes is what was chosen last, once, and one subscription is left, none after the end."""
    async with open_live_runtime() as live:
        client, execution_id = await watching(live, edges=["e0"])
        await client.say("execution:subscribe", executionId=execution_id, edges=["e2"], events=FLOW)
        assert live.hub.counters.subscriptions == 1
        await push(client, execution_id, 1)
        assert places(client) == ["c>d"]
        await client.say("execution:stop", executionId=execution_id)
        await client.wait_for("execution:completed")
        assert len(client.heard("execution:completed")) == 1
        assert live.hub.counters.subscriptions == 0


def _nested(*, edge: str = "") -> dict[str, Any]:
    """Node a before a graph whose one input leads to two nodes."""
    nodes = [{"id": each, "component": "symbia.core.passthrough"} for each in ("x", "y")]
    ports = {"inputs": [{"name": "in", "bind": [{"node": "x", "port": "in"}, {"node": "y", "port": "in"}]}]}
    return {
        "symbia": "1.0",
        "name": "nested",
        "nodes": [
            {"id": "a", "component": "symbia.core.passthrough"},
            {"id": "g", "graph": {"nodes": nodes, "edges": [], "ports": ports}},
        ],
        "edges": [{"id": edge, "source": {"node": "a", "port": "out"}, "target": {"node": "g", "port": "in"}}],
    }


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"nodes": ["g"], "events": ["component:invoked"]}, ["g/x", "g/y"]),
        ({"nodes": ["g/y"], "events": ["component:invoked"]}, ["g/y"]),
        ({"edges": ["over"], "events": ["port:emit"]}, ["a>g/x", "a>g/y"]),
    ],
)
async def test_a_graph_inside_is_watched_by_its_path(selection: dict[str, Any], expected: list[str]) -> None:
    """As a whole or node by node; an edge to it is all edges that it has become."""
    async with open_live_runtime() as live:
        client = live.open_client()
        graph_id = await live.load(_nested(edge="over"))
        execution_id = await client.start(graph_id, completion="manual", **selection)
        await client.wait_for("execution:started")
        await push(client, execution_id, 1)
        assert sorted(places(client)) == expected
