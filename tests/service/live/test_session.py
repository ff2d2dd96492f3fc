"""A live client's commands, answers and events, and what is promised of their order."""

from typing import Any

import pytest
import trio

from proto.events import Command
from service.live.limits import PERSONAL_EVENTS, SUBSCRIPTIONS
from tests.service.live.live_runtime import LiveRuntime, SessionClient, chain, open_live_runtime
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")

MANUAL = {"completion": "manual"}


async def running(live: LiveRuntime, *nodes: str, **options: Any) -> tuple[SessionClient, str]:
    """A client and the execution that it has started."""
    client = live.open_client()
    return client, await client.start(await live.load(chain(*nodes)), **{**MANUAL, **options})


async def test_a_client_hears_an_execution_from_its_start_to_its_end() -> None:
    """Start joins by itself: started, then each call and hop in the engine's order, then the end with metrics."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b", "c")
        await client.say(
            "execution:inject", executionId=execution_id, nodeId="a", port="in", value={"n": 21}, final=True
        )
        await client.wait_for("execution:completed")
    told = [name for name in client.names if name not in {"metrics:update", "execution:injected"}]
    hop = ["component:invoked", "port:emit"]
    assert told == ["execution:started", *hop, *hop, "component:invoked", "execution:completed"]
    first, second = client.heard("port:emit")
    assert (first["sourceNode"], first["sourcePort"], first["targetNode"], first["targetPort"]) == (
        "a",
        "out",
        "b",
        "in",
    )
    assert first["value"] == second["value"] == {"n": 21}
    assert first["sequence"] < second["sequence"]
    (end,) = client.heard("execution:completed")
    assert (end["state"], end["metrics"]["messagesProcessed"]) == ("completed", 3)
    assert end["completedAt"]


async def test_the_commands_that_are_listed_are_obeyed() -> None:
    """What documents and descriptions list is what a session takes, and the other way round."""
    async with open_live_runtime() as live:
        commands = live.open_client().session._commands
    assert sorted(commands) == sorted(Command)


async def test_every_command_is_answered_with_ids_and_state() -> None:
    """Answers name the execution and its state, and an injection says what became of it."""
    async with open_live_runtime() as live:
        graph_id = await live.load(chain("a", "b"))
        client = live.open_client()
        started = await client.say("execution:start", graphId=graph_id, **MANUAL)
        execution_id = started["executionId"]
        assert (started["graphId"], started["state"]) == (graph_id, "running")
        message = {"executionId": execution_id, "nodeId": "a", "port": "in", "value": None}
        states = {
            command: (await client.say(f"execution:{command}", executionId=execution_id))["state"]
            for command in ("subscribe", "pause", "resume", "pause")
        }
        assert states == {"subscribe": "running", "pause": "paused", "resume": "running"}
        held = await client.say("execution:inject", **message)
        assert (held["accepted"], held["queued"], held["nodeId"], held["port"]) == (1, True, "a", "in")
        assert (await client.say("execution:unsubscribe", executionId=execution_id)) == {
            "executionId": execution_id
        }
        stopped = await client.say("execution:stop", executionId=execution_id)
        assert (stopped["state"], stopped["unprocessed"]) == ("cancelled", 1)


async def test_pause_and_resume_are_told_to_all_who_watch() -> None:
    """Whoever gives the command, each subscriber hears of the state in order."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        other = live.open_client()
        await other.say("execution:subscribe", executionId=execution_id)
        for command in ("pause", "resume", "pause", "stop"):
            await client.say(f"execution:{command}", executionId=execution_id)
        await other.wait_for("execution:completed")
        lifecycle = [name for name in other.names if name != "metrics:update"]
    assert lifecycle == [
        "execution:state",
        "execution:paused",
        "execution:resumed",
        "execution:paused",
        "execution:completed",
    ]
    assert other.heard("execution:completed")[0]["state"] == "cancelled"
    assert other.heard("execution:paused")[0] == {"executionId": execution_id, "state": "paused"}


async def test_a_failure_is_told_with_its_error() -> None:
    """execution:failed names the message and the node; the client who started hears of it too."""
    async with open_live_runtime() as live:
        component = "symbia.core.map"
        graph = single(component, config={"expression": "value.missing.field"})
        client = live.open_client()
        execution_id = await client.start(await live.load(graph), **MANUAL)
        await client.say("execution:inject", executionId=execution_id, nodeId="only", port="in", value=None)
        (failed,) = await client.wait_for("execution:failed")
    assert failed["state"] == "failed"
    assert failed["error"]["nodeId"] == "only"
    assert "TypeError" in failed["error"]["message"]
    assert failed["metrics"]["errorCount"] == 1


