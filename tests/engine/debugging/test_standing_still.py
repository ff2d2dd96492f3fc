"""Breakpoints that let the whole execution stand still, and what comes before it does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from engine.execution.edge_control import Queue
from proto.execution import ExecutionState
from tests.engine.debugging.debugged import Debugged, open_debugged
from tests.engine.executions import document, inject, node

GRAPH = document({"a": "forward", "d": "forward", "busy": "gated"}, ["a:out > d:in"])

pytestmark = pytest.mark.usefixtures("autojump_clock")


@asynccontextmanager
async def open_pausing() -> AsyncIterator[tuple[Debugged, str]]:
    """An execution that is being paused for a message before ``d``, and waits for ``busy`` to finish with one."""
    async with open_debugged(GRAPH) as it:
        stop = await it.set(edge=0, scope="execution")
        await inject(it.execution, "busy:in", 0)
        await trio.testing.wait_all_tasks_blocked()
        await inject(it.execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        yield it, stop


async def finish(it: Debugged) -> ExecutionState:
    """Let ``busy`` finish; return what the execution is then."""
    it.journal.gate("busy").set()
    await trio.testing.wait_all_tasks_blocked()
    return it.execution.state


async def test_what_is_let_go_while_the_pause_is_under_way_leaves_nothing_paused() -> None:
    """The execution goes on as soon as it has stood still."""
    async with open_pausing() as (it, stop):
        await it.obey(stop, "continue")
        assert await finish(it) is ExecutionState.RUNNING
        assert it.journal.values("d") == [1]


async def test_a_look_while_the_pause_is_under_way_lets_nothing_go() -> None:
    """The message is shown as held, and is."""
    async with open_pausing() as (it, stop):
        assert it.values(stop) == [1]
        assert await finish(it) is ExecutionState.PAUSED
        assert it.values(stop) == [1]
        await it.obey(stop, "continue")
        assert it.journal.values("d") == [1]


async def test_a_value_that_is_changed_while_the_pause_is_under_way_is_held() -> None:
    """By a command to its edge, which puts another message in the place of it."""
    async with open_pausing() as (it, stop):
        commands, edge = it.execution.edge_commands, Queue(it.execution.graph.index_of["d"], 0)
        (message,) = commands.waiting(edge)
        commands.edit(edge, message.sequence, b"7")
        await finish(it)
        assert it.values(stop) == [7]
        await it.obey(stop, "continue")
        assert (it.journal.values("d"), it.debugger.one(stop).hits) == ([7], 1)


async def test_a_message_that_is_dropped_while_the_pause_is_under_way_is_gone() -> None:
    """And nothing stands still for it."""
    async with open_pausing() as (it, stop):
        await it.obey(stop, "drop")
        assert await finish(it) is ExecutionState.RUNNING
        assert (it.journal.values("d"), it.execution.snapshot().metrics.messages_dropped) == ([], 1)


async def test_the_execution_stands_still_until_the_last_of_several_goes_on() -> None:
    """Whichever of them has paused it."""
    graph = document(
        {"a": "forward", "b": node("forward"), "c": node("forward")}, ["a:out > b:in", "a:out > c:in"]
    )
    async with open_debugged(graph) as it:
        first, second = [await it.set(edge=edge, scope="execution") for edge in (0, 1)]
        await inject(it.execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        assert [it.values(each) for each in (first, second)] == [[1], [1]]
        states = []
        for each in (first, second):
            await it.obey(each, "continue")
            states.append(it.execution.state)
        assert states == [ExecutionState.PAUSED, ExecutionState.RUNNING]


async def test_a_pause_that_somebody_asks_for_meanwhile_is_theirs() -> None:
    """What is let go ends no other pause than its own."""
    async with open_debugged(GRAPH) as it:
        stop = await it.set(edge=0, scope="execution")
        await inject(it.execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        await it.execution.resume()
        await it.execution.pause()
        await it.obey(stop, "continue")
        assert it.execution.state is ExecutionState.PAUSED


async def test_a_checkpoint_does_not_say_that_it_was_paused() -> None:
    """Nothing is held in what goes on from it."""
    async with open_debugged(GRAPH) as it:
        await it.set(edge=0, scope="execution")
        await inject(it.execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        assert it.execution.state is ExecutionState.PAUSED
        assert not (await it.execution.checkpoint()).is_paused
