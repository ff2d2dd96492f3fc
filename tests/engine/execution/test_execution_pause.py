"""Pausing and resuming: strictness, order, and what may not be done to an execution that ends."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from engine.errors import IllegalTransitionError
from engine.execution.execution import Execution
from engine.limits import EngineLimits
from tests.engine.executions import Listener, document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

CHAIN = ("a:out > b:in", "b:out > c:in")


async def test_no_handler_runs_when_pause_has_answered() -> None:
    """Pause waits for the handlers at work, and no other starts before resume."""
    journal = Journal()
    slow = node("slow", config={"seconds": 3})
    async with open_execution(document({"a": slow, "b": slow, "c": slow}, CHAIN), journal) as execution:
        await inject(execution, "a:in", *range(10))
        await trio.sleep(7)
        assert journal.running == 1
        await execution.pause()
        assert journal.running == 0
        entries = len(journal.entries)
        await trio.sleep(100)
        assert len(journal.entries) == entries
        await execution.resume()
        await inject(execution, "a:in", final=True)
        await execution.finished.wait()
    assert journal.values("c") == list(range(10))


async def test_pause_does_not_wait_for_an_endless_handler() -> None:
    """A handler that spins in slices stands aside while the execution is paused, and goes on after it."""
    journal = Journal()
    async with open_execution(document({"a": "spin"}), journal) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(1)
        with trio.fail_after(1):
            await execution.pause()
        await trio.sleep(1)
        assert journal.running == 0
        await execution.resume()
        await trio.sleep(1)
        assert journal.running == 1


async def test_watchers_hear_of_the_pause_when_it_is_one() -> None:
    """The state ``paused`` is told when no handler runs any more, not when pause was asked for."""
    journal, listener = Journal(), Listener()
    async with (
        open_execution(document({"a": "gated"}), journal, observers=[listener]) as execution,
        trio.open_nursery() as nursery,
    ):
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(execution.pause)
        await trio.testing.wait_all_tasks_blocked()
        assert listener.states[-1] == "running"
        journal.gate("a").set()
        await trio.testing.wait_all_tasks_blocked()
        assert listener.states[-1] == "paused"
        await execution.resume()
        assert listener.states[-2:] == ["paused", "running"]


async def test_a_resume_during_the_pausing_lets_the_pause_return() -> None:
    """Who waits for handlers to come to rest is released by a resume, and watchers hear of neither."""
    journal, listener = Journal(), Listener()
    async with open_execution(document({"a": "gated"}), journal, observers=[listener]) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(execution.pause)
            await trio.testing.wait_all_tasks_blocked()
            await execution.resume()
        assert execution.state == "running"
        assert listener.states == ["initializing", "running"]
        journal.gate("a").set()


async def test_pause_and_resume_answer_by_the_table() -> None:
    """A paused execution refuses to pause, a running one to resume; the message names the state."""
    async with open_execution(document({"a": "forward"}), Journal()) as execution:
        with pytest.raises(IllegalTransitionError, match="Cannot resume execution test: it is running"):
            await execution.resume()
        await execution.pause()
        with pytest.raises(IllegalTransitionError, match="Cannot pause execution test: it is paused"):
            await execution.pause()
        assert execution.state == "paused"


async def test_time_does_not_release_what_a_paused_node_holds() -> None:
    """What becomes due during a pause leaves after resume."""
    journal = Journal()
    graph = document({"a": node("hold", config={"seconds": 2}), "b": "forward"}, ["a:out > b:in"])
    async with open_execution(graph, journal) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(1)
        await execution.pause()
        await trio.sleep(10)
        assert journal.values("b") == []
        await execution.resume()
        await trio.testing.wait_all_tasks_blocked()
        assert journal.values("b") == [1]


async def test_a_retry_waits_for_resume() -> None:
    """A message whose next attempt falls into a pause is tried again after resume."""
    journal = Journal()
    retry = {"maxAttempts": 2, "backoffMs": 1000}
    graph = document({"a": node("throw", config={"times": 1}, onError="retry", retry=retry)})
    async with open_execution(graph, journal) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        await execution.pause()
        await trio.sleep(10)
        assert journal.values("a") == [1]
        await execution.resume()
        await trio.testing.wait_all_tasks_blocked()
        assert journal.values("a") == [1, 1]


async def test_complete_ends_a_paused_execution_after_its_resume() -> None:
    """An execution that was told to complete while it was paused stays so, and completes after resume."""
    async with open_execution(document({"a": "forward"}), Journal()) as execution:
        await execution.pause()
        execution.complete()
        await trio.sleep(100)
        assert execution.state == "paused"
        await execution.resume()
        await execution.finished.wait()
        assert execution.state == "completed"


@pytest.mark.parametrize("checkpoints", range(12))
async def test_a_pause_beside_the_end_never_turns_completion_into_cancellation(checkpoints: int) -> None:
    """A pause that comes while an execution completes holds it before its cleanup, or is refused."""
    journal = Journal()
    async with open_execution(document({"a": "forward"}), journal) as execution:
        execution.complete()
        for _ in range(checkpoints):
            await trio.lowlevel.checkpoint()
        try:
            await execution.pause()
        except IllegalTransitionError:
            pass
        else:
            await trio.sleep(1)
            assert execution.state == "paused"
            assert journal.nodes("cleanup") == []
            await execution.resume()
        await execution.finished.wait()
        assert execution.state == "completed"


COMMANDS: dict[str, Callable[[Execution], Awaitable[object]]] = {
    "pause": Execution.pause,
    "resume": Execution.resume,
    "inject into": lambda execution: inject(execution, "b:in", 1),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("paused", [False, True])
async def test_an_execution_that_is_being_cleaned_up_takes_no_command(command: str, *, paused: bool) -> None:
    """From the moment that its tasks end, an execution refuses all commands and is cleaned up undisturbed."""
    journal = Journal()
    graph = document({"a": node("frail", config={"cleanup": 0.5}), "b": "forward"})
    async with open_execution(graph, journal, timeout_ms=1000) as execution:
        if paused:
            await execution.pause()
        await trio.sleep(1.2)
        assert journal.nodes("cleanup") != []
        with pytest.raises(IllegalTransitionError, match=f"Cannot {command} execution test: it is ending"):
            await COMMANDS[command](execution)
        with pytest.raises(IllegalTransitionError, match="Cannot complete execution test: it is ending"):
            execution.complete()
        await execution.finished.wait()
    assert journal.nodes("cleaned up") == ["a"]
    assert execution.state == "failed"


async def test_a_pause_does_not_hold_up_a_cleanup_that_stands_aside() -> None:
    """A guest that stands aside during its cleanup is not kept by a pause that came before."""
    journal = Journal()
    graph = document({"a": node("frail", config={"cleanup": "aside"})})
    async with open_execution(graph, journal) as execution:
        await execution.pause()
        await execution.stop(drain=False)
    assert journal.nodes("cleaned up") == ["a"]


async def test_the_timeout_counts_the_pause() -> None:
    """``timeoutMs`` is wall time: an execution that is paused for too long fails."""
    async with open_execution(document({"a": "forward"}), Journal(), timeout_ms=1000) as execution:
        await execution.pause()
        await execution.finished.wait()
        assert execution.state == "failed"


async def test_a_pause_is_no_quiet_time() -> None:
    """With ``completion: auto`` a resumed execution takes input for the whole grace time, and ends after it."""
    journal = Journal()
    async with open_execution(document({"a": "forward"}), journal, completion="auto") as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(1)
        await execution.pause()
        await trio.sleep(100)
        await execution.resume()
        await trio.sleep(1.9)
        await inject(execution, "a:in", 2)
        await trio.sleep(2.1)
        assert execution.state == "completed"
    assert journal.values("a") == [1, 2]


async def test_a_short_pause_begins_the_grace_time_again() -> None:
    """Also where it was over before that time was."""
    async with open_execution(document({"a": "forward"}), Journal(), completion="auto") as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(1)
        await execution.pause()
        await execution.resume()
        await trio.sleep(1.9)
        assert execution.state == "running"
        await trio.sleep(0.2)
        assert execution.state == "completed"


async def test_held_messages_count_as_queued_work() -> None:
    """An execution with ``completion: auto`` does not complete while messages are held."""
    journal = Journal()
    limits = EngineLimits(completion_grace_ms=100)
    async with open_execution(document({"a": "forward"}), journal, limits=limits, completion="auto") as execution:
        await execution.pause()
        await inject(execution, "a:in", 1)
        await trio.sleep(10)
        assert execution.state == "paused"
        await execution.resume()
        await execution.finished.wait()
    assert journal.values("a") == [1]
