"""The ends of an inbox as Trio's channels: each promise is asked of ours and of Trio's own memory channel."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox
from engine.execution.inbox_channel import InboxReceiveChannel, InboxSendChannel, open_inbox_channel
from engine.memory.ledger import Ledger
from engine.memory.starvation import Starvation

pytestmark = pytest.mark.usefixtures("autojump_clock")

Ends = tuple[Any, Any]
Open = Callable[[float], Ends]


@pytest.fixture(
    name="open_channel", params=[open_inbox_channel, trio.open_memory_channel], ids=["inbox", "memory channel"]
)
def _open_channel(request: pytest.FixtureRequest) -> Open:
    """Opens a channel: ours, and as the measure of it Trio's."""
    made: Open = request.param
    return made


def message(number: int, size: int = 1) -> Message:
    return Message(0, b"x" * size, number)


async def test_the_ends_are_channels_to_trio() -> None:
    """Whoever asks for Trio's abstract channels gets them."""
    send, receive = open_inbox_channel(1)
    assert isinstance(send, trio.abc.SendChannel)
    assert isinstance(receive, trio.abc.ReceiveChannel)


async def test_the_size_is_a_whole_number_or_infinite(open_channel: Open) -> None:
    """Half a message cannot wait, nor less than none."""
    with pytest.raises(TypeError):
        open_channel(1.0)
    with pytest.raises(ValueError, match="max_buffer_size must"):
        open_channel(-1)


async def test_messages_come_out_in_order_and_a_full_channel_blocks(open_channel: Open) -> None:
    """What is sent is received, oldest first; beyond the size, and of nothing, there is only ``WouldBlock``."""
    send, receive = open_channel(2)
    send.send_nowait(message(1))
    with trio.testing.assert_checkpoints():
        await send.send(message(2))
    with pytest.raises(trio.WouldBlock):
        send.send_nowait(message(3))
    with trio.testing.assert_checkpoints():
        assert await receive.receive() == message(1)
    assert receive.receive_nowait() == message(2)
    with pytest.raises(trio.WouldBlock):
        receive.receive_nowait()


async def test_after_the_last_sender_what_waits_is_received_and_then_the_end(open_channel: Open) -> None:
    """A closed end sends nothing more and has no clones, closing it again is nothing; what it sent is there."""
    send, receive = open_channel(2)
    send.send_nowait(message(1))
    await send.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await send.send(message(2))
    with pytest.raises(trio.ClosedResourceError):
        send.send_nowait(message(2))
    with pytest.raises(trio.ClosedResourceError):
        send.clone()
    await send.aclose()
    assert receive.receive_nowait() == message(1)
    with pytest.raises(trio.EndOfChannel):
        await receive.receive()
    with pytest.raises(trio.EndOfChannel):
        receive.receive_nowait()
    await receive.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await receive.receive()
    with pytest.raises(trio.ClosedResourceError):
        receive.receive_nowait()
    await receive.aclose()


async def test_a_receiver_that_gave_up_leaves_the_channel_as_it_was(open_channel: Open) -> None:
    """After a receive that was cancelled while it waited, sending and receiving go on."""
    send, receive = open_channel(1)
    with trio.move_on_after(10) as scope:
        await receive.receive()
    assert scope.cancelled_caught
    await send.send(message(1))
    assert receive.receive_nowait() == message(1)


@pytest.mark.parametrize("size", [0, 1, 3])
async def test_many_senders_with_clones_are_all_heard(open_channel: Open, size: int) -> None:
    """Each sender closes its own clone; the loop over what comes ends when the last has."""

    async def produce(send: Any, number: int) -> None:
        async with send:
            for each in range(3 * number, 3 * (number + 1)):
                await send.send(message(each))

    send, receive = open_channel(size)
    async with trio.open_nursery() as nursery:
        async with send:
            for number in range(10):
                nursery.start_soon(produce, send.clone(), number)
        received = [each.sequence async for each in receive]
    assert sorted(received) == list(range(30))


