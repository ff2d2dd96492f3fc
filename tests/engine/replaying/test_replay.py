"""A recording that is run again: nothing differs but what the code does otherwise, and that is named."""

import io
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest
import trio
from trio._core import _run

from engine.journal.file import RecordingFile
from engine.journal.records import Record
from engine.journal.shape import RecordingError
from engine.replaying.replay import ReplayOptions, replay
from engine.runtime import Runtime, open_runtime
from engine.testing.simulated_time import SimulatedTime
from proto.recording import ReplayReply
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, file_of, started, values_to
from tests.engine.test_replaced_components import written

PASS = "symbia.core.passthrough"

Live = Callable[[Runtime, str], Any]


def priced(version: str, source: str) -> dict[str, Any]:
    execution = {"type": "javascript", "source": source}
    return {**written(version, 0), "id": "own.price", "execution": execution}


PRICE = priced("1.0.0", "return { process: (ctx, port, value) => ctx.emit('out', value * 2) }")
WRONG = priced("1.1.0", "return { process: (ctx, port, value) => ctx.emit('out', value === 17 ? 33 : value * 2) }")
GRAPH = document(
    {
        "start": PASS,
        "price": "own.price",
        "slow": node("symbia.core.delay", config={"ms": 30}),
        "sum": node("symbia.core.accumulator", config={"count": 4}),
        "end": PASS,
    },
    ["start:out > price:in", "price:out > slow:in", "price:out > end:in", "slow:out > end:in", "end:out > sum:in"],
)


async def twenty(runtime: Runtime, execution_id: str) -> None:
    """Inject twenty numbers, now and then, so that what is delayed meets what is not."""
    for number in range(0, 20, 2):
        await runtime.execution(execution_id).inject(values_to("start", number, number + 1))
        await trio.sleep(0.01)
    await ended(runtime, execution_id)


def recorded(graph: dict[str, Any], level: Any, live: Live = twenty, *components: dict[str, Any]) -> RecordingFile:
    """Run a graph in a runtime of its own, and return what was noted of it."""

    async def run() -> bytes:
        async with open_runtime() as runtime:
            for component in components or (PRICE,):
                await runtime.library.register_component(component)
            execution_id = await started(runtime, graph, level)
            await live(runtime, execution_id)
            return await file_of(runtime, execution_id)

    return RecordingFile(io.BytesIO(trio.run(run)))


def run_again(file: RecordingFile, **options: Any) -> ReplayReply:
    time = SimulatedTime()
    records: Callable[[], Any] = file.records

    async def run() -> ReplayReply | RecordingError:
        try:
            return await replay(file.head, records, time, ReplayOptions(**options))
        except RecordingError as error:
            return error

    result = trio.run(run, clock=time.clock)
    if isinstance(result, RecordingError):
        raise result
    return result


@pytest.fixture(scope="module")
def full() -> RecordingFile:
    """Return everything that happened in a run."""
    return recorded(GRAPH, "full")


@pytest.fixture(scope="module")
def inputs() -> RecordingFile:
    """Return what went into a run."""
    return recorded(GRAPH, "inputs")


def test_a_full_recording_is_lived_through_again(full: RecordingFile) -> None:
    """Whichever of two ways was quicker at the node where they meet, it is so again."""
    found = run_again(full)
    assert found == ReplayReply(
        is_same=True,
        compared=20 + 20 + 20 + 40 + 10,
        injected=20,
        against="recording",
        differences=[],
        complaints=[],
        state="completed",
    )


def test_inputs_are_enough_to_run_it_again(inputs: RecordingFile) -> None:
    """Two runs of the same code are the same."""
    found = run_again(inputs)
    assert (found.is_same, found.against, found.injected) == (True, "rerun", 20)


