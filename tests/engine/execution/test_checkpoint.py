"""A checkpoint of a running execution, and another execution that goes on from it.

The random runs of all that is in ``tests/simulation`` (``--forks``); here are the promises one by one.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio
import trio.testing

from engine.builtin.core_accumulator import ACCUMULATOR
from engine.builtin.core_debounce import DEBOUNCE
from engine.builtin.core_delay import DELAY
from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.builtin.core_group import GROUP
from engine.builtin.core_throttle import THROTTLE
from engine.checkpoint.checkpoint import Checkpoint, EdgeState, HandlerState, NodeState, Taken
from engine.checkpoint.encoding import decoded, encoded
from engine.contracts.component import Component
from engine.contracts.handler import HandlerError, LogLine, Message, Outcome
from engine.cooperative.slices import at_once
from engine.documents.mask import MASK, Mask
from engine.errors import CheckpointMismatchError, ExecutionExistsError, IllegalTransitionError
from engine.execution.cut_made import _Maker
from engine.execution.edge_control import Queue
from engine.execution.execution import Execution
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.engine.executions import Listener, OutputTap, Tap, document, inject, node, open_execution
from tests.engine.handlers import Journal

MORE: Mapping[str, Component] = {
    "delay": DELAY,
    "gather": ACCUMULATOR,
    "each": EACH,
    "put": GATHER,
    "group": GROUP,
    "throttle": THROTTLE,
    "debounce": DEBOUNCE,
}


async def cut(execution: Execution) -> Checkpoint:
    """A checkpoint, when nothing moves any more, there and back as bytes; the execution is killed."""
    await trio.testing.wait_all_tasks_blocked()
    checkpoint = at_once(decoded(at_once(encoded(await execution.checkpoint()))))
    execution.abandon()
    await execution.finished.wait()
    return checkpoint


@asynccontextmanager
async def going_on(
    graph: dict[str, Any], checkpoint: Checkpoint, journal: Journal | None = None, **options: Any
) -> AsyncIterator[tuple[Execution, OutputTap]]:
    """An execution that goes on from a checkpoint, and what leaves it."""
    options = {"more": MORE, **options}
    async with open_execution(graph, journal or Journal(), begins_from=checkpoint, **options) as execution:
        tap = OutputTap()
        execution.add_flow_observer(tap)
        yield execution, tap


async def test_a_delay_keeps_its_due_times(mock_clock: trio.testing.MockClock) -> None:
    """Of an hour that began before the checkpoint, fifty minutes are left ten minutes later."""
    graph = document({"a": node("delay", config={"ms": 3_600_000})})
    async with open_execution(graph, Journal(), more=MORE) as execution:
        await inject(execution, "a:in", 1)
        checkpoint = await cut(execution)
    mock_clock.jump(600)
    async with going_on(graph, checkpoint) as (execution, tap):
        await trio.testing.wait_all_tasks_blocked()
        (handler,) = execution.instances[0].handlers
        assert handler.due() == pytest.approx(trio.current_time() + 3000)
        mock_clock.jump(3001)
        await execution.wait_quiescent()
        assert tap.outputs == [("a", "out", b"1")]


async def test_what_is_overdue_is_due_at_once(mock_clock: trio.testing.MockClock) -> None:
    """A time that was over while nobody ran is over."""
    graph = document({"a": node("delay", config={"ms": 1000})})
    async with open_execution(graph, Journal(), more=MORE) as execution:
        await inject(execution, "a:in", 1)
        checkpoint = await cut(execution)
    mock_clock.jump(3600)
    async with going_on(graph, checkpoint) as (execution, tap):
        await execution.wait_quiescent()
        assert tap.outputs == [("a", "out", b"1")]


async def test_what_is_in_a_handler_is_handed_over_again(autojump_clock: object) -> None:
    """A batch whose invocation has not ended counts as not begun."""
    del autojump_clock
    graph = document({"a": "gated"})
    journal = Journal()
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1, 2)
        checkpoint = await cut(execution)
    assert sum(len(taken.messages) for taken in checkpoint.nodes[0].taken) == 2
    journal.gate("a").set()
    async with going_on(graph, checkpoint, journal) as (execution, _):
        execution.complete()
        await execution.finished.wait()
        assert journal.values("a") == [1, 2]
        assert execution.snapshot().metrics.messages_processed == 2


async def test_what_waits_for_room_is_neither_lost_nor_doubled(autojump_clock: object) -> None:
    """A value that fans out and has gone along one of its edges goes along the others, once each."""
    del autojump_clock
    small = {"capacity": 1}
    graph = document(
        {"a": node("fan", config={"copies": 3}), "b": "forward", "c": node("gated", inbox=small)},
        ["a:out > b:in", "a:out > c:in", "a:out > b:other"],
    )
    journal = Journal()
    async with open_execution(graph, journal) as execution:
        await inject(execution, "a:in", 1, 2)
        checkpoint = await cut(execution)
        seen = len(journal.values("b"))
    later = Journal()
    later.gate("c").set()
    async with going_on(graph, checkpoint, later) as (execution, _):
        execution.complete()
        await execution.finished.wait()
        assert seen + len(later.values("b")) == 12
        assert len(later.values("c")) == 6
        statistics = execution.statistics()
        assert [edge.sent for edge in statistics.edges] == [6, 6, 6]
        assert not any(edge.queued for edge in statistics.edges)
        metrics = execution.snapshot().metrics
        assert (metrics.messages_emitted, metrics.messages_processed) == (6 + 12 + 6, 2 + 12 + 6)


async def test_a_message_is_tried_again_when_it_was_to_be(mock_clock: trio.testing.MockClock) -> None:
    """Attempts that have failed count, and the next one is when it was due."""
    graph = document(
        {"a": node("throw", onError="retry", retry={"maxAttempts": 3, "backoffMs": 1000}, config={"times": 9})},
        role="pipeline",
    )
    listener, later = Listener(), Listener()
    async with open_execution(graph, Journal(), observers=[listener]) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1)
        checkpoint = await cut(execution)
    assert len(listener.failures) == 2
    async with going_on(graph, checkpoint, observers=[later]) as (execution, _):
        await trio.testing.wait_all_tasks_blocked()
        assert not later.failures
        mock_clock.jump(2)
        await execution.finished.wait()
    assert len(later.failures) == 1


async def test_no_secret_in_what_is_not_shown_yet_is_kept() -> None:
    """Lines and errors in hand are masked in a checkpoint, although nobody has been shown them."""
    async with open_execution(document({"a": "forward"}), Journal()) as execution:
        execution.shared.mask = Mask(["secret-text"])
        maker: Any = _Maker(cast(Any, SimpleNamespace(shared=execution.shared, groups=())))
        said = "it is secret-text"
        made = maker._outcome(Outcome(logs=[LogLine("info", said)], error=HandlerError("Error", said, said)))
    assert [line.message for line in made.logs] == [f"it is {MASK}"]
    assert (made.error.message, made.error.stack) == (f"it is {MASK}", f"it is {MASK}")


async def test_a_paused_execution_goes_on_paused(autojump_clock: object) -> None:
    """What it held goes in first on resume."""
    del autojump_clock
    graph = document({"a": "forward"})
    async with open_execution(graph, Journal()) as execution:
        await execution.pause()
        await inject(execution, "a:in", 1, 2)
        checkpoint = await cut(execution)
    journal = Journal()
    async with going_on(graph, checkpoint, journal) as (execution, _):
        assert execution.state is ExecutionState.PAUSED
        await inject(execution, "a:in", 3)
        await execution.resume()
        await execution.wait_quiescent()
        assert journal.values("a") == [1, 2, 3]


async def test_numbers_counters_and_outputs_go_on(autojump_clock: object) -> None:
    """An execution of the same id has the same beginning, and adds to what was before."""
    del autojump_clock
    graph = document({"a": "forward", "b": "forward"}, ["a:out > b:in"])
    limits = EngineLimits(kept_outputs=10)
    async with open_execution(graph, Journal(), limits=limits) as execution:
        await inject(execution, "a:in", 1, 2)
        await execution.wait_quiescent()
        created = execution.created_at
        checkpoint = await cut(execution)
    await trio.sleep(10)
    async with going_on(graph, checkpoint, limits=limits) as (execution, _):
        tap = Tap()
        execution.add_flow_observer(tap)
        await inject(execution, "a:in", 3)
        await execution.wait_quiescent()
        assert tap.sequences == [6]
        assert execution.created_at == created
        assert execution.snapshot().metrics.component_invocations == 6
        assert execution.kept_outputs is not None
        assert [bytes(each.value) for each in execution.kept_outputs.read("b:out")] == [b"1", b"2", b"3"]
        assert execution.kept_outputs.counts("b:out").total == execution.output_count == 3


async def test_arrays_that_are_taken_apart_are_put_together(autojump_clock: object) -> None:
    """Groups, and places in them, are those of the moment; also one that is being opened."""
    del autojump_clock
    graph = document(
        {"e": node("each", config={"concurrency": 2}), "s": node("gated", concurrency=2), "g": "put"},
        ["e:out > s:in", "s:out > g:in"],
    )
    first, later = Journal(), Journal()
    async with open_execution(graph, first, more=MORE) as execution:
        await inject(execution, "e:in", [1, 2, 3, 4, 5], [])
        checkpoint = await cut(execution)
    assert len(checkpoint.groups) == 1
    assert checkpoint.nodes[0].taken[0].opening == (0, 2)
    later.gate("s").set()
    async with going_on(graph, checkpoint, later) as (execution, tap):
        execution.complete()
        await execution.finished.wait()
        assert tap.outputs == [("g", "out", b"[1,2,3,4,5]"), ("g", "out", b"[]")]
        assert execution.snapshot().unprocessed == 0


@pytest.mark.parametrize(
    ("holder", "put_together"),
    [
        (node("delay", config={"ms": 1000}), b"[1,2,3]"),
        (node("gather", config={"count": 2, "timeoutMs": 1000}), b"[[1,2],[3]]"),
        (node("group", config={"ms": 1000}), b"[[1,2,3]]"),
        (node("throttle", config={"count": 1, "intervalMs": 1000}), b"[1,2,3]"),
        (node("debounce", config={"ms": 1000}), b"[3]"),
    ],
    ids=lambda given: given["component"] if isinstance(given, dict) else "",
)
async def test_what_a_handler_holds_keeps_its_place(
    holder: dict[str, Any], put_together: bytes, autojump_clock: object
) -> None:
    """An array is not put together before what a node holds of its items has come."""
    del autojump_clock
    graph = document({"e": "each", "h": holder, "g": "put"}, ["e:out > h:in", "h:out > g:in"])
    async with open_execution(graph, Journal(), more=MORE) as execution:
        await inject(execution, "e:in", [1, 2, 3])
        checkpoint = await cut(execution)
    assert checkpoint.nodes[1].held
    async with going_on(graph, checkpoint) as (execution, tap):
        await execution.wait_quiescent()
        await trio.sleep(5)
        await execution.wait_quiescent()
        assert tap.outputs == [("g", "out", put_together)]
        assert not execution.shared.in_flight.count


async def test_what_is_given_out_has_its_place_until_it_has_left(mock_clock: trio.testing.MockClock) -> None:
    """A handler has let go of what it gives out; the array waits for it all the same."""
    small = {"capacity": 1}
    graph = document(
        {"e": "each", "d": node("delay", config={"ms": 1000}), "s": node("gated", inbox=small), "g": "put"},
        ["e:out > d:in", "d:out > s:in", "s:out > g:in"],
    )
    async with open_execution(graph, Journal(), more=MORE) as execution:
        await inject(execution, "e:in", [1, 2, 3, 4, 5])
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1)
        checkpoint = await cut(execution)
    assert checkpoint.nodes[1].taken[0].outcomes[0].done
    later = Journal()
    later.gate("s").set()
    async with going_on(graph, checkpoint, later) as (execution, tap):
        await execution.wait_quiescent()
        assert tap.outputs == [("g", "out", b"[1,2,3,4,5]")]


async def test_what_was_emitted_at_the_start_is_not_emitted_again(autojump_clock: object) -> None:
    """Handlers are initialised anew, and what they emit then has left before."""
    del autojump_clock
    graph = document({"a": node("source", config={"values": [1, 2]}), "b": "forward"}, ["a:out > b:in"])
    async with open_execution(graph, Journal()) as execution:
        checkpoint = await cut(execution)
    journal = Journal()
    async with going_on(graph, checkpoint, journal) as (execution, _):
        execution.complete()
        await execution.finished.wait()
        assert journal.values("b") == []
        assert execution.snapshot().metrics.messages_processed == 2


async def test_an_edge_that_is_held_is_held(autojump_clock: object) -> None:
    """What stands aside stands aside, until somebody lets it go."""
    del autojump_clock
    graph = document({"a": "forward", "b": "forward"}, ["a:out > b:in"])
    async with open_execution(graph, Journal()) as execution:
        execution.edge_control.hold(Queue(1, 0))
        await inject(execution, "a:in", 1)
        checkpoint = await cut(execution)
    journal = Journal()
    async with going_on(graph, checkpoint, journal) as (execution, _):
        await trio.testing.wait_all_tasks_blocked()
        assert journal.values("b") == []
        execution.edge_control.release(Queue(1, 0))
        await execution.wait_quiescent()
        assert journal.values("b") == [1]


async def test_what_waits_on_an_edge_with_a_time_to_live_goes_on(autojump_clock: object) -> None:
    """It waits again as long as it may, and expires then."""
    del autojump_clock
    graph = document({"a": "forward", "b": "gated"}, ["a:out > b:in"])
    graph["edges"][0]["policy"] = {"expireMs": 1000}
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 2, 3)
        checkpoint = await cut(execution)
    journal = Journal()
    async with going_on(graph, checkpoint, journal) as (execution, _):
        await trio.sleep(2)
        journal.gate("b").set()
        await execution.wait_quiescent()
        assert journal.values("b") == [1]
        assert execution.snapshot().metrics.messages_dropped == 2


async def test_taking_a_checkpoint_changes_nothing(autojump_clock: object) -> None:
    """The execution goes on as it would have, and its numbers, too."""
    del autojump_clock
    graph = document({"a": "forward", "b": "forward"}, ["a:out > b:in"])
    async with open_execution(graph, Journal()) as execution:
        tap = Tap()
        execution.add_flow_observer(tap)
        await inject(execution, "a:in", 1)
        await execution.checkpoint()
        await inject(execution, "a:in", 2)
        await execution.wait_quiescent()
        assert len(set(tap.sequences)) == 2
        assert execution.shared.present_sequence() == 5


async def test_what_has_ended_has_no_checkpoint(autojump_clock: object) -> None:
    """Only what runs or is paused has one."""
    del autojump_clock
    async with open_execution(document({"a": "forward"}), Journal()) as execution:
        execution.abandon()
        await execution.finished.wait()
        with pytest.raises(IllegalTransitionError, match="take a checkpoint of"):
            await execution.checkpoint()


def _of(**fields: Any) -> Checkpoint:
    return Checkpoint(execution_id="e", graph_id="g", taken_ms=0.0, **fields)


@pytest.mark.parametrize(
    "checkpoint",
    [
        _of(nodes=(NodeState(id="z", component="forward", waiting=(Message(0, b"1", 1),)),)),
        _of(nodes=(NodeState(id="a", component="forward", waiting=(Message(7, b"1", 1),)),)),
        _of(nodes=(NodeState(id="a", component="forward", waiting=(Message(0, b"1", 1, 0, 5),)),)),
        _of(nodes=(NodeState(id="a", component="other", handler=HandlerState()),)),
        _of(nodes=(NodeState(id="a", component="forward", taken=(Taken(opening=(0, 1)),)),)),
        _of(held=(("z", Message(0, b"1", 1)),)),
    ],
    ids=["no such node", "no such input", "no such lane", "another component", "no such group", "held for nobody"],
)
async def test_a_graph_that_cannot_go_on_refuses(checkpoint: Checkpoint) -> None:
    """What cannot have been so in this graph is refused before anything begins."""
    with pytest.raises(CheckpointMismatchError):
        async with open_execution(document({"a": "forward"}), Journal(), begins_from=checkpoint):
            pass


async def test_a_state_that_cannot_have_been_kept_fails_the_execution(autojump_clock: object) -> None:
    """It names the node, and nothing of it runs."""
    del autojump_clock
    kept = HandlerState(rest="nonsense")
    checkpoint = _of(nodes=(NodeState(id="a", component="delay", handler=kept),))
    graph = document({"a": node("delay", config={"ms": 5})})
    async with going_on(graph, checkpoint, wait=False) as (execution, _):
        await execution.finished.wait()
        error = execution.snapshot().error
        assert error is not None
        assert error.message.startswith("Node a cannot go on from it: ")


async def test_an_edge_that_is_gone_leaves_its_messages(autojump_clock: object) -> None:
    """A graph without an edge goes on with what had come along it; edges are known by their ends."""
    del autojump_clock
    waiting = (Message(0, b"1", 1, 0), Message(0, b"2", 2, 1))
    edges = (EdgeState("x:out", "b:in", 1), EdgeState("a:out", "b:in", 4, 3))
    checkpoint = _of(nodes=(NodeState(id="b", component="forward", waiting=waiting),), edges=edges, sequence=9)
    journal = Journal()
    graph = document({"a": "forward", "b": "forward"}, ["a:out > b:in"])
    async with going_on(graph, checkpoint, journal) as (execution, _):
        await execution.wait_quiescent()
        assert journal.values("b") == [1, 2]
        assert [(edge.sent, edge.queued) for edge in execution.statistics().edges] == [(4, 0)]


# Programs in the sandbox


COUNTING = """({
  process(ctx, port, value) {
    const sum = (ctx.getState('sum') ?? 0) + value;
    ctx.setState('sum', sum);
    ctx.emit('out', value);
    if (value === 0) ctx.emit('out', sum);
  }
})"""


@pytest.mark.parametrize("chaining", [True, False])
async def test_what_programs_keep_goes_on(chaining: bool) -> None:
    """The keyed state of JavaScript nodes, whether they run as one or each alone; sums are exact."""
    async with open_runtime(chaining=chaining) as runtime:
        graph_id = await _load_counting(runtime)
        begun = await runtime.execute(graph_id, ExecuteOptions(completion="manual"))
        handle = runtime.execution(begun.id)
        await handle.inject([_injection(number) for number in range(1, 51)])
        checkpoint = at_once(decoded(at_once(encoded(await runtime.checkpoint(begun.id)))))
        with pytest.raises(ExecutionExistsError):
            await runtime.start_from(checkpoint, execution_id=begun.id)
        await handle.stop()
        again = await runtime.start_from(checkpoint, ExecuteOptions(completion="manual"), execution_id=begun.id)
        assert again.id == begun.id
        assert [each.id for each in runtime.executions()] == [begun.id]
        execution = runtime._executions.underway[begun.id]
        tap = OutputTap()
        execution.add_flow_observer(tap)
        await execution.inject([(0, Message(0, b"0"))], final=True)
        await execution.finished.wait()
        assert [value for _, _, value in tap.outputs][-4:] == [b"0", b"1275", b"1275", b"1275"]
        with pytest.raises(IllegalTransitionError):
            await runtime.checkpoint(begun.id)


def _injection(number: int) -> Injection:
    return Injection("a", "in", msgspec.Raw(b"%d" % number))


async def _load_counting(runtime: Runtime) -> str:
    component = await runtime.library.register_component(
        {
            "id": "custom.counting",
            "name": "Counting",
            "version": "1.0.0",
            "ports": {"inputs": ["in"], "outputs": ["out"]},
            "execution": {"type": "javascript", "source": COUNTING},
        }
    )
    nodes = dict.fromkeys("abc", component.id)
    graph = await runtime.library.load_graph(document(nodes, ["a:out > b:in", "b:out > c:in"]))
    return graph.id
