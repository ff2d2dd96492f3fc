"""A live client's commands, answers and events, and what is promised of their order."""

from typing import Any

import pytest
import trio

from proto.events import Command
from service.live.limits import PERSONAL_EVENTS, SUBSCRIPTIONS
from tests.service.live.live_clients import Desk, Office, chain, open_office
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")

MANUAL = {"completion": "manual"}


async def running(office: Office, *nodes: str, **options: Any) -> tuple[Desk, str]:
    """A client and the execution that it has started."""
    desk = office.open_desk()
    return desk, await desk.start(await office.load(chain(*nodes)), **{**MANUAL, **options})


async def test_a_client_hears_an_execution_from_its_start_to_its_end() -> None:
    """Start joins by itself: started, then each call and hop in the engine's order, then the end with metrics."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b", "c")
        await desk.say(
            "execution:inject", executionId=execution_id, nodeId="a", port="in", value={"n": 21}, final=True
        )
        await desk.wait_for("execution:completed")
    told = [name for name in desk.names if name not in {"metrics:update", "execution:injected"}]
    hop = ["component:invoked", "port:emit"]
    assert told == ["execution:started", *hop, *hop, "component:invoked", "execution:completed"]
    first, second = desk.heard("port:emit")
    assert (first["sourceNode"], first["sourcePort"], first["targetNode"], first["targetPort"]) == (
        "a",
        "out",
        "b",
        "in",
    )
    assert first["value"] == second["value"] == {"n": 21}
    assert first["sequence"] < second["sequence"]
    (end,) = desk.heard("execution:completed")
    assert (end["state"], end["metrics"]["messagesProcessed"]) == ("completed", 3)
    assert end["completedAt"]


async def test_the_commands_that_are_listed_are_obeyed() -> None:
    """What documents and descriptions list is what a session takes, and the other way round."""
    async with open_office() as office:
        commands = office.open_desk().session._commands
    assert list(commands) == list(Command)


async def test_every_command_is_answered_with_ids_and_state() -> None:
    """Answers name the execution and its state, and an injection says what became of it."""
    async with open_office() as office:
        graph_id = await office.load(chain("a", "b"))
        desk = office.open_desk()
        started = await desk.say("execution:start", graphId=graph_id, **MANUAL)
        execution_id = started["executionId"]
        assert (started["graphId"], started["state"]) == (graph_id, "running")
        message = {"executionId": execution_id, "nodeId": "a", "port": "in", "value": None}
        states = {
            command: (await desk.say(f"execution:{command}", executionId=execution_id))["state"]
            for command in ("subscribe", "pause", "resume", "pause")
        }
        assert states == {"subscribe": "running", "pause": "paused", "resume": "running"}
        held = await desk.say("execution:inject", **message)
        assert (held["accepted"], held["queued"], held["nodeId"], held["port"]) == (1, True, "a", "in")
        assert (await desk.say("execution:unsubscribe", executionId=execution_id)) == {"executionId": execution_id}
        assert (await desk.say("execution:stop", executionId=execution_id))["state"] == "cancelled"


async def test_pause_and_resume_are_told_to_all_who_watch() -> None:
    """Whoever gives the command, each subscriber hears of the state in order."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b")
        other = office.open_desk()
        await other.say("execution:subscribe", executionId=execution_id)
        for command in ("pause", "resume", "pause", "stop"):
            await desk.say(f"execution:{command}", executionId=execution_id)
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
    async with open_office() as office:
        component = "symbia.core.map"
        graph = single(component, config={"expression": "value.missing.field"})
        desk = office.open_desk()
        execution_id = await desk.start(await office.load(graph), **MANUAL)
        await desk.say("execution:inject", executionId=execution_id, nodeId="only", port="in", value=None)
        (failed,) = await desk.wait_for("execution:failed")
    assert failed["state"] == "failed"
    assert failed["error"]["nodeId"] == "only"
    assert "TypeError" in failed["error"]["message"]
    assert failed["metrics"]["errorCount"] == 1


async def test_an_execution_that_ended_shows_its_state_and_its_end() -> None:
    """Who subscribes too late gets execution:state and the final event at once, and no subscription."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b")
        await desk.say("execution:stop", executionId=execution_id)
        await desk.wait_for("execution:completed")
        late = office.open_desk()
        answer = await late.say("execution:subscribe", executionId=execution_id)
        await late.wait_for("execution:completed")
        assert office.hub.counters.subscriptions == 0
    assert answer["state"] == "cancelled"
    assert late.names == ["execution:state", "execution:completed"]


async def test_after_unsubscribing_nothing_more_comes() -> None:
    """The client hears no more, and the engine is not watched any more."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b")
        await desk.wait_for("execution:started")
        await desk.say("execution:unsubscribe", executionId=execution_id)
        count = len(desk.names)
        await desk.say("execution:inject", executionId=execution_id, nodeId="a", port="in", value=1)
        await trio.sleep(1)
        assert desk.names[count:] == ["execution:injected"]
        assert office.runtime._executions[execution_id].shared.flow_observers == ()