@pytest.mark.parametrize("level", ["full", "inputs"])
def test_another_version_of_a_component_is_found_out(
    level: str, full: RecordingFile, inputs: RecordingFile
) -> None:
    """At the first message that it handles otherwise, with both values; what follows from it comes behind."""
    file = full if level == "full" else inputs
    found = run_again(file, components=(WRONG,))
    first = found.differences[0]
    assert (first.node_id, first.port, first.place, first.kind) == ("price", "out", 18, "value")
    assert (bytes(first.expected or b""), bytes(first.actual or b"")) == (b"34", b"33")
    assert not found.is_same
    assert {each.node_id for each in found.differences} == {"price", "slow", "end", "sum"}
    if level == "full":
        (emitted,) = [each for each in file.records() if each.number == first.sequence]
        assert getattr(emitted, "value", b"") == b"34"


def test_only_a_part_is_lived_through(full: RecordingFile) -> None:
    """Up to a record: what would have come later is no difference, and neither is what was before the first."""
    wrong = run_again(full, components=(WRONG,)).differences[0].sequence
    assert run_again(full, components=(WRONG,), until=wrong - 40, against="recording").is_same
    assert not run_again(full, components=(WRONG,), until=wrong + 1, against="recording").is_same
    only_later = run_again(full, components=(WRONG,), since=wrong + 1, against="recording")
    assert only_later.differences[0].node_id != "price"


def test_less_and_more_are_differences(full: RecordingFile) -> None:
    """A value that does not come any more, and one that did not come before."""
    less = priced(
        "2.0.0", "return { process: (ctx, port, value) => { if (value < 19) ctx.emit('out', value * 2) } }"
    )
    found = run_again(full, components=(less,), against="recording").differences[0]
    assert (found.node_id, found.kind, found.place, bytes(found.expected or b"")) == (
        "price",
        "missing",
        20,
        b"38",
    )
    more = priced(
        "2.0.0",
        "return { process: (ctx, p, v) => { ctx.emit('out', v * 2); if (v == 19) ctx.emit('out', 1) } }",
    )
    found = run_again(full, components=(more,)).differences[0]
    assert (found.node_id, found.kind, found.place, bytes(found.actual or b"")) == ("price", "extra", 21, b"1")


def test_a_number_may_be_spelt_otherwise(full: RecordingFile) -> None:
    """What is compared are values, not texts."""
    other = priced(
        "2.0.0", "return { process: (ctx, port, value) => ctx.emit('out', JSON.parse(value * 2 + '.0')) }"
    )
    assert run_again(full, components=(other,)).is_same


def test_randomness_and_the_time_of_day_come_again() -> None:
    """Both from the recording; the time of day as it was when a message went in."""
    random = priced(
        "1.0.0",
        "return { process: (ctx, port, value) => ctx.emit('out', [Math.random(), Math.floor(Date.now() / 1e7)]) }",
    )
    graph = document({"start": "own.price", "other": "own.price"}, ["start:out > other:in"])
    found = run_again(recorded(graph, "full", twenty, random))
    assert (found.is_same, found.compared) == (True, 40)


def test_what_was_asked_outside_is_answered_from_the_recording() -> None:
    """Nobody is asked again; what was not asked before has no answer, and that is said."""

    async def live(runtime: Runtime, execution_id: str) -> None:
        await runtime.execution(execution_id).inject(values_to("start", 1, 2))
        await ended(runtime, execution_id)

    request = node("symbia.io.http-request", config={"url": "http://127.0.0.1:9/{n}"}, onError="continue")
    shape = "return { process: (ctx, port, value) => ctx.emit('out', {n: value}) }"
    graph = document(
        {"start": "own.price", "ask": request, "failed": PASS}, ["start:out > ask:in", "ask:error > failed:in"]
    )
    file = recorded(graph, "full", live, priced("1.0.0", shape))
    assert run_again(file).is_same
    found = run_again(file, components=(priced("1.1.0", shape.replace("n: value", "n: value + 1")),))
    assert found.complaints == ["node ask asked something that it had not asked before"]


