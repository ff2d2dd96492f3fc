"""How executions end: completion, failure, timeout, stop; and that nothing is left behind."""

from typing import Any

import pytest
import trio
import trio.testing

from engine.contracts.handler import Handler, Message, Outcome
from engine.errors import IllegalTransitionError, InboxFullError, InputsClosedError
from engine.limits import EngineLimits
from tests.engine.executions import Listener, document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

PAIR = ("a:out > b:in",)
EIGHT = EngineLimits(stop_seconds=8)


async def test_an_execution_completes_when_told_and_drained() -> None:
    """``complete`` ends an execution when everything that was accepted has been processed."""
    journal = Journal()
    slow = node("slow", config={"seconds": 1})
    async with open_execution(document({"a": slow, "b": slow}, PAIR), journal) as execution:
        await inject(execution, "a:in", 1, 2, 3)
        execution.complete()
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(6), "batches: three seconds in each node"
    assert execution.state == "completed"
    assert journal.values("b") == [1, 2, 3]


async def test_the_last_injection_closes_the_inputs() -> None:
    """After ``final`` no more input is taken, and the refusal says why."""
    graph = document({"a": node("slow", config={"seconds": 1})})
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1, final=True)
        with pytest.raises(InputsClosedError, match="takes no more input"):
            await inject(execution, "a:in", 2)
        await execution.finished.wait()
        with pytest.raises(IllegalTransitionError, match="it is completed"):
            await inject(execution, "a:in", 2)
        with pytest.raises(IllegalTransitionError, match="Cannot stop execution test: it is completed"):
            await execution.stop(drain=False)


async def test_what_is_held_is_flushed_in_topological_order() -> None:
    """Before completion the holders give out what they hold, those that feed others first."""
    journal = Journal()
    nodes = {"c": "forward", "b": "hold", "a": "hold"}
    async with open_execution(document(nodes, ["a:out > b:in", "b:out > c:in"]), journal) as execution:
        await inject(execution, "a:in", 1, 2, final=True)
        await execution.finished.wait()
    assert journal.values("c") == [1, 2]
    assert journal.nodes("flush") == ["a", "b"]
    assert journal.values("b") == [1, 2], "the second holder had them before its own flush"


async def test_completion_waits_for_what_time_holds() -> None:
    """A message held until a moment is still in flight: the execution completes after it has left."""
    journal = Journal()
    nodes = {"a": node("hold", config={"seconds": 30}), "b": "forward"}
    async with open_execution(document(nodes, PAIR), journal) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(10)
        await inject(execution, "a:in", 2, final=True)
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(40)
    assert journal.values("b") == [1, 2]
    assert execution.snapshot().unprocessed == 0


async def test_completion_does_not_wait_for_what_merely_gathers() -> None:
    """A holder that waits for more values gives them out by its flush, as soon as no more can come."""
    journal = Journal()
    nodes = {"a": node("hold", config={"seconds": 30, "gathers": True}), "b": "forward"}
    async with open_execution(document(nodes, PAIR), journal) as execution:
        await inject(execution, "a:in", 1, 2, final=True)
        await execution.finished.wait()
        assert trio.current_time() == 0
    assert journal.values("b") == [1, 2]


async def test_auto_completion_waits_for_its_grace() -> None:
    """With ``completion: auto`` an execution ends when it is quiescent and no input came for the grace time."""
    graph = document({"a": "forward"})
    async with open_execution(graph, Journal(), completion="auto") as execution:
        await trio.sleep(100)
        assert execution.state == "running", "nothing has been processed yet"
        await inject(execution, "a:in", 1)
        await trio.sleep(1.9)
        await inject(execution, "a:in", 2)
        await trio.sleep(1.9)
        assert execution.state == "running"
        await trio.sleep(0.2)
        assert execution.state == "completed"


async def test_a_refused_pause_does_not_keep_an_execution_from_completing() -> None:
    """Its resume is the one that is waited for: the second pause has changed nothing."""
    async with open_execution(document({"a": "forward"}), Journal(), completion="auto") as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(1)
        await execution.pause()
        await trio.sleep(5)  # it has been quiet for the grace time, and waits for the resume
        with pytest.raises(IllegalTransitionError):
            await execution.pause()
        await execution.resume()
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(8)


async def test_a_refused_resume_does_not_put_completion_off() -> None:
    """The grace time goes on as if nobody had asked."""
    slow = node("slow", config={"seconds": 1.5})
    async with open_execution(document({"a": slow}), Journal(), completion="auto") as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(1)
        with pytest.raises(IllegalTransitionError):
            await execution.resume()
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(2)


