"""The scopes of an execution: what starts in them, and what ends them."""

from collections.abc import Callable

import pytest
import trio
import trio.testing

from engine.execution.scopes import Scopes

ENDS: dict[str, Callable[[Scopes, trio.Nursery], None]] = {
    "the whole": lambda scopes, _: scopes.whole.cancel(),
    "its time": lambda scopes, _: scopes.timeout.cancel(),
    "its tasks": lambda _, nursery: nursery.cancel_scope.cancel(),
}


async def test_what_is_spawned_before_there_is_a_nursery_starts_with_it_once() -> None:
    """What goes on from a checkpoint has tasks to start before it runs."""
    scopes, started = Scopes(), list[str]()

    async def early() -> None:
        started.append("early")

    async def late() -> None:
        started.append("late")

    scopes.spawn(early)
    assert not scopes.is_ending
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            scopes.begin(nursery)
            await trio.testing.wait_all_tasks_blocked()
            scopes.spawn(late)
    assert started == ["early", "late", "late"]


@pytest.mark.parametrize("end", ENDS)
async def test_it_is_ending_when_any_of_them_is_cancelled(end: str) -> None:
    """Also before the tasks have noticed."""
    scopes = Scopes()
    async with trio.open_nursery() as nursery:
        scopes.begin(nursery)
        assert not scopes.is_ending
        ENDS[end](scopes, nursery)
        assert scopes.is_ending


def test_a_deadline_is_never_put_off() -> None:
    """A second stop with a later one leaves the first as it is."""
    scopes = Scopes()
    for deadline in (5.0, 9.0):
        scopes.shorten(deadline)
        assert scopes.whole.deadline == 5.0
    scopes.shorten(2.0)
    assert scopes.whole.deadline == 2.0


async def test_an_emptied_one_holds_nothing_any_more() -> None:
    """Neither the nursery, which has ended, nor what waited for one."""
    scopes = Scopes()
    scopes.spawn(trio.sleep_forever)
    scopes.empty()
    async with trio.open_nursery() as nursery:
        scopes.begin(nursery)
        await trio.testing.wait_all_tasks_blocked()
        assert not nursery.child_tasks
    scopes.empty()
    assert scopes.nursery is None
