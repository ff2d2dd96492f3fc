"""An execution as it was behind one of its records, put together of what was noted."""

from typing import Any

import msgspec
import pytest
import trio

from engine.checkpoint.checkpoint import Checkpoint
from engine.journal.moment import SHOWN_BYTES, Moment, read_moment
from engine.journal.moment_shown import REPLY_BYTES, shown
from engine.runtime import Runtime, open_runtime
from proto.moment import MomentReply
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, started, values_to
from tests.engine.test_replaced_components import written

SLOW = node("symbia.core.delay", config={"ms": 60_000}, inbox={"capacity": 3})
SUMS = {
    **written("1.0.0", 0),
    "id": "own.sum",
    "execution": {
        "type": "javascript",
        "source": """return { process: (ctx, port, value) => {
          const sum = (ctx.getState('sum') || 0) + value;
          ctx.setState('sum', sum);
          if (value % 3) ctx.emit('out', sum);
        } }""",
    },
}
GRAPH = document(
    {"a": "symbia.core.passthrough", "sum": "own.sum", "wait": SLOW, "end": "symbia.core.passthrough"},
    ["a:out > sum:in", "sum:out > wait:in", "a:out > end:in"],
)


async def moment_of(runtime: Runtime, execution_id: str, at: int, **ways: Any) -> Moment:
    recording = runtime.recordings.recording(execution_id)
    return await read_moment(await recording.head(), runtime.recordings.chunks(recording), at, **ways)


async def shown_of(runtime: Runtime, execution_id: str, at: int, **ways: Any) -> MomentReply:
    moment = await moment_of(runtime, execution_id, at, **ways)
    return shown(moment, execution_id, is_run=False)


async def gone_through(runtime: Runtime, level: Any = "full") -> str:
    """Start the graph hold an edge of it, and let numbers go through it."""
    await runtime.library.register_component(SUMS)
    execution_id = await started(runtime, GRAPH, level)
    await runtime.execution(execution_id).edge("1").pause()
    for number in range(40):
        await runtime.execution(execution_id).inject(values_to("a", number))
        await trio.testing.wait_all_tasks_blocked()
    return execution_id


def assert_agree(moment: Moment, cut: Checkpoint) -> None:
    """Queues, counts and states are those that the execution has itself."""
    for index, state in enumerate(cut.nodes):
        known = moment.nodes[index]
        counters = state.counters
        assert (known.emitted, known.errors) == (counters.emitted, counters.errors)
        waits = {message.sequence: message.value for message in state.waiting}
        found = {
            number: value.value
            for (node_index, _), queue in moment.queues.items()
            for number, value in queue.items()
            if node_index == index
        }
        in_hand = {message.sequence for taken in state.taken for message in taken.messages}
        assert {number: value for number, value in found.items() if number not in in_hand} == waits
        if state.component == "own.sum":
            assert state.handler is not None
            assert known.state == state.handler.rest
    assert moment.sent == [edge.sent for edge in cut.edges]
    assert moment.outputs == cut.outputs


@pytest.mark.parametrize("is_chained", [False, True])
async def test_the_present_moment_is_as_the_execution_is(*, is_chained: bool) -> None:
    """Also where nodes wait for room, and what they send waits before those who have none."""
    async with open_runtime(chaining=is_chained) as runtime:
        execution_id = await gone_through(runtime)
        cut = await runtime.checkpoint(execution_id)
        assert_agree(await moment_of(runtime, execution_id, 2**40), cut)
        assert any(state.waiting for state in cut.nodes)


async def test_a_moment_from_a_checkpoint_is_that_from_the_beginning() -> None:
    """However many records were noted between the two."""
    async with open_runtime() as runtime:
        execution_id = await gone_through(runtime)
        execution = runtime.execution(execution_id)
        recording = runtime.recordings.recording(execution_id)
        before = await shown_of(runtime, execution_id, 2**40)
        execution.record("full")
        await trio.testing.wait_all_tasks_blocked()
        await execution.inject(values_to("a", 100))
        await trio.testing.wait_all_tasks_blocked()
        recording = runtime.recordings.recording(execution_id)
        (since,) = recording.figures.moments
        at_once = await moment_of(runtime, execution_id, since[1] - 1, since=since)
        assert [each.waiting for each in shown(at_once, "", is_run=False).edges] == [
            each.waiting for each in before.edges
        ]
        assert_agree(
            await moment_of(runtime, execution_id, 2**40, since=since), await runtime.checkpoint(execution_id)
        )


async def test_each_moment_has_what_waited_then() -> None:
    """A value waits from its own record on, until a node is handed it."""
    graph = document({"a": "symbia.core.passthrough", "b": "symbia.core.passthrough"}, ["a:out > b:in"])
    async with open_runtime() as runtime:
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("a", 7))
        await ended(runtime, execution_id)
        seen: list[list[int]] = []
        for at in range(20):
            moment = await shown_of(runtime, execution_id, at)
            waits = [len(moment.nodes[0].injected), moment.edges[0].waiting, moment.outputs]
            if not seen or seen[-1] != waits:
                seen.append(waits)
        assert seen == [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]
        assert moment.state == "completed"
        assert moment.edges[0].last is not None
        assert bytes(moment.edges[0].last.value) == b"7"  # type: ignore[arg-type]


async def test_what_is_shown_is_bounded_in_values_and_in_bytes() -> None:
    """A large value is not shown, nor is what comes when four megabytes are."""
    graph = document({"a": SLOW})
    async with open_runtime() as runtime:
        execution_id = await started(runtime, graph, "full")
        values = [f'"{number:04}{"x" * 60_000}"' for number in range(100)]
        await runtime.execution(execution_id).pause()
        await runtime.execution(execution_id).inject(values_to("a", f'"{"y" * SHOWN_BYTES}"', *values))
        moment = await moment_of(runtime, execution_id, 2**40)
        reply = shown(moment, "", 1000, is_run=False)
        sizes = [0 if each.value is msgspec.UNSET else each.size_bytes for each in reply.nodes[0].injected]
        assert len(sizes) == 101
        assert sizes[0] == 0
        assert sizes[1] > 0
        assert REPLY_BYTES - 70_000 < sum(sizes) <= REPLY_BYTES
        assert len(shown(moment, "", 3, is_run=False).nodes[0].injected) == 3