def test_pauses_stops_and_failures_come_again() -> None:
    """A run that was stopped with something gathered, and one that failed, end as they did."""

    async def stopped(runtime: Runtime, execution_id: str) -> None:
        handle = runtime.execution(execution_id)
        await handle.inject(values_to("start", 1))
        await handle.pause()
        await handle.inject(values_to("start", 2))
        await trio.sleep(0.05)
        await handle.resume()
        await handle.inject(values_to("start", 3))
        await handle.wait_quiescent()  # what was cut off in the midst of the nodes depends on the moment
        await trio.sleep(0.02)
        await handle.stop()

    assert run_again(recorded(GRAPH, "full", stopped)).is_same

    async def failed(runtime: Runtime, execution_id: str) -> None:
        await runtime.execution(execution_id).inject(values_to("start", 1, '"x"', 3))
        await runtime.execution(execution_id).wait_finished()

    throwing = priced(
        "1.0.0", "return { process: (ctx, p, v) => { if (v === 'x') throw new Error('no'); ctx.emit('out', v) } }"
    )
    graph = document({"start": PASS, "price": "own.price"}, ["start:out > price:in"])
    found = run_again(recorded(graph, "full", failed, throwing))
    assert (found.is_same, found.state) == (True, "failed")


def test_what_was_done_by_hand_is_not_done_again_and_that_is_said() -> None:
    """An edge was held for a while: nobody holds it now."""

    async def held(runtime: Runtime, execution_id: str) -> None:
        handle = runtime.execution(execution_id)
        await handle.edge("0").pause()
        await handle.inject(values_to("start", 1))
        await handle.edge("0").resume()
        await ended(runtime, execution_id)

    found = run_again(recorded(GRAPH, "full", held))
    assert not found.differences
    assert [each.endswith("by hand, which is not given again") for each in found.complaints] == [True, True]


def test_what_begins_with_a_checkpoint_is_run_again_from_there(full: RecordingFile) -> None:
    """With what was delayed and what was gathered by then; without one nobody knows what its nodes remembered."""

    async def late(runtime: Runtime, execution_id: str) -> None:
        for number in range(5):
            await runtime.execution(execution_id).inject(values_to("start", number))
            await trio.sleep(0.01)
        runtime.execution(execution_id).record("full")
        await trio.testing.wait_all_tasks_blocked()
        await twenty(runtime, execution_id)

    found = run_again(recorded(GRAPH, "off", late))
    assert (found.is_same, found.differences, found.complaints, found.injected) == (True, [], [], 20)
    time = SimulatedTime()
    head = msgspec.structs.replace(full.head, is_from_start=False)

    async def run() -> str:
        with pytest.raises(RecordingError) as refusal:
            await replay(head, full.records, time, ReplayOptions())
        return str(refusal.value)

    assert "does not begin with the execution" in trio.run(run, clock=time.clock)


def test_a_hostile_recording_runs_nothing_wrong(full: RecordingFile) -> None:
    """A value that is no JSON, and a graph that cannot be loaded, are refused with one sentence."""
    records: list[Record] = list(full.records())
    at = next(index for index, record in enumerate(records) if type(record).__name__ == "Injected")
    wrong = [*records[:at], msgspec.structs.replace(records[at], value=b"{"), *records[at + 1 :]]
    broken = msgspec.structs.replace(full.head, graph={"symbia": "1.0", "name": "n", "nodes": 1, "edges": []})
    time = SimulatedTime()

    async def run() -> list[str]:
        complaints = []
        for head, given in ((full.head, wrong), (broken, records)):
            try:
                await replay(head, lambda given=given: given, time, ReplayOptions())  # type: ignore[misc]
            except RecordingError as error:
                complaints.append(str(error))
        return complaints

    refused, unusable = trio.run(run, clock=time.clock)
    assert refused.startswith("a value in it is refused: This is not JSON")
    assert unusable.startswith("it cannot be run: Graph missing nodes array")


def test_the_scheduler_can_be_seeded() -> None:
    """Trio has a source of randomness of its own, which it shuffles ready tasks by; it is not documented."""
    assert isinstance(_run._r, Random)
