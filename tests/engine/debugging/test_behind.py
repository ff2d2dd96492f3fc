"""Breakpoints on what comes of a message: values that leave, errors, lines, and writes of the state."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from engine.contracts.handler import Emission, Handler, InstanceContext, LogLine, Message, Outcome
from engine.errors import InvalidBreakpointError, VerbRefusedError
from proto.execution import ExecutionState
from tests.engine.debugging.debugged import FORK, Debugged, open_debugged
from tests.engine.executions import document, inject, node
from tests.engine.handlers import Journal, Witness, components

THROWING = document(
    {"a": "forward", "bad": node("throw", config={"at": [2], "times": 1}, onError="continue"), "end": "forward"},
    ["a:out > bad:in", "bad:out > end:in"],
)


class Keeper(Witness):
    """Keeps the last value, and logs each: those above 2 as warnings."""

    def __init__(self, context: InstanceContext, journal: Journal) -> None:
        super().__init__(context, journal)
        self._kept: dict[str, bytes] = {}

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = await super().process(batch)
        level = "warn" if batch[-1].value > b"2" else "info"
        return [Outcome(each.emissions, (LogLine(level, f"got {len(batch)}"),)) for each in outcomes]

    async def handle(self, message: Message) -> Sequence[Emission]:
        self._kept = {**self._kept, "last": message.value, "same": b"1"}
        return await super().handle(message)

    def state(self) -> dict[str, bytes]:
        return self._kept


KEEPING = document({"a": "forward", "keep": "keep", "end": "forward"}, ["a:out > keep:in", "keep:out > end:in"])


def keeping(journal: Journal) -> dict[str, Any]:
    """The component of the keeper."""

    def make(context: InstanceContext, kept: Journal) -> Handler:
        return Keeper(context, kept)

    return {**components(journal, {"keep": make})}


async def put(debugged: Debugged, place: str, *values: Any) -> None:
    """Inject, and wait until nothing moves."""
    await inject(debugged.execution, place, *values)
    await trio.testing.wait_all_tasks_blocked()


async def test_a_value_is_held_before_it_leaves_by_any_edge() -> None:
    """Once, however many edges there are; what was emitted before it has left, what comes behind it waits."""
    async with open_debugged(FORK) as it:
        stop = await it.set(node="a", on="output", port="out", after=1)
        await put(it, "a:in", 1, 2, 3)
        assert it.values(stop) == [2]
        assert it.held(stop)[0].verbs == ("continue", "next", "edit", "drop")
        assert it.journal.values("d") == [1, 1]
        await it.obey(stop, "edit", value=b"20")
        await it.obey(stop, "continue")
        await it.obey(stop, "drop")
        assert it.journal.values("d") == [1, 1, 20, 20]
        assert it.execution.shared.in_flight.count == 0


async def test_a_value_that_leaves_the_graph_is_held_too() -> None:
    """Also where no edge leaves the port; and a step from it to the next node ends at each edge."""
    async with open_debugged(FORK) as it:
        out = await it.set(node="d", on="output")
        first = await it.set(node="a", on="output")
        await put(it, "a:in", 1)
        await it.obey(first, "next")
        assert sorted((each.node, each.on) for each in it.held(first)) == [("b", "step"), ("c", "step")]
        await it.obey(first, "continue")
        await it.obey(first, "continue")
        assert (it.values(out), it.execution.output_count) == ([1], 0)
        await it.obey(out, "continue")
        assert it.execution.output_count == 1


async def test_a_failed_message_is_tried_again_with_another_value() -> None:
    """Before its error takes its way; those before it have left, those behind it wait."""
    async with open_debugged(THROWING) as it:
        stop = await it.set(on="error")
        await put(it, "a:in", 1, 2, 3)
        (held,) = it.held(stop)
        assert (held.node, held.on, held.error and held.error.name) == ("bad", "error", "ValueError")
        assert held.verbs == ("continue", "retry", "edit", "drop", "skip")
        assert it.journal.values("end") == [1]
        await it.obey(stop, "retry", value=b"200")
        assert it.journal.values("end") == [1, 200, 3]
        assert it.execution.snapshot().metrics.error_count == 1


@pytest.mark.parametrize(("verb", "arrived"), [("continue", [1, 3]), ("drop", [1, 3]), ("skip", [1, 2, 3])])
async def test_a_failed_message_goes_on_as_it_is_told(verb: str, arrived: list[int]) -> None:
    """Its error takes its way; nothing comes of it; or its value goes past the node."""
    async with open_debugged(THROWING) as it:
        stop = await it.set(node="bad", on="error")
        await put(it, "a:in", 1, 2, 3)
        await it.obey(stop, verb)
        assert it.journal.values("end") == arrived
        assert it.execution.shared.in_flight.count == 0
        assert it.execution.snapshot().metrics.error_count == 1


async def test_a_failed_message_that_is_held_when_it_is_stopped_is_unprocessed() -> None:
    """And the execution has not failed by it."""
    async with open_debugged(document({"bad": "throw"})) as it:
        await it.set(on="error")
        await put(it, "bad:in", 1)
        await it.execution.stop(drain=False)
        assert it.execution.snapshot().unprocessed == 1
        assert it.execution.state is ExecutionState.CANCELLED


async def test_a_line_of_a_level_holds_what_its_invocation_has_made() -> None:
    """Lines that are less bad do not; the message is handled, and nothing of it has left."""
    journal = Journal()
    async with open_debugged(KEEPING, more=keeping(journal)) as it:
        stop = await it.set(node="keep", on="log", level="warn")
        await put(it, "a:in", 1, 3)
        (held,) = it.held(stop)
        assert (held.value, held.line and held.line.name, held.emitted) == (held.value, "warn", 1)
        assert held.verbs == ("continue", "next", "drop")
        assert it.journal.values("end") == [1]
        await it.obey(stop, "drop")
        assert it.journal.values("end") == [1]
        assert it.execution.shared.in_flight.count == 0


async def test_a_write_of_the_state_is_held_with_what_it_changed() -> None:
    """Of the key that is asked for; what was written with the same value is no change."""
    journal = Journal()
    async with open_debugged(KEEPING, more=keeping(journal)) as it:
        every = await it.set(node="keep", on="state", key="last")
        await put(it, "a:in", 1)
        (change,) = it.held(every)[0].changes
        assert (change.key, change.before, change.after) == ("last", None, "1")
        await it.obey(every, "continue")
        none = await it.set(node="keep", on="state", key="same")
        await put(it, "a:in", 2)
        await it.obey(every, "continue")
        assert it.debugger.one(none).hits == 0
        assert it.journal.values("end") == [1, 2]


async def test_an_invocation_is_seen_once_its_step_has_gone_through() -> None:
    """What a step shows behind a node is its error, where it failed; which then takes its way."""
    async with open_debugged(THROWING) as it:
        stop = await it.set(node="bad", port="in", after=1)
        await put(it, "a:in", 1, 2)
        await it.obey(stop, "step")
        (held,) = it.held(stop)
        assert (held.on, held.error and held.error.name) == ("step", "ValueError")
        with pytest.raises(VerbRefusedError):
            await it.obey(stop, "skip")
        await it.obey(stop, "continue")
        assert it.execution.snapshot().metrics.error_count == 1


@pytest.mark.parametrize(
    ("wanted", "paths"),
    [
        ({}, ["node"]),
        ({"edge": 0, "node": "a"}, ["node"]),
        ({"edge": 9}, ["edge"]),
        ({"edge": "nowhere"}, ["edge"]),
        ({"edge": 0, "on": "output"}, ["on"]),
        ({"edge": 0, "port": "in"}, ["port"]),
        ({"node": "aa"}, ["node"]),
        ({"node": "a", "port": "out"}, ["port"]),
        ({"node": "a", "on": "output", "port": "in"}, ["port"]),
        ({"on": "error", "key": "k", "level": "warn", "scope": "edge"}, ["level", "key", "scope"]),
        ({"node": "a", "when": "  "}, ["when"]),
        ({"node": "a", "when": "x" * 5000}, ["when"]),
    ],
)
async def test_what_names_nothing_is_refused_with_all_that_is_wrong(
    wanted: dict[str, Any], paths: list[str]
) -> None:
    """And nothing is set."""
    async with open_debugged(FORK) as it:
        with pytest.raises(InvalidBreakpointError) as refused:
            await it.set(**wanted)
        assert [problem.path for problem in refused.value.problems] == paths
        assert it.debugger.all() == []
