"""Batches are taken in passes of the event loop that have time in them, and not before."""

import pytest
import trio
import trio.testing

from engine.contracts.handler import Message
from engine.cooperative.pace import Pace
from engine.execution.inbox import Inbox

pytestmark = pytest.mark.usefixtures("autojump_clock")


class Passes(Pace):
    """A pace whose next pass the test lets begin; until then this one is over."""

    def __init__(self) -> None:
        super().__init__()
        self.next = trio.Event()
        self.waiting = 0

    def is_over(self) -> bool:
        return not self.next.is_set()

    async def wait(self) -> None:
        self.waiting += 1
        await self.next.wait()


def message(number: int) -> Message:
    return Message(0, b"1", number)


async def test_what_comes_while_a_batch_waits_for_its_pass_belongs_to_it() -> None:
    """A node with work before it does not hold a small batch while the next messages gather in its inbox."""
    passes, taken = Passes(), list[int]()
    inbox = Inbox(10, 100, pace=passes)

    async def node() -> None:
        taken.extend(each.sequence for each in await inbox.take_batch(10))

    async with trio.open_nursery() as nursery:
        inbox.put_nowait(message(1))
        nursery.start_soon(node)
        await trio.testing.wait_all_tasks_blocked()
        inbox.put_nowait(message(2))
        assert (taken, len(inbox)) == ([], 2)
        passes.next.set()
    assert taken == [1, 2]


async def test_workers_wait_for_the_same_pass() -> None:
    """Where several messages wait and several workers are idle, none waits for a pass behind another."""
    passes, taken = Passes(), list[int]()
    inbox = Inbox(10, 100, pace=passes)

    async def worker() -> None:
        taken.extend(each.sequence for each in await inbox.take_batch(1))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(worker)
        await trio.testing.wait_all_tasks_blocked()
        inbox.put_many_nowait([message(number) for number in range(3)])
        await trio.testing.wait_all_tasks_blocked()
        assert passes.waiting == 3
        passes.next.set()
    assert sorted(taken) == [0, 1, 2]


async def test_a_worker_cancelled_before_its_pass_leaves_its_message_to_another() -> None:
    """The message that it was woken for is still there, and wakes the next idle worker."""
    passes, taken, first = Passes(), list[int](), trio.CancelScope()
    inbox = Inbox(10, 100, pace=passes)

    async def worker(scope: trio.CancelScope) -> None:
        with scope:
            taken.extend(each.sequence for each in await inbox.take_batch(1))

    async with trio.open_nursery() as nursery:
        for scope in (first, trio.CancelScope()):
            nursery.start_soon(worker, scope)
            await trio.testing.wait_all_tasks_blocked()
        inbox.put_nowait(message(7))
        await trio.testing.wait_all_tasks_blocked()
        first.cancel()
        await trio.testing.wait_all_tasks_blocked()
        passes.next.set()
    assert taken == [7]