async def test_many_receivers_share_what_comes(open_channel: Open) -> None:
    """Receivers that wait are served in turn: none goes without, and no message goes to two."""
    served: set[int] = set()
    received: list[int] = []
    send, receive = open_channel(1)

    async def consume(number: int) -> None:
        async for each in receive:
            served.add(number)
            received.append(each.sequence)

    async with trio.open_nursery() as nursery, send:
        for number in range(5):
            nursery.start_soon(consume, number)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(10):
            await send.send(message(number))
    assert served == set(range(5))
    assert sorted(received) == list(range(10))


async def close_at_once(end: Any) -> None:
    """Close an end the synchronous way."""
    end.close()


async def close_with_checkpoint(end: Any) -> None:
    """Close an end the asynchronous way."""
    with trio.testing.assert_checkpoints():
        await end.aclose()


Close = Callable[[Any], Any]
both_ways = pytest.mark.parametrize("close", [close_at_once, close_with_checkpoint])


async def fails_to_send(send: Any, expected: type[Exception]) -> None:
    """Send, and see it fail."""
    with pytest.raises(expected):
        await send.send(message(0))


async def fails_to_receive(receive: Any, expected: type[Exception]) -> None:
    """Receive, and see it fail."""
    with pytest.raises(expected):
        await receive.receive()


@both_ways
async def test_closing_a_sending_end_wakes_those_who_send_by_it(open_channel: Open, close: Close) -> None:
    """They get ``ClosedResourceError``, as everybody does afterwards; receivers come to the end."""
    send, receive = open_channel(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails_to_send, send, trio.ClosedResourceError)
        await trio.testing.wait_all_tasks_blocked()
        await close(send)
    await fails_to_send(send, trio.ClosedResourceError)
    await fails_to_receive(receive, trio.EndOfChannel)
    with pytest.raises(trio.EndOfChannel):
        receive.receive_nowait()


@both_ways
async def test_closing_the_last_sending_end_wakes_those_who_receive(open_channel: Open, close: Close) -> None:
    """They wait for what cannot come any more, so they get ``EndOfChannel``."""
    send, receive = open_channel(1)
    other = send.clone()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails_to_receive, receive, trio.EndOfChannel)
        nursery.start_soon(fails_to_receive, receive.clone(), trio.EndOfChannel)
        await trio.testing.wait_all_tasks_blocked()
        await close(send)
        await trio.testing.wait_all_tasks_blocked()
        assert receive.statistics().tasks_waiting_receive == 2, "one end is open still"
        await close(other)


@both_ways
async def test_closing_the_last_receiving_end_breaks_the_channel(open_channel: Open, close: Close) -> None:
    """Senders that wait, and all who come later, get ``BrokenResourceError``: nobody will take what they have."""
    send, receive = open_channel(1)
    send.send_nowait(message(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails_to_send, send, trio.BrokenResourceError)
        await trio.testing.wait_all_tasks_blocked()
        await close(receive)
    await fails_to_send(send, trio.BrokenResourceError)
    with pytest.raises(trio.BrokenResourceError):
        send.send_nowait(message(2))
    assert send.statistics().current_buffer_used == 0, "what waited is let go"


@both_ways
async def test_closing_a_receiving_end_wakes_those_who_receive_by_it(open_channel: Open, close: Close) -> None:
    """They get ``ClosedResourceError``, and so does everybody afterwards."""
    _send, receive = open_channel(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails_to_receive, receive, trio.ClosedResourceError)
        await trio.testing.wait_all_tasks_blocked()
        await close(receive)
    await fails_to_receive(receive, trio.ClosedResourceError)
    with pytest.raises(trio.ClosedResourceError):
        receive.receive_nowait()


async def test_a_channel_is_broken_only_when_all_receiving_clones_are_closed(open_channel: Open) -> None:
    """A closed end has no clones; the others go on."""
    send, receive = open_channel(10)
    second, third = receive.clone(), receive.clone()
    send.send_nowait(message(1))
    await receive.aclose()
    with second:
        pass
    for closed in (receive, second):
        with pytest.raises(trio.ClosedResourceError):
            closed.clone()
    send.send_nowait(message(2))
    assert third.receive_nowait() == message(1)
    await third.aclose()
    with pytest.raises(trio.BrokenResourceError):
        send.send_nowait(message(3))


async def test_closing_one_sending_clone_leaves_the_others_waiting(open_channel: Open) -> None:
    """Only who sends by the closed end is woken, also where they came first."""
    send, receive = open_channel(0)
    other = send.clone()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails_to_send, send, trio.ClosedResourceError)
        nursery.start_soon(other.send, message(7))
        await trio.testing.wait_all_tasks_blocked()
        await send.aclose()
        assert await receive.receive() == message(7)


