"""The inbox: bounds, order, policies, and that cancellation loses and doubles nothing."""

import math

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox
from proto.graph import Overflow

pytestmark = pytest.mark.usefixtures("autojump_clock")


def message(number: int, size: int = 1) -> Message:
    return Message(0, b"x" * size, number)


def numbers(messages: list[Message]) -> list[int]:
    return [item.sequence for item in messages]


async def test_messages_come_out_in_the_order_of_their_coming() -> None:
    """A batch holds what waits, oldest first, up to its limit."""
    inbox = Inbox(10, 100)
    for number in range(5):
        assert inbox.put_nowait(message(number))
    assert numbers(await inbox.take_batch(3)) == [0, 1, 2]
    assert numbers(await inbox.take_batch(3)) == [3, 4]
    assert inbox.take_batch_nowait(3) == []


async def test_a_full_inbox_takes_no_offer() -> None:
    """At its bound in messages, or in bytes, an inbox refuses an offer and stays as it is."""
    inbox = Inbox(2, 10)
    assert inbox.put_nowait(message(0, 5))
    assert not inbox.put_nowait(message(1, 6)), "bytes"
    assert inbox.put_nowait(message(2, 5))
    assert not inbox.put_nowait(message(3, 0)), "messages"
    statistics = inbox.statistics()
    assert (statistics.current_buffer_used, statistics.current_buffer_bytes, statistics.peak_buffer_used) == (
        2,
        10,
        2,
    )


async def test_one_message_always_fits_into_an_empty_inbox() -> None:
    """A value larger than the bound in bytes passes alone; otherwise it could never pass."""
    inbox = Inbox(5, 10)
    assert inbox.put_nowait(message(0, 1000))
    assert not inbox.put_nowait(message(1, 0))


async def test_an_offer_does_not_overtake_blocked_senders() -> None:
    """A small message is refused while somebody waits with a larger one, though it would fit."""
    inbox = Inbox(10, 10)
    inbox.put_nowait(message(0, 8))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, message(1, 5))
        await trio.testing.wait_all_tasks_blocked()
        assert not inbox.put_nowait(message(2, 1))
        assert numbers(await inbox.take_batch(1)) == [0]


async def test_blocked_senders_are_served_in_order() -> None:
    """Who waited first is let in first, and each take lets in as many as there is room for."""
    inbox = Inbox(2, 100)
    async with trio.open_nursery() as nursery:
        for number in range(7):
            nursery.start_soon(inbox.put, message(number))
            await trio.testing.wait_all_tasks_blocked()
        assert inbox.statistics().tasks_waiting_send == 5
        taken: list[int] = []
        while len(taken) < 7:
            taken += numbers(await inbox.take_batch(2))
            assert len(inbox) <= 2
    assert taken == list(range(7))


async def test_a_cancelled_sender_has_sent_nothing() -> None:
    """A sender that gives up while it is blocked leaves no message; those behind it move up."""
    inbox = Inbox(1, 100)
    inbox.put_nowait(message(0))

    async def send_patiently() -> None:
        with trio.move_on_after(0.5):
            await inbox.put(message(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_patiently)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(inbox.put, message(2))
        await trio.sleep(1)
        assert numbers(await inbox.take_batch(1)) + numbers(await inbox.take_batch(1)) == [0, 2]


async def test_a_sender_cancelled_in_the_moment_of_its_admission_has_sent() -> None:
    """Where room and cancellation come together, the message is in and the sender knows."""
    inbox = Inbox(1, 100)
    inbox.put_nowait(message(0))
    finished = []

    async def send(scope: trio.CancelScope) -> None:
        with scope:
            await inbox.put(message(1))
            finished.append(1)

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(send, scope)
        await trio.testing.wait_all_tasks_blocked()
        assert numbers(inbox.take_batch_nowait(1)) == [0]
        scope.cancel()
    assert finished == [1]
    assert numbers(inbox.take_batch_nowait(1)) == [1]


async def test_a_cancelled_receiver_has_taken_nothing() -> None:
    """``take_batch`` is a checkpoint also when messages wait, and leaves them when it is cancelled there."""
    inbox = Inbox(10, 100)
    inbox.put_nowait(message(0))
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.take_batch(5)
    assert scope.cancelled_caught
    assert numbers(await inbox.take_batch(5)) == [0]


async def test_a_receiver_cancelled_while_waiting_does_not_swallow_the_wake_up() -> None:
    """After a waiting receiver was cancelled, the next message wakes the next receiver."""
    inbox = Inbox(10, 100)
    with trio.move_on_after(1) as scope:
        await inbox.take_batch(1)
    assert scope.cancelled_caught
    taken: list[int] = []

    async def receive() -> None:
        taken.extend(numbers(await inbox.take_batch(1)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        inbox.put_nowait(message(7))
    assert taken == [7]


async def test_several_receivers_share_what_comes() -> None:
    """Each waiting receiver is woken for a message of its own, and none twice."""
    inbox = Inbox(10, 100)
    taken: list[int] = []

    async def receive() -> None:
        taken.extend(numbers(await inbox.take_batch(1)))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            inbox.put_nowait(message(number))
    assert sorted(taken) == [0, 1, 2]


@pytest.mark.parametrize(
    ("overflow", "kept", "dropped"),
    [("drop-oldest", [2, 3, 4], [0, 1]), ("drop-newest", [0, 1, 2], [3, 4])],
)
async def test_a_dropping_inbox_says_what_it_dropped(
    overflow: Overflow, kept: list[int], dropped: list[int]
) -> None:
    """``drop-oldest`` makes room by its oldest messages, ``drop-newest`` drops the one that comes."""
    inbox = Inbox(3, 100, overflow)
    lost: list[int] = []
    for number in range(5):
        if not inbox.put_nowait(message(number)):
            lost += numbers(list(inbox.put_or_drop(message(number))))
    assert numbers(inbox.take_batch_nowait(10)) == kept
    assert lost == dropped
    assert inbox.statistics().dropped_messages == 2


async def test_a_large_message_drops_as_many_old_ones_as_it_needs() -> None:
    """By bytes, ``drop-oldest`` drops several for one, and not one more than needed."""
    inbox = Inbox(10, 10, "drop-oldest")
    for number in range(5):
        inbox.put_nowait(message(number, 2))
    assert numbers(list(inbox.put_or_drop(message(9, 5)))) == [0, 1, 2]
    assert numbers(inbox.take_batch_nowait(10)) == [3, 4, 9]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 12)),
        st.tuples(st.just("take"), st.integers(1, 4)),
        st.tuples(st.just("give up"), st.integers(0, 5)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 4), st.integers(1, 15))