async def test_an_execution_that_ended_shows_its_state_and_its_end() -> None:
    """Who subscribes too late gets execution:state and the final event at once, and no subscription."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        await client.say("execution:stop", executionId=execution_id)
        await client.wait_for("execution:completed")
        late = live.open_client()
        answer = await late.say("execution:subscribe", executionId=execution_id)
        await late.wait_for("execution:completed")
        assert live.hub.counters.subscriptions == 0
    assert answer["state"] == "cancelled"
    assert late.names == ["execution:state", "execution:completed"]


async def test_after_unsubscribing_nothing_more_comes() -> None:
    """The client hears no more, and the engine is not watched any more."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        await client.wait_for("execution:started")
        await client.say("execution:unsubscribe", executionId=execution_id)
        count = len(client.names)
        await client.say("execution:inject", executionId=execution_id, nodeId="a", port="in", value=1)
        await trio.sleep(1)
        assert client.names[count:] == ["execution:injected"]
        assert live.runtime._executions.underway[execution_id].shared.flow_observers == ()


async def test_who_wants_no_flow_costs_the_engine_nothing() -> None:
    """Lifecycle and metrics alone do not make the engine tell of each hop; the first who wants hops does."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b", events=["metrics:update"])
        shared = live.runtime._executions.underway[execution_id].shared
        assert shared.flow_observers == ()
        await client.say("execution:subscribe", executionId=execution_id)
        assert len(shared.flow_observers) == 1


@pytest.mark.parametrize(
    ("event", "data", "code"),
    [
        ("execution:subscribe", {"executionId": "none"}, "execution.not_found"),
        ("execution:start", {"graphId": "none"}, "graph.not_found"),
        ("execution:pause", {"executionId": "none"}, "execution.not_found"),
        ("execution:stop", {}, "body.unreadable"),
        ("execution:subscribe", {"executionId": 7}, "body.unreadable"),
        ("execution:subscribe", {"executionId": "x", "node": ["a"]}, "body.unreadable"),
        ("execution:inject", {"executionId": "none", "nodeId": "a", "port": "in"}, "body.unreadable"),
        ("execution:dance", {"executionId": "none"}, "event.unknown"),
    ],
)
async def test_a_refusal_is_an_answer_and_an_error_event(event: str, data: dict[str, Any], code: str) -> None:
    """What is refused is said twice: to whoever asked for an answer, and to whoever listens for ``error``."""
    async with open_live_runtime() as live:
        client = live.open_client()
        answer = await client.say(event, **data)
        (error,) = await client.wait_for("error")
    assert answer["code"] == error["code"] == code
    assert answer["error"] == error["message"]
    for name in ("executionId", "graphId"):
        if isinstance(data.get(name), str):
            assert answer[name] == error[name] == data[name]


async def test_a_payload_that_is_no_object_is_refused() -> None:
    """Whatever stands in the place of a payload, the client hears what is wrong with it."""
    async with open_live_runtime() as live:
        client = live.open_client()
        for payload in (b"null", b"[]", b"7", b"{", b"\xff", b"[" * 100_000):
            answer = await client.session.handle("execution:subscribe", payload)
            assert getattr(answer, "code", "") == "body.unreadable"


async def test_a_subscription_is_held_against_the_version_that_runs() -> None:
    """A graph that was replaced has other nodes; those of its running execution can be chosen, and no others."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        graph_id = live.runtime.execution(execution_id).snapshot().graph_id
        await live.runtime.library.replace_graph(graph_id, chain("c"))
        chosen = await client.say("execution:subscribe", executionId=execution_id, nodes=["a"], edges=["e0"])
        refused = await client.say("execution:subscribe", executionId=execution_id, nodes=["c"])
        assert (chosen["state"], refused["code"]) == ("running", "subscription.invalid")


async def test_only_so_many_executions_are_watched_at_once() -> None:
    """One more than the limit is refused, and starts nothing."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        (reading,) = client.session._readings.values()
        client.session._readings |= {str(number): reading for number in range(SUBSCRIPTIONS - 1)}
        graph_id = live.runtime.execution(execution_id).snapshot().graph_id
        refused = await client.say("execution:start", graphId=graph_id)
        assert refused["code"] == "subscription.limit"
        assert len(live.runtime.executions()) == 1
        client.session._readings = {execution_id: reading}


async def test_a_stopping_service_takes_no_more_work_and_still_obeys_a_stop() -> None:
    """Start, inject, pause and resume are refused; stop and subscribe are not."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        live.readiness.withdraw()
        assert (await client.say("execution:pause", executionId=execution_id))["code"] == "service.stopping"
        assert (await client.say("execution:subscribe", executionId=execution_id))["state"] == "running"
        assert (await client.say("execution:stop", executionId=execution_id))["state"] == "cancelled"