async def test_closing_one_receiving_clone_leaves_the_others_waiting(open_channel: Open) -> None:
    """Only who receives by the closed end is woken, and what comes goes to the others."""
    send, receive = open_channel(0)
    other = receive.clone()
    received = []

    async def succeed() -> None:
        received.append(await other.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails_to_receive, receive, trio.ClosedResourceError)
        nursery.start_soon(succeed)
        await trio.testing.wait_all_tasks_blocked()
        await receive.aclose()
        await send.send(message(7))
    assert received == [message(7)]


async def test_a_channel_without_bound_takes_all(open_channel: Open) -> None:
    """With an infinite size, sending never blocks."""
    send, receive = open_channel(math.inf)
    with send:
        for number in range(1_000):
            send.send_nowait(message(number))
    assert receive.statistics().max_buffer_size == math.inf
    assert [each.sequence async for each in receive] == list(range(1_000))


async def test_the_statistics_say_what_trios_say(open_channel: Open) -> None:
    """Both ends tell the same: what waits, what has waited at most, which ends are open, and who waits."""

    def seen() -> tuple[float, ...]:
        of = send.statistics()
        assert of == receive.statistics()
        return (
            of.current_buffer_used,
            of.peak_buffer_used,
            of.open_send_channels,
            of.open_receive_channels,
            of.tasks_waiting_send,
            of.tasks_waiting_receive,
        )

    send, receive = open_channel(2)
    assert send.statistics().max_buffer_size == 2
    assert seen() == (0, 0, 1, 1, 0, 0)
    send.send_nowait(message(1))
    assert seen() == (1, 1, 1, 1, 0, 0)
    other_send, other_receive = send.clone(), receive.clone()
    assert seen() == (1, 1, 2, 2, 0, 0)
    await send.aclose()
    await other_receive.aclose()
    assert seen() == (1, 1, 1, 1, 0, 0)
    other_send.send_nowait(message(2))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other_send.send, message(3))
        nursery.start_soon(other_send.send, message(4))
        await trio.testing.wait_all_tasks_blocked()
        assert seen() == (2, 2, 1, 1, 2, 0)
        nursery.cancel_scope.cancel()
    assert seen() == (2, 2, 1, 1, 0, 0)
    receive.receive_nowait()
    receive.receive_nowait()
    assert seen() == (0, 2, 1, 1, 0, 0), "a peak stays"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive.receive)
        await trio.testing.wait_all_tasks_blocked()
        assert seen() == (0, 2, 1, 1, 0, 1)
        nursery.cancel_scope.cancel()
    assert seen() == (0, 2, 1, 1, 0, 0)


