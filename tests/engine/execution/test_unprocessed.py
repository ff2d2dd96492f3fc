"""What was accepted and not finished at an execution's end: each message once, at the node where it is."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from engine.builtin.core_accumulator import ACCUMULATOR
from engine.builtin.core_delay import DELAY
from engine.builtin.core_merge import MERGE
from engine.builtin.source_timer import TIMER
from engine.contracts.component import Component
from engine.contracts.handler import Outcome
from engine.errors import IllegalTransitionError, InboxFullError
from engine.execution.execution import Execution
from engine.execution.unprocessed import count_undone
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions, ExecutionSnapshot
from proto.message import Injection
from tests.engine.executions import Listener, Tap, document, inject, node, open_execution
from tests.engine.handlers import Journal

pytestmark = pytest.mark.usefixtures("autojump_clock")

HOLDERS: Mapping[str, Component] = {"delay": DELAY, "gather": ACCUMULATOR, "merge": MERGE, "timer": TIMER}
ZIP = node("merge", config={"mode": "zip"})


def left(execution: Execution) -> dict[str, int]:
    """What is unprocessed at each node; that every message is accounted for once is checked."""
    snapshot = execution.snapshot()
    by_node = {each.node_id: each.unprocessed for each in snapshot.instances if each.unprocessed}
    assert sum(by_node.values()) == snapshot.unprocessed
    return by_node


def check_books(execution: Execution, accepted: int) -> None:
    """What was accepted or sent along an edge was processed, or dropped, or is unprocessed."""
    snapshot, statistics = execution.snapshot(), execution.statistics()
    entered = accepted + sum(edge.sent for edge in statistics.edges)
    metrics = snapshot.metrics
    assert entered == metrics.messages_processed + metrics.messages_dropped + snapshot.unprocessed
    assert metrics.messages_dropped == sum(
        inbox.statistics().dropped_messages for inbox in execution.shared.inboxes
    )


async def test_what_a_delay_holds_is_unprocessed() -> None:
    """Each message in a delay counts: none of them has come out."""
    graph = document({"a": node("delay", config={"ms": 1000})})
    async with open_execution(graph, Journal(), more=HOLDERS) as execution:
        await inject(execution, "a:in", *range(1000))
        await trio.testing.wait_all_tasks_blocked()
        assert execution.statistics().in_flight == 1000
        assert execution.snapshot().metrics.messages_processed == 0
        await execution.stop(drain=False)
    assert left(execution) == {"a": 1000}
    check_books(execution, 1000)


async def test_what_an_accumulator_gathers_is_unprocessed() -> None:
    """The messages in the array that was not given out count, and those in arrays that were do not."""
    graph = document({"a": node("gather", config={"count": 1000})})
    async with open_execution(graph, Journal(), more=HOLDERS) as execution:
        await inject(execution, "a:in", *range(1500))
        await trio.testing.wait_all_tasks_blocked()
        assert execution.snapshot().metrics.messages_processed == 1000
        await execution.stop(drain=False)
    assert left(execution) == {"a": 500}
    check_books(execution, 1500)


@pytest.mark.parametrize(("mode", "waiting"), [("zip", 200), ("all", 1)])
@pytest.mark.parametrize("ends", ["stopped", "completed"])
async def test_what_finds_no_partner_is_unprocessed(mode: str, waiting: int, ends: str) -> None:
    """What a merge could not put together is not finished, whatever the end; ``all`` keeps the latest."""
    graph = document({"a": node("merge", config={"mode": mode})})
    async with open_execution(graph, Journal(), more=HOLDERS) as execution:
        await inject(execution, "a:a", *range(200), final=ends == "completed")
        await trio.testing.wait_all_tasks_blocked()
        if ends == "stopped":
            await execution.stop(drain=False)
        await execution.finished.wait()
        assert (execution.state == "completed") == (ends == "completed")
    assert left(execution) == {"a": waiting}
    check_books(execution, 200)


async def test_what_found_its_partner_is_finished() -> None:
    """Of what came by both inputs the pairs are finished, and the rest of the longer one waits."""
    async with open_execution(document({"a": ZIP}), Journal(), more=HOLDERS) as execution:
        await inject(execution, "a:a", *range(30))
        await inject(execution, "a:b", *range(10), final=True)
        await execution.finished.wait()
    assert left(execution) == {"a": 20}
    assert execution.snapshot().metrics.messages_processed == 20


async def test_an_error_that_fails_the_execution_is_one_processed_message() -> None:
    """The message that failed is processed; those behind it in the batch are not, whose emissions never leave."""
    async with open_execution(document({"a": "throw", "b": "forward"}, ["a:out > b:in"]), Journal()) as execution:
        await inject(execution, "a:in", *range(100))
        await execution.finished.wait()
    metrics = execution.snapshot().metrics
    assert (metrics.messages_processed, metrics.messages_emitted) == (1, 0)
    assert left(execution) == {"a": 99}
    check_books(execution, 100)


async def test_what_left_before_the_error_is_finished() -> None:
    """Of a batch that fails the execution, what came before the error has gone on to the next node."""
    graph = document({"a": node("throw", config={"at": [3]}), "b": "gated"}, ["a:out > b:in"])
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", *range(10))
        await execution.finished.wait()
    assert left(execution) == {"a": 6, "b": 3}
    check_books(execution, 10)


async def test_before_a_full_inbox_each_message_counts_once() -> None:
    """A message whose emission has left is finished, also where that waits for room: it counts instead."""
    graph = document({"a": "forward", "b": node("gated", inbox={"capacity": 40})}, ["a:out > b:in"])
    async with open_execution(graph, Journal(), limits=EngineLimits(inbox_messages=1000)) as execution:
        await inject(execution, "a:in", *range(300))
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
    assert execution.snapshot().unprocessed == 300
    b = left(execution)["b"]
    assert b > 40, "those in hand, 40 in the inbox, and one that waits before it"
    assert left(execution) == {"a": 300 - b, "b": b}
    assert execution.snapshot().metrics.messages_emitted == b
    check_books(execution, 300)


async def test_a_value_that_waits_at_the_second_of_two_edges_has_left_by_the_first() -> None:
    """A value that leaves by two edges is two messages; what caused it is finished when both are on their way."""
    full = node("gated", inbox={"capacity": 1})
    for edges, at_a in ((["a:out > b:in", "a:out > c:in"], 7), (["a:out > c:in", "a:out > b:in"], 8)):
        async with open_execution(
            document({"a": "forward", "b": "gated", "c": full}, edges), Journal()
        ) as execution:
            await inject(execution, "a:in", *range(10))
            await trio.testing.wait_all_tasks_blocked()
            await execution.stop(drain=False)
        assert left(execution)["a"] == at_a
        check_books(execution, 10)


async def test_an_array_that_waits_for_room_is_all_its_messages() -> None:
    """What an accumulator has given out is not finished before the array has left, by process, time or flush."""
    gather = node("gather", config={"count": 10, "timeoutMs": 1000})
    graph = document({"a": gather, "b": node("gated", inbox={"capacity": 1})}, ["a:out > b:in"])
    async with open_execution(graph, Journal(), more=HOLDERS) as execution:
        await inject(execution, "a:in", *range(45))
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
    assert left(execution) == {"b": 3, "a": 15}
    check_books(execution, 45)

    async with open_execution(graph, Journal(), more=HOLDERS) as execution:
        for _ in range(4):
            await inject(execution, "a:in", *range(7))
            await trio.sleep(2)
        await execution.stop(drain=False)
    assert left(execution) == {"b": 3, "a": 7}, "one is in hand, one waits, one is before it, one has not left"
    check_books(execution, 28)


async def test_what_a_delay_has_given_out_and_waits_for_room_counts_once() -> None:
    """Of the messages whose time has come those that have left are finished; the others are the delay's."""
    delay = node("delay", config={"ms": 1000})
    graph = document({"a": delay, "b": node("gated", inbox={"capacity": 3})}, ["a:out > b:in"])
    async with open_execution(graph, Journal(), more=HOLDERS) as execution:
        await inject(execution, "a:in", *range(20))
        await trio.sleep(0.5)
        await inject(execution, "a:in", *range(5))
        await trio.sleep(1)
        await execution.stop(drain=False)
    assert execution.snapshot().unprocessed == 25
    check_books(execution, 25)


