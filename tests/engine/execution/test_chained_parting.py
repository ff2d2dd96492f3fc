"""The time in which the members of a chain process alone: who waits before it is formed, and how long."""

import pytest
import trio
import trio.testing

from engine.contracts.handler import Message
from engine.execution.chained_parting import Parting
from engine.execution.inbox import Inbox

pytestmark = pytest.mark.usefixtures("autojump_clock")

INNER, OUTER = Message(0, b"1", 1, 7), Message(0, b"1", 2, 0)


def parting() -> tuple[Parting, Inbox, Inbox]:
    """Two members, the edge 7 between them, and a chain that is to be formed."""
    first, second = Inbox(10, 100), Inbox(10, 100)
    made = Parting([first, second], frozenset({7}))
    made.is_to_form = True
    return made, first, second


async def test_a_chain_is_formed_when_nothing_is_between_its_members() -> None:
    """Neither in anybody's hands nor in an inbox."""
    made, _, second = parting()
    assert made.is_clear()
    assert second.put_nowait(INNER)
    assert not made.is_clear()
    second.take_batch_nowait(1)
    made.enter()
    assert not made.is_clear()
    made.leave()
    assert made.is_clear()


async def test_only_who_has_nothing_from_between_waits() -> None:
    """Otherwise the others would wait for them in vain, also where it stands behind what came from outside."""
    made, _, second = parting()
    assert made.concerns(1, [OUTER])
    assert not made.concerns(1, [OUTER, INNER])
    assert second.put_nowait(INNER)
    assert not made.concerns(1, [OUTER])
    assert made.concerns(0, [OUTER])


async def test_who_waits_is_woken_when_the_others_have_done() -> None:
    """And where the chain is not to be formed any more."""
    made, _, _ = parting()
    made.enter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.wait)
        await trio.testing.wait_all_tasks_blocked()
        made.leave()
    assert trio.current_time() < 0.01
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.wait)
        await trio.testing.wait_all_tasks_blocked()
        made.end()
    assert trio.current_time() < 0.01


async def test_nobody_waits_for_long() -> None:
    """One of the others may wait for room that only who waits can make; after a second it is tried again."""
    made, _, _ = parting()
    made.enter()
    await made.wait()
    assert trio.current_time() < 0.1
    assert not made.concerns(0, [OUTER])
    await trio.sleep(1.1)
    assert made.concerns(0, [OUTER])