async def test_auto_completion_waits_for_slow_work() -> None:
    """With ``completion: auto`` an execution does not end while a message is in flight."""
    journal = Journal()
    slow = node("slow", config={"seconds": 50})
    async with open_execution(document({"a": slow, "b": slow}, PAIR), journal, completion="auto") as execution:
        await inject(execution, "a:in", 1)
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(100)
    assert journal.values("b") == [1]


async def test_auto_completion_sees_an_injection_that_was_accepted_in_part() -> None:
    """A request that was refused half-way has injected something: the execution ends by itself all the same."""
    journal = Journal()
    graph = document({"a": node("slow", config={"seconds": 20}, inbox={"capacity": 1})})
    limits = EngineLimits(batch_messages=1)
    async with open_execution(graph, journal, completion="auto", limits=limits) as execution:
        with pytest.raises(InboxFullError):
            await inject(execution, "a:in", 1, 2, 3, 4)
        await trio.sleep(1000)
        assert execution.state == "completed"
    assert journal.values("a") == [1, 2]


async def test_auto_completion_sees_what_begins_by_itself() -> None:
    """Emissions of ``initialize`` are processed work: an execution without injections ends after its grace."""
    journal = Journal()
    graph = document({"a": node("source", config={"values": [1, 2]}), "b": "forward"}, PAIR)
    async with open_execution(graph, journal, completion="auto") as execution:
        await trio.sleep(1)
        assert execution.state == "running"
        await trio.sleep(2)
        assert execution.state == "completed"
    assert journal.values("b") == [1, 2]


async def test_a_manual_execution_lives_until_told() -> None:
    """With ``completion: manual`` quiet time ends nothing."""
    async with open_execution(document({"a": "forward"}), Journal()) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(86_000)
        assert execution.state == "running"


async def test_a_long_timeout_is_told_digit_by_digit() -> None:
    """Seven digits are not rounded to six."""
    async with open_execution(document({"a": "gated"}), Journal(), timeout_ms=1_234_567) as execution:
        await inject(execution, "a:in", 1)
        await execution.finished.wait()
    error = execution.snapshot().error
    assert error is not None
    assert "timeout of 1234567 ms" in error.message


async def test_a_timeout_fails_the_execution_and_names_the_limit() -> None:
    """Beyond ``timeoutMs`` the execution fails, in the middle of whatever it does."""
    journal = Journal()
    async with open_execution(document({"a": "gated"}), journal, timeout_ms=1500) as execution:
        await inject(execution, "a:in", 1)
        await execution.finished.wait()
        assert trio.current_time() == pytest.approx(1.5)
    snapshot = execution.snapshot()
    assert snapshot.state == "failed"
    assert snapshot.error is not None
    assert snapshot.error.message == "Execution exceeded its timeout of 1500 ms (timeoutMs)"
    assert snapshot.unprocessed == 1
    assert journal.nodes("cleanup") == ["a"]


@pytest.mark.parametrize("drain", [True, False])
async def test_a_stop_in_the_moment_of_the_timeout_does_not_hide_it(drain: bool) -> None:
    """The execution is ending already, and no command changes that: it has failed, and says why."""
    slow = document({"a": node("slow", config={"seconds": 50})})
    async with open_execution(slow, Journal(), timeout_ms=1000) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep_until(1)
        await execution.stop(drain=drain)
        snapshot = execution.snapshot()
        assert snapshot.error is not None
        assert (snapshot.state, "(timeoutMs)" in snapshot.error.message) == ("failed", True)


async def test_stop_ends_at_once() -> None:
    """``stop`` cancels handlers at work, cleans up, and returns when nothing is left."""
    journal = Journal()
    async with open_execution(document({"a": "gated", "b": "spin"}), journal) as execution:
        await inject(execution, "a:in", 1)
        await inject(execution, "b:in", 1)
        await trio.sleep(1)
        began = trio.current_time()
        await execution.stop(drain=False)
        assert trio.current_time() == began
        assert execution.state == "cancelled"
        assert journal.running == 0
        assert sorted(journal.nodes("cleanup")) == ["a", "b"]