async def test_what_comes_is_for_who_waits_for_it(open_channel: Open) -> None:
    """A message that a receiver waits for is theirs before they run, and nobody takes it from them."""
    send, receive = open_channel(1)
    for number in (1, 2):
        send.send_nowait(message(number))
        assert receive.receive_nowait() == message(number), "where nobody waits, who comes may take"
    received = []

    async def wait() -> None:
        received.append(await receive.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        send.send_nowait(message(3))
        with pytest.raises(trio.WouldBlock):
            receive.receive_nowait()
    assert received == [message(3)]


async def test_room_is_for_who_waits_for_it(open_channel: Open) -> None:
    """A place that comes free belongs to the sender that waits, before they run."""
    send, receive = open_channel(1)
    send.send_nowait(message(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send.send, message(2))
        await trio.testing.wait_all_tasks_blocked()
        assert receive.receive_nowait() == message(1)
        with pytest.raises(trio.WouldBlock):
            send.send_nowait(message(3))
        assert await receive.receive() == message(2)


async def test_without_a_buffer_a_message_goes_from_hand_to_hand(open_channel: Open) -> None:
    """With size 0 a sender waits for a receiver, and a receiver for a sender; both are checkpoints."""
    send, receive = open_channel(0)
    with pytest.raises(trio.WouldBlock):
        receive.receive_nowait()
    with pytest.raises(trio.WouldBlock):
        send.send_nowait(message(1))

    async def wait_and_send(number: int) -> None:
        with trio.testing.assert_checkpoints():
            await send.send(message(number))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_and_send, 1)
        with trio.testing.assert_checkpoints():
            assert await receive.receive() == message(1)
        nursery.start_soon(wait_and_send, 2)
        await trio.testing.wait_all_tasks_blocked()
        assert receive.receive_nowait() == message(2)
    with pytest.raises(trio.WouldBlock):
        receive.receive_nowait()


async def test_who_is_cancelled_before_they_begin_changes_nothing(open_channel: Open) -> None:
    """Sending and receiving look at cancellation first, also where they need not wait."""
    send, receive = open_channel(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await send.send(message(1))
    assert scope.cancelled_caught
    assert send.statistics().current_buffer_used == 0
    send.send_nowait(message(2))
    with trio.CancelScope() as scope:
        scope.cancel()
        await receive.receive()
    assert scope.cancelled_caught
    assert receive.receive_nowait() == message(2)


async def test_who_was_served_in_the_moment_of_cancellation_was_served(open_channel: Open) -> None:
    """Where room, or a message, and cancellation come together, the one that came first holds."""
    send, receive = open_channel(1)
    received: list[Message] = []
    sent: list[int] = []

    async def receive_in(scope: trio.CancelScope) -> None:
        with scope:
            received.append(await receive.receive())

    async def send_in(scope: trio.CancelScope) -> None:
        with scope:
            await send.send(message(3))
            sent.append(3)

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(receive_in, scope)
        await trio.testing.wait_all_tasks_blocked()
        send.send_nowait(message(1))
        scope.cancel()
    assert received == [message(1)]
    send.send_nowait(message(2))
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(send_in, scope)
        await trio.testing.wait_all_tasks_blocked()
        assert receive.receive_nowait() == message(2)
        scope.cancel()
    assert sent == [3]
    assert receive.receive_nowait() == message(3)


async def test_who_was_served_before_their_end_was_closed_was_served(open_channel: Open) -> None:
    """Closing an end refuses those who wait, and nobody who has what they waited for already."""
    send, receive = open_channel(0)
    received: list[Message] = []

    async def wait() -> None:
        received.append(await receive.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        send.send_nowait(message(1))
        receive.close()
    assert received == [message(1)]


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "receive", "send_nowait", "receive_nowait", "cancel"]), st.integers(0, 5)),
    max_size=30,
)


