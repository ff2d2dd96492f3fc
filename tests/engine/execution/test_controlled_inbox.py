"""Inboxes of which somebody holds edges: what stands aside, within which bounds, and in which order it goes on."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.handler import Message
from engine.errors import OwnerMemoryError
from engine.execution.controlled_inbox import ControlledInbox, controlled, let_go
from engine.execution.inbox import Inbox
from engine.memory.ledger import Ledger
from engine.memory.starvation import Starvation


def message(sequence: int, edge: int = 0, size: int = 1) -> Message:
    """A message of one edge."""
    return Message(0, b"x" * size, sequence, edge)


def numbers(messages: Sequence[Message]) -> list[int]:
    """Their sequence numbers."""
    return [each.sequence for each in messages]


def filled(*edges: int, capacity: int = 10) -> ControlledInbox:
    """A controlled inbox in which one message of each of these edges waits, numbered from 1 on."""
    inbox = Inbox(capacity, 1000)
    for sequence, edge in enumerate(edges, 1):
        assert inbox.put_nowait(message(sequence, edge))
    return controlled(inbox)


def test_what_waits_on_a_held_edge_stands_aside_and_the_others_are_taken() -> None:
    """Held and not held are told apart, and both still wait there."""
    inbox = filled(0, 1, 0, 1)
    inbox.hold(0)
    assert inbox.put_nowait(message(5, 0))
    assert inbox.put_nowait(message(6, 1))
    assert len(inbox) == 6
    assert inbox.statistics().held_messages == 3
    assert numbers(inbox.take_batch_nowait(10)) == [2, 4, 6]
    assert numbers(inbox.waiting_on(0)) == numbers(inbox.waiting()) == [1, 3, 5]


def test_what_is_let_go_comes_behind_what_waits_in_its_own_order() -> None:
    """So nothing of its edge is overtaken; and where nothing is held any more, the inbox is an ordinary one."""
    inbox = filled(0, 1, 0)
    inbox.hold(0)
    assert inbox.put_nowait(message(4, 1))
    inbox.release(0)
    let_go(inbox)
    assert type(inbox) is Inbox
    assert numbers(inbox.take_batch_nowait(10)) == [2, 4, 1, 3]


def test_a_step_lets_so_many_through_and_no_more() -> None:
    """They come behind those that were let through before, whether the node has taken these or not."""
    inbox = filled(0, 0, 0, 0)
    inbox.hold(0)
    assert numbers(inbox.step(0, 1)) == [1]
    assert numbers(inbox.step(0, 2)) == [2, 3]
    assert numbers(inbox.take_batch_nowait(10)) == [1, 2, 3]
    assert numbers(inbox.waiting()) == [4]


def test_steps_pass_no_bound_however_often_somebody_steps() -> None:
    """A node that takes nothing has at most its capacity of stepped messages before it."""
    inbox = filled(0, 0, capacity=2)
    inbox.hold(0)
    stepped = len(inbox.step(0, 100))
    for sequence in range(10, 20):
        inbox.put_nowait(message(sequence))
        stepped += len(inbox.step(0, 100))
    assert stepped == 2
    inbox.take_batch_nowait(1)
    assert len(inbox.step(0, 100)) == 1


async def test_a_held_edge_blocks_its_source_within_the_bounds_of_its_inbox(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """As a full inbox does; others go on, and the blocked one goes on behind when the edge is let go."""
    del autojump_clock
    inbox = filled(0, 1, capacity=2)
    inbox.hold(0)
    assert inbox.put_nowait(message(3))
    assert not inbox.put_nowait(message(4))
    assert not inbox.has_room(1, 1)
    assert inbox.put_nowait(message(5, 1))
    done: list[int] = []

    async def send() -> None:
        await inbox.put(message(4))
        done.append(4)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        assert not done
        assert inbox.statistics().tasks_waiting_send == 1
        inbox.release(0)
    assert numbers(inbox.take_batch_nowait(10)) == [2, 5, 1, 3, 4]


async def test_who_waits_for_room_by_the_edge_that_is_held_stands_aside_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Its message is the last of its edge; who waits by another edge gets the room."""
    del autojump_clock
    plain = Inbox(1, 1000)
    assert plain.put_nowait(message(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(plain.put, message(2))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(plain.put, message(3, 1))
        await trio.testing.wait_all_tasks_blocked()
        inbox = controlled(plain)
        inbox.hold(0)
    assert numbers(inbox.take_batch_nowait(10)) == [3]
    assert numbers(inbox.waiting()) == [1, 2]


async def test_who_sleeps_before_an_inbox_gets_what_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    """The node slept before anybody controlled its inbox, and wakes for nothing while the edge is held."""
    del autojump_clock
    inbox = Inbox(5, 100)
    taken: list[int] = []

    async def receive() -> None:
        taken.extend(numbers(await inbox.take_batch(5)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        held = controlled(inbox)
        held.hold(0)
        assert held.put_nowait(message(1))
        await trio.testing.wait_all_tasks_blocked()
        assert not taken
        held.release(0)
        let_go(inbox)
    assert taken == [1]


async def test_a_judge_holds_the_edge_from_the_message_on_that_it_picks() -> None:
    """Those before it are handed over, the picked one and those behind it stay; other edges go on."""
    inbox = filled(0, 1, 0, 0, 1)
    seen: list[int] = []

    async def judge(judged: Sequence[Message]) -> list[Sequence[int]]:
        seen.extend(numbers(judged))
        await trio.lowlevel.checkpoint()
        return [[0] if message.sequence == 3 else [] for message in judged]

    inbox.judge = judge
    assert inbox.take_batch_nowait(10) == []
    assert numbers(await inbox.take_batch(10)) == [1, 2, 5]
    assert numbers(inbox.waiting()) == [3, 4]
    assert seen == [1, 2, 3, 4, 5]


async def test_what_steps_is_not_judged_and_what_was_judged_is_not_judged_again() -> None:
    """So a message that hit is hit once: it steps over its breakpoint, and the next one is judged again."""
    inbox = filled(0, 0, 0)
    seen: list[int] = []

    async def judge(judged: Sequence[Message]) -> list[Sequence[int]]:
        seen.append(judged[0].sequence)
        await trio.lowlevel.checkpoint()
        return [[0]]

    inbox.judge = judge
    await inbox.look_ahead(10)
    assert numbers(inbox.step(0, 1)) == [1]
    assert numbers(inbox.take_batch_nowait(10)) == [1]
    inbox.release(0)
    await inbox.look_ahead(10)
    assert seen == [1, 2]
    assert numbers(inbox.waiting()) == [2, 3]


async def test_what_is_taken_in_hand_while_it_is_judged_is_left_alone() -> None:
    """Another value in its place is judged by itself; an edge that is held meanwhile stays held."""
    inbox = filled(0, 0, 1)
    seen: list[list[int]] = []

    async def judge(judged: Sequence[Message]) -> list[Sequence[int]]:
        seen.append(numbers(judged))
        if len(seen) == 1:
            inbox.rearrange_on(0, [msgspec.structs.replace(judged[0], value=b"9"), judged[1]])
            inbox.hold(1)
        await trio.lowlevel.checkpoint()
        verdicts: list[Sequence[int]] = [[0], [], [1]] if len(seen) == 1 else [[]]
        return verdicts

    inbox.judge = judge
    (first, _) = await inbox.take_batch(10)
    assert first.value == b"9"
    assert seen == [[1, 2, 3], [1]]
    assert inbox.held_edges == (1,)
    assert numbers(inbox.waiting()) == [3]


async def test_a_node_waits_on_where_all_that_it_was_about_to_take_is_held(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is not handed an empty batch; a thousand times in a row, it is no deeper in its waiting than once."""
    del autojump_clock
    inbox = controlled(Inbox(5, 100))

    async def judge(judged: Sequence[Message]) -> list[Sequence[int]]:
        await trio.lowlevel.checkpoint()
        return [[0] if message.sequence < 2000 else [] for message in judged]

    inbox.judge = judge
    taken: list[int] = []

    async def receive() -> None:
        taken.extend(numbers(await inbox.take_batch(5)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        for sequence in range(1, 1500):
            assert inbox.put_nowait(message(sequence))
            await trio.testing.wait_all_tasks_blocked()
            assert inbox.held_edges == (0,)
            inbox.rearrange_on(0, [])
            inbox.release(0)
        assert inbox.put_nowait(message(2000))
    assert taken == [2000]


@given(st.lists(st.integers(0, 2), max_size=8), st.permutations(range(4)), st.booleans())
def test_others_stay_where_they_are_when_an_edge_is_put_in_another_order(
    edges: Sequence[int], order: Sequence[int], is_held: bool
) -> None:
    """Whether the edge is held or not, with more messages than before or fewer."""
    inbox = filled(*edges)
    if is_held:
        inbox.hold(0)
    wanted = [message(100 + number, size=2) for number in order]
    inbox.rearrange_on(0, wanted)
    assert inbox.waiting_on(0) == wanted
    assert numbers([each for each in inbox.waiting() if each.edge]) == [
        sequence for sequence, edge in enumerate(edges, 1) if edge
    ]
    others = len([edge for edge in edges if edge])
    assert inbox.statistics().current_buffer_bytes == others + 2 * len(wanted)


def test_what_a_chain_gives_back_comes_before_what_stands_aside() -> None:
    """It is older than all that came along its edge since."""
    inbox = filled(0, 1)
    inbox.hold(0)
    inbox.put_back([message(10, 0), message(11, 1)])
    assert numbers(inbox.waiting()) == [11, 2, 10, 1]


@pytest.mark.parametrize("is_held", [False, True])
async def test_all_that_waits_is_charged_and_nothing_else(is_held: bool) -> None:
    """Aside or not; and when it is let go and taken, no more is charged than before."""
    account = Ledger(process_bytes=0, owner_bytes=0).account("")
    async with trio.open_nursery() as nursery:
        starvation = Starvation(nursery.start_soon, lambda: False)
        inbox = controlled(Inbox(1000, 10_000_000, account=account, starvation=starvation))
        if is_held:
            inbox.hold(0)
        for sequence in range(100):
            assert inbox.put_nowait(message(sequence, size=10_000))
        assert inbox.leased_bytes == account.held_bytes >= 1_000_000
        if is_held:
            inbox.release(0)
        assert inbox.leased_bytes == account.held_bytes >= 1_000_000
        while inbox.take_one_nowait() is not None:
            pass
        assert inbox.leased_bytes == account.held_bytes < 100_000


def test_what_waits_grows_within_the_bounds_of_its_inbox_and_of_memory() -> None:
    """A single value may be of any size; where there is no memory, that is said."""
    account = Ledger(process_bytes=0, owner_bytes=50_000).account("")
    inbox = controlled(Inbox(10, 20_000, account=account))
    inbox.hold(0)
    assert inbox.put_nowait(message(1, size=10_000))
    assert inbox.may_grow_on(0, 20_000)
    assert inbox.put_nowait(message(2, size=1_000))
    assert inbox.may_grow_on(0, 9_000)
    assert not inbox.may_grow_on(0, 9_001)
    assert inbox.may_grow_on(1, 25_000 - account.held_bytes + 1_000)
    with pytest.raises(OwnerMemoryError):
        inbox.may_grow_on(1, 100_000)


class Counting(Sequence[Message]):
    """Messages that count how often somebody goes through them."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self.seen = 0

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: Any) -> Any:
        self.seen += 1
        return self._messages[index]


def test_what_is_given_back_is_gone_through_once_for_all_edges() -> None:
    """However many are held."""
    inbox = filled()
    for edge in range(50):
        inbox.hold(edge)
    given = Counting([message(number, number % 60) for number in range(120)])
    inbox.put_back(given)
    assert given.seen <= len(given) + 1  # and the end of them
    assert [len(inbox.waiting_on(edge)) for edge in (0, 49, 50)] == [2, 2, 2]


async def test_what_was_judged_is_looked_for_in_one_go() -> None:
    """And not once for each message of them, in all that waits."""
    inbox = filled(*[0] * 10)
    turns = 0

    def counted() -> Iterator[Message]:
        nonlocal turns
        for each in tuple(inbox._queue):
            turns += 1
            yield each

    async def judge(judged: Sequence[Message]) -> list[Sequence[int]]:
        inbox.put_back([message(20)])
        await trio.lowlevel.checkpoint()
        return [[] for _ in judged]

    inbox.judge = judge
    inbox._turns = counted  # type: ignore[method-assign]
    await inbox.look_ahead(10)
    assert turns == 11