async def test_a_draining_stop_processes_what_was_accepted() -> None:
    """``stop`` with ``drain`` takes no more input, drains, and completes where that is within its deadline."""
    journal = Journal()
    graph = document(
        {"a": node("slow", config={"seconds": 1}), "b": "hold", "c": "forward"}, [*PAIR, "b:out > c:in"]
    )
    async with open_execution(graph, journal) as execution, trio.open_nursery() as nursery:
        await inject(execution, "a:in", 1, 2)
        nursery.start_soon(lambda: execution.stop(drain=True))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(InputsClosedError):
            await inject(execution, "a:in", 3)
    assert execution.state == "completed"
    assert journal.values("c") == [1, 2]


async def test_a_draining_stop_resumes_a_paused_execution() -> None:
    """``stop`` with ``drain`` of a paused execution processes what is held."""
    journal = Journal()
    async with open_execution(document({"a": "forward"}), journal) as execution:
        await execution.pause()
        await inject(execution, "a:in", 1, 2)
        await execution.stop(drain=True)
    assert journal.values("a") == [1, 2]
    assert execution.state == "completed"


async def test_a_draining_stop_keeps_its_deadline() -> None:
    """What has not drained after three quarters of the deadline is cancelled."""
    async with open_execution(document({"a": "gated"}), Journal(), limits=EIGHT) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await execution.stop(drain=True)
        assert trio.current_time() - began == pytest.approx(6)
    assert execution.state == "cancelled"


async def test_a_draining_stop_keeps_its_deadline_when_its_caller_goes_away() -> None:
    """The deadline of a draining stop holds also when nobody waits for its answer any more."""
    async with open_execution(document({"a": "gated"}), Journal(), limits=EIGHT) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1):
            await execution.stop(drain=True)
        with trio.fail_after(10):
            await execution.finished.wait()
    assert execution.state == "cancelled"


async def test_a_plain_stop_cuts_a_draining_one_short() -> None:
    """A second ``stop``, without ``drain``, ends at once what the first one lets drain."""
    async with open_execution(document({"a": "gated"}), Journal()) as execution, trio.open_nursery() as nursery:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(lambda: execution.stop(drain=True))
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await execution.stop(drain=False)
        assert trio.current_time() == began


async def test_the_first_error_is_the_execution_s_error() -> None:
    """Of two nodes that fail in the same moment, the first one's error is kept, with node and stack."""
    graph = document({"a": "throw", "b": "forward"}, PAIR)
    listener = Listener()
    async with open_execution(graph, Journal(), observers=[listener]) as execution:
        await inject(execution, "a:in", 1)
        await execution.finished.wait()
    error = execution.snapshot().error
    assert error is not None
    assert error.message == "Node a failed: ValueError: cannot take 1"
    assert (error.node_id, error.stack) == ("a", "the stack")
    assert listener.states == ["initializing", "running", "failed"]


async def test_a_fault_of_the_engine_s_own_ends_only_its_execution() -> None:
    """A handler that breaks the seam's rules fails its execution with an internal error, and nothing else."""

    class Silent(Handler):
        async def process(self, batch: Any) -> Any:
            return [Outcome()] * (len(batch) + 1)

    async with open_execution(document({"a": "forward"}), Journal()) as execution:
        execution.instances[0]._handlers = [Silent()]
        execution.instances[0]._inbox.put_nowait(Message(0, b"1"))
        await execution.finished.wait()
    error = execution.snapshot().error
    assert error is not None
    assert error.message.startswith("Internal error: ")
    assert execution.state == "failed"


async def test_a_terminal_state_is_shown_after_the_cleanup() -> None:
    """Whoever hears of the end hears of an execution that has left nothing behind."""
    journal = Journal()

    class Late(Listener):
        def state_changed(self, execution: Any) -> None:
            super().state_changed(execution)
            journal.write("-", str(execution.state))

    graph = document({"a": node("frail", config={"cleanup": 0.3})})
    async with open_execution(graph, journal, observers=[Late()]) as execution:
        await execution.stop(drain=False)
    assert [entry.what for entry in journal.entries][-3:] == ["cleanup", "cleaned up", "cancelled"]


async def test_a_cleanup_that_is_cut_off_is_reported(autojump_clock: trio.testing.MockClock) -> None:
    """A cleanup that outlasts its deadline ends then, is told as a failure, and changes nothing else."""
    del autojump_clock
    listener = Listener()
    graph = document({"a": node("frail", config={"cleanup": 3600})})
    async with open_execution(graph, Journal(), observers=[listener]) as execution:
        await execution.stop(drain=False)
    assert listener.failures == [("a", "cleanup did not end within its deadline")]
    assert execution.state == "cancelled"
