"""Who is next: owners take turns, and none of them can fill the row, or hold every process."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.bounds import PoolBounds
from workers.errors import PoolBusyError
from workers.fair_queue import FairQueue


class Piece(NamedTuple):
    owner: str
    number: int
    size_bytes: int = 1


def queue(**bounds: int) -> FairQueue[Piece]:
    return FairQueue(PoolBounds(**bounds))


def test_owners_take_turns() -> None:
    """A thousand jobs of one owner do not go before the first of another."""
    waiting = queue(processes=100)
    for number in range(10):
        waiting.put(Piece("large", number))
    waiting.put(Piece("small", 0))
    taken = [waiting.take() for _ in range(4)]
    assert taken == [Piece("large", 0), Piece("small", 0), Piece("large", 1), Piece("large", 2)]


def test_one_process_stays_free_for_others() -> None:
    """An owner whose jobs hold all processes but one gets no more until one is done."""
    waiting = queue(processes=2)
    first, second = Piece("large", 0), Piece("large", 1)
    waiting.put(first)
    waiting.put(second)
    assert (waiting.ready, waiting.take(), waiting.ready, waiting.take()) == (1, first, 0, None)
    waiting.put(Piece("small", 0))
    assert waiting.take() == Piece("small", 0)
    waiting.done(first)
    assert waiting.take() == second


def test_a_single_process_serves_everybody() -> None:
    """Where there is one process only, each owner may have it."""
    waiting = queue(processes=1)
    waiting.put(Piece("only", 0))
    assert waiting.take() == Piece("only", 0)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"owner_waiting_tasks": 2}, "2 tasks of this owner wait for a worker"),
        ({"owner_waiting_bytes": 2}, "2 bytes of this owner wait for a worker, and 2 may"),
        ({"waiting_bytes": 2}, "2 bytes wait for a worker, and 2 may"),
    ],
)
def test_what_waits_is_bounded(bounds: dict[str, int], words: str) -> None:
    """One job too many is refused; the refusal names the bound, and changes nothing."""
    waiting = queue(**bounds)
    waiting.put(Piece("a", 0))
    waiting.put(Piece("a", 1))
    with pytest.raises(PoolBusyError, match=words):
        waiting.put(Piece("a", 2))
    assert len(waiting) == 2
    waiting.take()
    waiting.put(Piece("a", 2))


def test_a_full_owner_does_not_fill_the_row_for_others() -> None:
    """The bounds of one owner leave room for the next one."""
    waiting = queue(owner_waiting_tasks=1, owner_waiting_bytes=1)
    waiting.put(Piece("a", 0))
    waiting.put(Piece("b", 0, 5))
    assert len(waiting) == 2


_STEPS = st.lists(st.tuples(st.sampled_from(["put", "take", "done", "withdraw"]), st.sampled_from("abc")))


@given(_STEPS, st.integers(1, 4))
def test_whatever_happens_nothing_is_lost(steps: list[tuple[str, str]], processes: int) -> None:
    """Every job that was put in comes out once, unless it was withdrawn; and no owner has more than its share."""
    waiting = queue(processes=processes, owner_waiting_tasks=3)
    put, taken, running = set(), set(), list[Piece]()
    for number, (step, owner) in enumerate(steps):
        if step == "put":
            piece = Piece(owner, number)
            try:
                waiting.put(piece)
            except PoolBusyError:
                continue
            put.add(piece)
        elif step == "take":
            ready, piece_or_none = waiting.ready, waiting.take()
            assert (ready == 0) == (piece_or_none is None)
            if piece_or_none is not None:
                assert piece_or_none not in taken
                taken.add(piece_or_none)
                running.append(piece_or_none)
                assert sum(piece.owner == piece_or_none.owner for piece in running) <= max(1, processes - 1)
        elif step == "done" and running:
            waiting.done(running.pop())
        elif step == "withdraw" and put - taken:
            piece = min(put - taken)
            assert waiting.withdraw(piece)
            assert not waiting.withdraw(piece)
            put.discard(piece)
        assert len(waiting) == len(put) - len(taken)
        assert waiting.running == len(running)
