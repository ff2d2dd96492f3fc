"""The watch over one execution: how long it works for its views before others have a turn."""

from collections.abc import Sequence

import pytest
import trio

from engine.contracts.handler import Message
from engine.runtime import open_runtime
from proto.events import PortEmit
from proto.execution import ExecuteOptions
from service.live.execution_watch import ExecutionWatch
from service.live.feed import FeedMemory
from service.live.limits import SLICE_BYTES, SLICE_NOTE_BYTES, SLICE_NOTES
from service.live.pending_events import Hop
from service.live.selection import Selection
from tests.service.live.live_runtime import chain

VIEWS = 6
SOME_BYTES = SLICE_BYTES // SLICE_NOTE_BYTES
"""Notes of one slice whose values cost as much as the notes themselves."""


class Steps(trio.abc.Instrument):
    """Tells the steps of the event loop apart, and counts those who were woken in each."""

    def __init__(self) -> None:
        self.woken = [0]

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Hear that some task begins to run, until it waits or gives way to others."""
        del task
        self.woken.append(0)

    def wake(self) -> None:
        """Hear, as a subscriber, that there is something to read."""
        self.woken[-1] += 1

    def cut(self, reason: str) -> None:
        """Hear, as a subscriber, that it is too far behind."""
        raise AssertionError(reason)


async def woken_for(sizes: Sequence[int]) -> list[int]:
    """Subscribers with different selections that are shown notes of these sizes in one step after the other."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(chain("a", "b"))
        execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual"))
        watch = ExecutionWatch(execution, runtime, FeedMemory(10**9))
        steps = Steps()
        for number in range(VIEWS):
            watch.subscribe(Selection(frozenset({PortEmit.name}), None, None, 0, number), steps)
        for sequence, size in enumerate(sizes):
            message = Message(0, b"7" * size, sequence, 0)
            watch.note_flow(Hop(("a", "out"), ("b", "in"), message, 0, 0.0))
        trio.lowlevel.add_instrument(steps)
        await watch.flush()
        trio.lowlevel.remove_instrument(steps)
    return [count for count in steps.woken if count]


@pytest.mark.parametrize(
    ("sizes", "at_once"),
    [
        ([1] * SLICE_NOTES, 1),
        ([1] * (SLICE_NOTES - 1), 2),
        ([1] * (SLICE_NOTES // 2), 2),
        ([SLICE_NOTE_BYTES] * SOME_BYTES, -(-SLICE_NOTES // (2 * SOME_BYTES))),
    ],
    ids=["many", "almost as many", "half as many", "large"],
)
async def test_others_have_a_turn_between_two_slices_of_work(sizes: Sequence[int], at_once: int) -> None:
    """Views are shown notes one after the other until a slice's work is done; then others have a turn."""
    assert await woken_for(sizes) == [at_once] * (VIEWS // at_once)
