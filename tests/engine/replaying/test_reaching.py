"""A moment of a recording is reached by running it again: with what waits where, by the recorded numbers."""

import io
from typing import Any

import pytest
import trio

from engine.journal.file import RecordingFile
from engine.journal.records import Emitted, Injected
from engine.journal.shape import RecordingError
from engine.replaying.reaching import Reached, edited, reach, waiting_in
from engine.runtime import Runtime, open_runtime
from engine.testing.simulated_time import SimulatedTime
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, file_of, started, values_to
from tests.engine.replaying.test_replay import GRAPH, PRICE, recorded


def reached(file: RecordingFile, at: int) -> Reached:
    """Return a moment of a recording, or raise why it cannot be reached."""
    time = SimulatedTime()

    async def run() -> Reached | RecordingError:
        try:
            return await reach(file.head, file.records, time, at)
        except RecordingError as error:
            return error

    found = trio.run(run, clock=time.clock)
    if isinstance(found, RecordingError):
        raise found
    return found


@pytest.fixture(scope="module")
def full() -> RecordingFile:
    """Return everything that happened in a run."""
    return recorded(GRAPH, "full")


def test_a_value_that_has_just_begun_its_way_waits_at_its_end(full: RecordingFile) -> None:
    """Each that is asked for is there by its number, with its value, and has been handed to nobody."""
    emissions = [each for each in full.records() if isinstance(each, Emitted) and each.edge >= 0]
    for emission in emissions[3::37]:
        moment = reached(full, emission.number)
        own = moment.numbers[emission.number]
        target = full.head.nodes[full.head.edges[emission.edge].target[0]].id
        state = next(each for each in moment.checkpoint.nodes if each.id == target)
        (message,) = [each for each in waiting_in(state) if each.sequence == own]
        assert (message.value, message.edge) == (emission.value, emission.edge)


def test_what_was_injected_waits_before_its_node(full: RecordingFile) -> None:
    """Of two that were injected together the second is there only at its own number."""
    first, second = [each for each in full.records() if isinstance(each, Injected)][6:8]
    assert second.at == first.at
    assert second.number not in reached(full, first.number).numbers
    assert {first.number, second.number} <= reached(full, second.number).numbers.keys()


def test_an_edited_value_stands_in_the_place_of_what_waits(full: RecordingFile) -> None:
    """What waits nowhere at that moment is told."""
    injected = [each for each in full.records() if isinstance(each, Injected)][6]
    moment = reached(full, injected.number)
    checkpoint, lacking = edited(moment, {injected.number: b"77", 3: b"1"})
    (state,) = [each for each in checkpoint.nodes if each.id == "start"]
    assert [each.value for each in waiting_in(state)] == [b"77"]
    assert lacking == [3]


def test_a_moment_that_there_was_not_is_refused(full: RecordingFile) -> None:
    """There is nothing to begin with before the first record."""
    with pytest.raises(RecordingError, match="nothing has happened by 0"):
        reached(full, 0)


def test_what_began_to_be_noted_later_is_reached_from_its_checkpoint() -> None:
    """With what was before it: the sum of what a node had gathered, and what it gathers then."""
    gather = document({"a": node("symbia.core.accumulator", config={"count": 5})})

    async def live() -> bytes:
        async with open_runtime() as runtime:
            return await late(runtime)

    async def late(runtime: Runtime) -> bytes:
        execution_id = await started(runtime, gather, None)
        handle = runtime.execution(execution_id)
        await handle.inject(values_to("a", 1, 2))
        await handle.wait_quiescent()
        handle.record("inputs")
        await trio.testing.wait_all_tasks_blocked()
        await handle.inject(values_to("a", 3))
        await handle.wait_quiescent()
        await handle.inject(values_to("a", 4))
        await ended(runtime, execution_id)
        return await file_of(runtime, execution_id)

    file = RecordingFile(io.BytesIO(trio.run(live)))
    last = [each for each in file.records() if isinstance(each, Injected)][-1]
    moment = reached(file, last.number)
    (state,) = moment.checkpoint.nodes
    assert moment.since > 0
    assert [message.value for message in waiting_in(state)] == [b"4"]
    kept: Any = state.handler
    assert b"[1,2,3]" in repr(kept).encode() or state.held == 3


def test_the_recorded_component_is_used(full: RecordingFile) -> None:
    """It stands in the recording, so nothing has to be registered."""
    assert full.head.components[0]["id"] == PRICE["id"]
