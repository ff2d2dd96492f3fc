"""The count of messages in flight."""

import pytest
import trio
import trio.testing

from engine.execution.in_flight import InFlight

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_quiescence_is_seen_at_once_where_there_is_nothing() -> None:
    """Waiting for quiescence returns when the count is zero already."""
    await InFlight().wait_quiescent()


async def test_waiters_wake_when_the_last_message_is_finished() -> None:
    """Only zero wakes, and it wakes all."""
    in_flight = InFlight()
    in_flight.add(2)
    woken: list[int] = []

    async def wait() -> None:
        await in_flight.wait_quiescent()
        woken.append(in_flight.count)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        in_flight.finish(1)
        await trio.testing.wait_all_tasks_blocked()
        assert woken == []
        in_flight.finish(1)
    assert woken == [0, 0]


async def test_a_zero_that_has_passed_wakes_nobody() -> None:
    """Who is woken by a zero that a new message has ended already goes on waiting."""
    in_flight = InFlight()
    in_flight.add(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_flight.wait_quiescent)
        await trio.testing.wait_all_tasks_blocked()
        in_flight.finish(1)
        in_flight.add(1)
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        in_flight.finish(1)


def test_generations_tell_whether_something_came_between() -> None:
    """The generation grows with every message and never with a finished one."""
    in_flight = InFlight()
    in_flight.add(2)
    before = in_flight.generation
    in_flight.finish(2)
    assert in_flight.generation == before
    in_flight.add(1)
    assert in_flight.generation == before + 1


def test_finishing_more_than_was_accepted_is_a_fault_of_ours() -> None:
    """A count below zero is noticed at once, not at the end of an execution that completed too early."""
    with pytest.raises(AssertionError, match="more messages finished"):
        InFlight().finish(1)