async def test_a_message_that_is_to_be_tried_again_is_unprocessed() -> None:
    """Between two attempts a message is not finished."""
    retry = node("throw", onError="retry", retry={"maxAttempts": 3, "backoffMs": 10_000})
    async with open_execution(document({"a": retry}), Journal()) as execution:
        await inject(execution, "a:in", 1, 2)
        await trio.sleep(1)
        await execution.stop(drain=False)
    assert left(execution) == {"a": 2}
    check_books(execution, 2)


async def test_an_error_that_waits_for_room_is_a_message_of_its_own() -> None:
    """When an error has begun its way to the node that takes errors, the message that caused it is finished."""
    nodes = {"a": "throw", "b": node("gated", inbox={"capacity": 1})}
    async with open_execution(document(nodes, ["a:error > b:in"]), Journal()) as execution:
        await inject(execution, "a:in", *range(5))
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
    assert left(execution) == {"a": 2, "b": 3}
    check_books(execution, 5)


async def test_workers_have_one_message_each() -> None:
    """Where a node works on several messages at once, those in hand count."""
    gated = node("gated", concurrency=3)
    async with open_execution(document({"a": gated}), Journal()) as execution:
        await inject(execution, "a:in", *range(10))
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
    assert left(execution) == {"a": 10}
    check_books(execution, 10)


