"""Messages that go back into an inbox: where they stand, what they weigh, and who hears of them."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox


def messages(first: int, sizes: Sequence[int]) -> list[Message]:
    """Messages of these sizes, numbered from ``first``."""
    return [Message(0, b"x" * size, number) for number, size in enumerate(sizes, first)]


@given(st.lists(st.integers(0, 9), max_size=5), st.lists(st.integers(0, 9), max_size=5), st.booleans())
def test_they_stand_where_they_shall_and_weigh_what_they_did(
    waiting: Sequence[int], returned: Sequence[int], behind: bool
) -> None:
    """Ahead of what waits, or behind it, in their own order; the inbox weighs what is in it, until it is empty."""
    inbox = Inbox(5, 100)
    there, back = messages(0, waiting), messages(100, returned)
    for message in there:
        assert inbox.put_nowait(message)
    inbox.put_back(back, behind=behind)
    statistics = inbox.statistics()
    assert statistics.current_buffer_used == len(waiting) + len(returned)
    assert statistics.current_buffer_bytes == sum(waiting) + sum(returned)
    assert inbox.take_batch_nowait(100) == ([*there, *back] if behind else [*back, *there])
    assert inbox.statistics().current_buffer_bytes == 0


@pytest.mark.parametrize("behind", [False, True])
async def test_they_are_on_no_bound_and_others_are(behind: bool) -> None:
    """They had their room before; who comes next finds none until they are taken again."""
    inbox = Inbox(2, 10)
    assert inbox.put_nowait(messages(0, [10])[0])
    inbox.put_back(messages(1, [7, 7, 7]), behind=behind)
    (late,) = messages(9, [0])
    assert not inbox.put_nowait(late)
    assert len(inbox.take_batch_nowait(100)) == 4
    assert inbox.put_nowait(late)


async def test_who_waits_for_messages_hears_of_them(autojump_clock: trio.testing.MockClock) -> None:
    """As of any others; of none, nobody is woken."""
    del autojump_clock
    inbox, taken = Inbox(2, 10), list[int]()

    async def receive() -> None:
        taken.extend(message.sequence for message in await inbox.take_batch(5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        inbox.put_back([])
        await trio.testing.wait_all_tasks_blocked()
        assert taken == []
        inbox.put_back(messages(3, [1, 1]))
        with trio.fail_after(1):
            await trio.testing.wait_all_tasks_blocked()
    assert taken == [3, 4]