@settings(deadline=None)  # two whole event loops for each example
@given(STEPS, st.integers(0, 3))
def test_whatever_is_done_to_both_the_same_comes_of_it(steps: list[tuple[str, int]], size: int) -> None:
    """Sends, receives and cancellations in any order: an inbox and a memory channel cannot be told apart."""

    async def play(open_channel: Open) -> list[Any]:
        send, receive = open_channel(size)
        scopes: list[trio.CancelScope] = []
        finished: list[str] = []  # in this step; which of them comes first is up to Trio's scheduler
        seen: list[Any] = []

        async def act(name: str, number: int, scope: trio.CancelScope) -> None:
            with scope:
                if name == "send":
                    await send.send(message(number))
                    finished.append(f"{number} has sent")
                else:
                    finished.append(f"{number} has received {(await receive.receive()).sequence}")

        async with trio.open_nursery() as nursery:
            for number, (name, which) in enumerate(steps):
                if name in ("send", "receive"):
                    scopes.append(trio.CancelScope())
                    nursery.start_soon(act, name, number, scopes[-1])
                elif name == "cancel" and scopes:
                    scopes[which % len(scopes)].cancel()
                elif name == "send_nowait":
                    seen.append(attempt(send.send_nowait, message(number)))
                elif name == "receive_nowait":
                    seen.append(attempt(receive.receive_nowait))
                await trio.testing.wait_all_tasks_blocked()
                of = send.statistics()
                seen.append((of.current_buffer_used, of.tasks_waiting_send, of.tasks_waiting_receive))
                seen.append(sorted(finished))
                finished.clear()
            nursery.cancel_scope.cancel()
        return seen

    def attempt(call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except trio.WouldBlock:
            return "would block"

    clock = trio.testing.MockClock(autojump_threshold=math.inf)
    assert trio.run(play, open_inbox_channel, clock=clock) == trio.run(play, trio.open_memory_channel)


# What only an inbox has


async def test_a_full_inbox_in_bytes_blocks_as_one_in_messages() -> None:
    """The bound in bytes holds by the ends too."""
    send, receive = open_inbox_channel(10, max_buffer_bytes=10)
    send.send_nowait(message(1, 8))
    with pytest.raises(trio.WouldBlock):
        send.send_nowait(message(2, 3))
    assert send.statistics().current_buffer_bytes == 8
    assert (await receive.receive()).sequence == 1


async def test_batches_and_ends_share_one_queue() -> None:
    """Receivers by an end and takers of batches are served in the order of their coming."""
    inbox = Inbox(10, 1_000)
    receive = InboxReceiveChannel(inbox)
    got: list[tuple[str, list[int]]] = []

    async def take_batch() -> None:
        got.append(("batch", [each.sequence for each in await inbox.take_batch(5)]))

    async def receive_one() -> None:
        got.append(("one", [(await receive.receive()).sequence]))

    async with trio.open_nursery() as nursery:
        for wait in (receive_one, take_batch, receive_one):
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
        assert inbox.put_many_nowait([message(number) for number in range(4)]) == 4
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(got) == [("batch", [1, 2, 3]), ("one", [0])]
        inbox.put_nowait(message(4))
    assert got[2:] == [("one", [4])]


async def test_a_taker_of_batches_meets_senders_where_no_message_may_wait() -> None:
    """Also without a buffer a batch is what one sender has, and the next sender waits on."""
    inbox = Inbox(0, 1_000)
    assert inbox.put_many_nowait([message(0)]) == 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, message(1))
        nursery.start_soon(inbox.put, message(2))
        await trio.testing.wait_all_tasks_blocked()
        assert [each.sequence for each in await inbox.take_batch(5)] in ([1], [2])
        assert inbox.statistics().tasks_waiting_send == 1
        assert len(await inbox.take_batch(5)) == 1


async def test_a_taker_of_batches_comes_to_the_end_too() -> None:
    """When the last end to send by is closed, takers get what waits and then ``EndOfChannel``."""
    inbox = Inbox(10, 1_000)
    with InboxSendChannel(inbox) as send:
        send.send_nowait(message(1))
    assert len(await inbox.take_batch(5)) == 1
    with pytest.raises(trio.EndOfChannel):
        await inbox.take_batch(5)
    other = Inbox(10, 1_000)
    async with trio.open_nursery() as nursery:

        async def take() -> None:
            with pytest.raises(trio.EndOfChannel):
                await other.take_batch(5)

        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        InboxSendChannel(other).close()


async def test_what_is_received_by_an_end_is_charged_no_more() -> None:
    """A message that has left by an end is its receiver's; but for a slack, the lease gives its memory back."""
    account = Ledger(10 * 1024 * 1024, 0).account("")
    inbox = Inbox(10_000, 10_000_000, account=account, starvation=Starvation(lambda _: None, lambda: False))
    send, receive = InboxSendChannel(inbox), InboxReceiveChannel(inbox)
    for number in range(100):
        send.send_nowait(message(number, 10_000))
    assert account.held("inboxes") >= 1_000_000
    for _ in range(100):
        receive.receive_nowait()
    assert account.held("inboxes") <= 40_000