async def test_who_wants_no_flow_costs_the_engine_nothing() -> None:
    """Lifecycle and metrics alone do not make the engine tell of each hop; the first who wants hops does."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b", events=["metrics:update"])
        shared = office.runtime._executions[execution_id].shared
        assert shared.flow_observers == ()
        await desk.say("execution:subscribe", executionId=execution_id)
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
    async with open_office() as office:
        desk = office.open_desk()
        answer = await desk.say(event, **data)
        (error,) = await desk.wait_for("error")
    assert answer["code"] == error["code"] == code
    assert answer["error"] == error["message"]
    for name in ("executionId", "graphId"):
        if isinstance(data.get(name), str):
            assert answer[name] == error[name] == data[name]


async def test_a_payload_that_is_no_object_is_refused() -> None:
    """Whatever stands in the place of a payload, the client hears what is wrong with it."""
    async with open_office() as office:
        desk = office.open_desk()
        for payload in (b"null", b"[]", b"7", b"{", b"\xff", b"[" * 100_000):
            answer = await desk.session.handle("execution:subscribe", payload)
            assert getattr(answer, "code", "") == "body.unreadable"


async def test_only_so_many_executions_are_watched_at_once() -> None:
    """One more than the limit is refused, and starts nothing."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b")
        (reading,) = desk.session._readings.values()
        desk.session._readings |= {str(number): reading for number in range(SUBSCRIPTIONS - 1)}
        graph_id = office.runtime.execution(execution_id).snapshot().graph_id
        refused = await desk.say("execution:start", graphId=graph_id)
        assert refused["code"] == "subscription.limit"
        assert len(office.runtime.executions()) == 1
        desk.session._readings = {execution_id: reading}


async def test_a_stopping_service_takes_no_more_work_and_still_obeys_a_stop() -> None:
    """Start, inject, pause and resume are refused; stop and subscribe are not."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b")
        office.readiness.withdraw()
        assert (await desk.say("execution:pause", executionId=execution_id))["code"] == "service.stopping"
        assert (await desk.say("execution:subscribe", executionId=execution_id))["state"] == "running"
        assert (await desk.say("execution:stop", executionId=execution_id))["state"] == "cancelled"


async def test_metrics_come_at_a_bounded_rate_and_only_while_something_changes() -> None:
    """Four a second while messages flow; none once all is quiet and the rates have come down to nothing."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b", events=["metrics:update"])
        for value in range(40):
            await desk.say("execution:inject", executionId=execution_id, nodeId="a", port="in", value=value)
            await trio.sleep(0.05)
        assert 7 <= len(desk.heard("metrics:update")) <= 9
        assert desk.heard("metrics:update")[-1]["metrics"]["messagesProcessed"] > 60
        await trio.sleep(60)
        count = len(desk.heard("metrics:update"))
        await trio.sleep(60)
        assert len(desk.heard("metrics:update")) == count


async def test_a_client_that_sends_and_does_not_read_is_not_listened_to() -> None:
    """Its commands wait as soon as too many answers wait for it; when it reads again they go on."""
    async with open_office() as office:
        desk = office.open_desk()
        desk.memory.hold()
        done = 0

        async def complain() -> None:
            nonlocal done
            for _ in range(300):
                await desk.say("execution:pause", executionId="none")
                done += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(complain)
            await trio.sleep(1)
            assert done <= 2 * PERSONAL_EVENTS + 1  # those being sent, and those that wait
            desk.memory.release()
        assert len(await desk.wait_for("error", 300)) == 300


async def test_a_start_that_fails_to_initialise_is_told() -> None:
    """The answer has the state and the error, and the event execution:failed comes as well."""
    async with open_office() as office:
        await office.runtime.library.register_component(
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
        desk = office.open_desk()
        answer = await desk.say("execution:start", graphId=await office.load(single("custom.broken")))
        (failed,) = await desk.wait_for("execution:failed")
    assert answer["state"] == "failed"
    assert answer["error"] == failed["error"]
    assert failed["error"]["nodeId"] == "only"


async def test_a_mistake_in_the_telling_ends_one_watch_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be encoded cuts those who watch it off; the execution and the other watches go on."""
    async with open_office() as office:
        desk, execution_id = await running(office, "a", "b")
        other, other_id = await running(office, "a", "b")
        await desk.wait_for("execution:started")
        await other.wait_for("execution:started")

        def fail(*_: object, **__: object) -> None:
            raise ValueError("no")

        watch = office.hub._watches[execution_id]
        monkeypatch.setattr(watch._encoder, "hop", fail)
        for each, identifier in ((desk, execution_id), (other, other_id)):
            await each.say("execution:inject", executionId=identifier, nodeId="a", port="in", value=1)
        await other.wait_for("port:emit")
        assert desk.memory.is_cut
        assert not other.memory.is_cut
        assert (await other.say("execution:subscribe", executionId=execution_id))["state"] == "running"