async def test_what_waits_for_resume_is_unprocessed() -> None:
    """What a paused execution holds is the node's that it is for."""
    async with open_execution(document({"a": "forward", "b": "forward"}), Journal()) as execution:
        await execution.pause()
        await inject(execution, "a:in", 1, 2)
        await inject(execution, "b:in", 3)
        await execution.stop(drain=False)
    assert left(execution) == {"a": 2, "b": 1}
    check_books(execution, 3)


async def test_what_was_refused_is_not_unprocessed() -> None:
    """A request that was refused, at once or by the end, has no part in the books but for what it was told."""
    graph = document({"a": node("gated", inbox={"capacity": 1})})
    async with open_execution(graph, Journal()) as execution, trio.open_nursery() as nursery:
        with pytest.raises(InboxFullError) as refusal:
            await inject(execution, "a:in", 1, 2, 3, 4)

        async def inject_one() -> None:
            with pytest.raises(IllegalTransitionError):
                await inject(execution, "a:in", 5)

        nursery.start_soon(inject_one)
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
    assert execution.snapshot().unprocessed == refusal.value.accepted == 2
    check_books(execution, 2)


async def test_what_begins_by_itself_counts_when_it_is_on_its_way() -> None:
    """What ``initialize`` or a source emits becomes a message when it leaves; what has not left is none."""
    full = node("gated", inbox={"capacity": 2})
    nodes = {"a": node("source", config={"values": list(range(50))}), "b": full}
    async with open_execution(document(nodes, ["a:out > b:in"]), Journal()) as execution:
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
    assert left(execution) == {"b": execution.statistics().edges[0].sent}
    check_books(execution, 0)

    nodes = {"a": node("timer", config={"intervalMs": 100}), "b": full}
    async with open_execution(document(nodes, ["a:out > b:in"]), Journal(), more=HOLDERS) as execution:
        await trio.sleep(100)
        await execution.stop(drain=False)
    assert left(execution) == {"b": 4}, "one in hand, two in the inbox, one before it"
    check_books(execution, 0)


@pytest.mark.parametrize("is_watched", [True, False])
async def test_dropped_messages_are_not_unprocessed(is_watched: bool) -> None:
    """What an inbox drops, injected or sent, is counted as dropped and nowhere else."""
    dropping = node("gated", inbox={"capacity": 2, "overflow": "drop-oldest"})
    async with open_execution(document({"a": "forward", "b": dropping}, ["a:out > b:in"]), Journal()) as execution:
        if is_watched:
            execution.add_flow_observer(Tap())
        await inject(execution, "a:in", *range(50))
        await inject(execution, "b:in", *range(10))
        await trio.testing.wait_all_tasks_blocked()
        await execution.stop(drain=False)
    check_books(execution, 60)
    assert 2 < execution.snapshot().unprocessed < 60


async def test_a_completed_execution_has_processed_all_that_it_accepted() -> None:
    """Held or not, dropped or thrown at: at its completion nothing is unprocessed."""
    nodes = {
        "a": node("delay", config={"ms": 10}),
        "b": node("gather", config={"count": 7}),
        "c": node("throw", onError="continue"),
    }
    graph = document(nodes, ["a:out > b:in", "b:out > c:in"])
    async with open_execution(graph, Journal(), more=HOLDERS) as execution:
        await inject(execution, "a:in", *range(100), final=True)
        await execution.finished.wait()
    assert (execution.state, left(execution)) == ("completed", {})
    assert execution.snapshot().metrics.messages_processed == 100 + 100 + 15
    check_books(execution, 100)