async def test_metrics_come_at_a_bounded_rate_and_only_while_something_changes() -> None:
    """Four a second while messages flow; none once all is quiet and the rates have come down to nothing."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b", events=["metrics:update"])
        for value in range(40):
            await client.say("execution:inject", executionId=execution_id, nodeId="a", port="in", value=value)
            await trio.sleep(0.05)
        assert 7 <= len(client.heard("metrics:update")) <= 9
        assert client.heard("metrics:update")[-1]["metrics"]["messagesProcessed"] > 60
        await trio.sleep(60)
        count = len(client.heard("metrics:update"))
        await trio.sleep(60)
        assert len(client.heard("metrics:update")) == count


async def test_a_client_that_sends_and_does_not_read_is_not_listened_to() -> None:
    """Its commands wait as soon as too many answers wait for it; when it reads again they go on."""
    async with open_live_runtime() as live:
        client = live.open_client()
        client.memory.hold()
        done = 0

        async def complain() -> None:
            nonlocal done
            for _ in range(300):
                await client.say("execution:pause", executionId="none")
                done += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(complain)
            await trio.sleep(1)
            assert done <= 2 * PERSONAL_EVENTS + 1  # those being sent, and those that wait
            client.memory.release()
        assert len(await client.wait_for("error", 300)) == 300


async def test_a_start_that_fails_to_initialise_is_told() -> None:
    """The answer has the state and the error, and the event execution:failed comes as well."""
    async with open_live_runtime() as live:
        await live.runtime.library.register_component(
            {
                "id": "custom.broken",
                "name": "Broken",
                "version": "1.0.0",
                "ports": {"inputs": [{"name": "in"}], "outputs": []},
                "execution": {
                    "type": "javascript",
                    "source": "return { initialize() { throw new Error('no') }, process() {} }",
                },
            }
        )
        client = live.open_client()
        answer = await client.say("execution:start", graphId=await live.load(single("custom.broken")))
        (failed,) = await client.wait_for("execution:failed")
    assert answer["state"] == "failed"
    assert answer["error"] == failed["error"]
    assert failed["error"]["nodeId"] == "only"


async def test_a_mistake_in_the_telling_ends_one_watch_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be encoded cuts those who watch it off; the execution and the other watches go on."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        other, other_id = await running(live, "a", "b")
        await client.wait_for("execution:started")
        await other.wait_for("execution:started")

        def fail(*_: object, **__: object) -> None:
            raise ValueError("no")

        watch = live.hub._watches[execution_id]
        monkeypatch.setattr(watch._encoder, "hop", fail)
        for each, identifier in ((client, execution_id), (other, other_id)):
            await each.say("execution:inject", executionId=identifier, nodeId="a", port="in", value=1)
        await other.wait_for("port:emit")
        assert client.memory.is_cut
        assert not other.memory.is_cut
        assert (await other.say("execution:subscribe", executionId=execution_id))["state"] == "running"


@pytest.mark.parametrize("command", ["execution:stop", "execution:complete"])
async def test_the_end_says_what_is_unprocessed(command: str) -> None:
    """Accepted messages that a stop cuts off are counted in its event; none where the execution completed."""
    delay = single("symbia.core.delay")
    delay["nodes"][0]["config"] = {"ms": 60_000}
    async with open_live_runtime() as live:
        client = live.open_client()
        execution_id = await client.start(await live.load(delay), **MANUAL)
        for value in (1, 2):
            await client.say("execution:inject", executionId=execution_id, nodeId="only", port="in", value=value)
        await client.say(command, executionId=execution_id)
        await client.wait_for("execution:completed")
        late = live.open_client()
        await late.say("execution:subscribe", executionId=execution_id)
        await late.wait_for("execution:state")
    (end,) = client.heard("execution:completed")
    left = 2 if command == "execution:stop" else 0
    assert (end["unprocessed"], late.heard("execution:state")[0].get("unprocessed", 0)) == (left, left)


async def test_a_reload_is_a_command_and_an_event() -> None:
    """The plan on request; the change, and what it came to, for all who watch; and the way back."""
    async with open_live_runtime() as live:
        client, execution_id = await running(live, "a", "b")
        wanted = {"executionId": execution_id, "configs": {"a": {}}}
        plan = (await client.say("execution:reload", **wanted, dryRun=True))["plan"]
        assert [node["change"] for node in plan["nodes"]] == ["kept", "kept"]
        report = (await client.say("execution:reload", **wanted))["reload"]
        assert (report["state"], report["revision"]) == ("done", 2)
        assert (await client.say("execution:rollback", executionId=execution_id))["reload"]["revision"] == 3
        await client.wait_for("execution:reloaded", 4)
    told = [(each["number"], each["reload"]) for each in client.heard("execution:reloaded")]
    assert told == [(1, "switching"), (1, "done"), (2, "switching"), (2, "done")]