def test_nothing_is_lost_or_doubled_whatever_happens(
    steps: list[tuple[str, int]], capacity: int, capacity_bytes: int
) -> None:
    """With senders that give up and takes of any size, what was put comes out once and in order."""

    async def play() -> None:
        inbox = Inbox(capacity, capacity_bytes)
        scopes: dict[int, trio.CancelScope] = {}
        put: list[int] = []
        taken: list[int] = []

        async def send(number: int, size: int) -> None:
            with trio.CancelScope() as scopes[number]:
                await inbox.put(message(number, size))
                put.append(number)

        async with trio.open_nursery() as nursery:
            for number, (what, argument) in enumerate(steps):
                if what == "put":
                    nursery.start_soon(send, number, argument)
                elif what == "take":
                    taken += numbers(inbox.take_batch_nowait(argument))
                elif scopes:
                    scopes[sorted(scopes)[argument % len(scopes)]].cancel()
                await trio.testing.wait_all_tasks_blocked()
                statistics = inbox.statistics()
                assert statistics.current_buffer_used <= capacity
                assert statistics.current_buffer_bytes <= capacity_bytes or statistics.current_buffer_used == 1
            while len(inbox):
                taken += numbers(inbox.take_batch_nowait(2))
                await trio.testing.wait_all_tasks_blocked()
        assert taken == sorted(put)
        assert inbox.statistics().current_buffer_bytes == 0

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=math.inf))


@given(
    st.lists(st.lists(st.integers(0, 6), max_size=8), max_size=6),
    st.integers(1, 6),
    st.integers(1, 15),
    st.integers(0, 3),
)
def test_putting_many_is_putting_each(
    offers: list[list[int]], capacity: int, capacity_bytes: int, taken_between: int
) -> None:
    """Of messages put in together, those go in that would have gone in one by one up to the first refused."""
    together, alone = Inbox(capacity, capacity_bytes), Inbox(capacity, capacity_bytes)
    for sizes in offers:
        messages = [message(number, size) for number, size in enumerate(sizes)]
        taken = next((index for index, each in enumerate(messages) if not alone.put_nowait(each)), len(messages))
        assert together.put_many_nowait(messages) == taken
        assert together.statistics() == alone.statistics()
        assert together.take_batch_nowait(taken_between) == alone.take_batch_nowait(taken_between)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 6), st.integers(1, 12))
def test_a_batch_holds_no_more_bytes_than_it_may(sizes: list[int], limit: int, batch_bytes: int) -> None:
    """Whatever waits, batches keep order, lose nothing, and hold at most so many bytes, or one message alone."""
    inbox = Inbox(100, 10_000, batch_bytes=batch_bytes)
    for number, size in enumerate(sizes):
        inbox.put_nowait(message(number, size))
    taken: list[int] = []
    while len(inbox):
        batch = inbox.take_batch_nowait(limit)
        assert 1 <= len(batch) <= limit
        assert len(batch) == 1 or sum(len(each.value) for each in batch) <= batch_bytes
        taken += numbers(batch)
    assert taken == list(range(len(sizes)))
    assert inbox.statistics().current_buffer_bytes == 0


async def test_many_do_not_overtake_blocked_senders() -> None:
    """While somebody waits for room, none of several messages goes in, though they would fit."""
    inbox = Inbox(10, 10)
    inbox.put_nowait(message(0, 8))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, message(1, 5))
        await trio.testing.wait_all_tasks_blocked()
        assert inbox.put_many_nowait([message(2, 1), message(3, 1)]) == 0
        assert numbers(await inbox.take_batch(1)) == [0]
        await trio.testing.wait_all_tasks_blocked()
        assert inbox.put_many_nowait([message(2, 1), message(3, 1)]) == 2
        assert numbers(await inbox.take_batch(5)) == [1, 2, 3]


async def test_room_for_several_messages_is_room_for_all_of_them() -> None:
    """Whoever is told that there is room may offer them together, and all are taken."""
    inbox = Inbox(4, 10)
    inbox.put_nowait(message(0, 4))
    assert inbox.has_room(3, 6)
    assert not inbox.has_room(4, 4), "messages"
    assert not inbox.has_room(2, 7), "bytes"
    assert inbox.put_many_nowait([message(number, 2) for number in (1, 2, 3)]) == 3
    assert inbox.room_messages == 0


async def test_there_is_no_room_while_others_wait_for_it() -> None:
    """Who came first is served first."""
    inbox = Inbox(10, 10)
    inbox.put_nowait(message(0, 8))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, message(1, 5))
        await trio.testing.wait_all_tasks_blocked()
        assert not inbox.has_room(1, 1)
        assert inbox.room_messages == 0
        inbox.take_batch_nowait(1)