async def test_the_end_is_told_with_what_is_unprocessed() -> None:
    """Observers hear of the end with the sum, and with the numbers by node."""
    told = Listener()
    async with open_execution(document({"a": "gated"}), Journal(), observers=[told], timeout_ms=1000) as execution:
        await inject(execution, "a:in", 1, 2, 3)
        await execution.finished.wait()
    last: ExecutionSnapshot = told.snapshots[-1]
    assert (last.state, last.unprocessed, last.instances[0].unprocessed) == ("failed", 3, 3)
    wire: dict[str, Any] = msgspec.to_builtins(last)
    assert (wire["unprocessed"], wire["instances"][0]["unprocessed"]) == (3, 3)


async def test_completion_waits_for_emissions_that_wait() -> None:
    """A message is in flight until all that it has led to is: a node that has done its own work is not the end."""
    journal = Journal()
    graph = document({"a": "forward", "b": node("forward", inbox={"capacity": 1})}, ["a:out > b:in"])
    for _ in range(20):  # who is woken first is drawn by Trio
        journal.entries.clear()
        async with open_execution(graph, journal, limits=EngineLimits(batch_messages=64)) as execution:
            await inject(execution, "a:in", *range(64), final=True)
            await execution.finished.wait()
        assert journal.values("b") == list(range(64))


async def test_completion_waits_for_a_message_that_is_to_be_tried_again() -> None:
    """While a message waits for its next attempt the execution does not complete."""
    journal = Journal()
    retry = {"maxAttempts": 2, "backoffMs": 1000}
    graph = document(
        {"a": node("throw", config={"times": 1}, onError="retry", retry=retry), "b": "forward"}, ["a:out > b:in"]
    )
    async with open_execution(graph, journal) as execution:
        await inject(execution, "a:in", 1, final=True)
        await execution.finished.wait()
    assert (execution.state, journal.values("b")) == ("completed", [1])


def test_messages_behind_emissions_are_counted_by_what_they_were_made_from() -> None:
    """A message is done when its last emission has left; one emission may be made of many messages."""
    value = (0, b"1")
    two, none, array = Outcome([value, value]), Outcome(), Outcome([value], made_from=[9])
    assert count_undone([two, none, array, two], 0) == 1 + 9 + 1
    assert count_undone([two, none, array, two], 1) == 1 + 9 + 1
    assert count_undone([two, none, array, two], 2) == 9 + 1
    assert count_undone([two, none, array, two], 4) == 1
    assert count_undone([two, none, array, two], 5) == 0


@pytest.mark.parametrize("end", ["stop", "forget", "unload", "shutdown", "timeout"])
async def test_every_end_accounts_for_what_was_accepted(end: str) -> None:
    """Who hears of an end, whatever it is, hears how many messages were accepted and not finished."""
    told = Listener()
    graph = document({"a": node("symbia.core.delay", config={"ms": 3_600_000})})
    async with open_runtime() as runtime:
        runtime.observe(told)
        graph_id = (await runtime.library.load_graph(graph)).id
        options = ExecuteOptions(completion="manual", timeout_ms=1000 if end == "timeout" else 0)
        execution = runtime.execution((await runtime.execute(graph_id, options)).id)
        await execution.inject([Injection("a", "in", msgspec.Raw(b"1"))] * 5)
        if end == "stop":
            await execution.stop()
        elif end == "forget":
            await execution.forget()
        elif end == "unload":
            await runtime.unload_graph(graph_id)
        elif end == "timeout":
            await execution.wait_finished()
        if end != "shutdown":
            assert (await runtime.figures()).totals.unprocessed == 5
    last = told.snapshots[-1]
    assert (last.unprocessed, last.instances[0].unprocessed) == (5, 5)
    assert last.state == ("failed" if end == "timeout" else "cancelled")


async def test_who_waits_for_quiet_hears_of_a_failure_that_comes_instead() -> None:
    """What a failure cuts off is not quiet: who waits for quiet goes on when the execution has ended."""
    graph = document({"a": "throw", "b": node("frail", config={"cleanup": 1})})
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1, 2)
        await execution.wait_quiescent()
        assert execution.state == "failed"
