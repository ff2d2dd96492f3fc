"""What is kept of ended executions is bounded, fairly between owners, and soon found."""

import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExecutionNotFoundError
from engine.history import Finished, History
from engine.memory.ledger import Ledger
from proto.execution import (
    ExecutionMetrics,
    ExecutionSnapshot,
    ExecutionState,
    InstanceMetrics,
    InstanceSnapshot,
)
from proto.statistics import ExecutionStatistics


def record(number: int, owner: str) -> Finished:
    state = ExecutionState.COMPLETED
    snapshot = ExecutionSnapshot(str(number), "g", state, (), ExecutionMetrics(), "2026-01-01")
    return Finished(owner, snapshot, [], ExecutionStatistics(str(number), state, 0, 0, (), (), None))


@given(
    st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 40)), max_size=60)
)
def test_the_oldest_of_whoever_has_most_goes_first(capacity: int, steps: list[tuple[bool, str, int]]) -> None:
    """Whatever is added and forgotten: nobody's records go while somebody has more."""
    history = History(capacity)
    kept: dict[int, str] = {}
    for number, (adds, owner, wanted) in enumerate(steps):
        if adds:
            history.add(record(number, owner))
            kept[number] = owner
            if len(kept) > capacity:
                counts = Counter(kept.values())
                (gone,) = set(kept) - {int(each.id) for each in history.records()}
                assert counts[kept[gone]] == max(counts.values())
                assert gone == min(each for each, whose in kept.items() if whose == kept[gone])
                del kept[gone]
        elif wanted in kept:
            history.forget(str(wanted))
            del kept[wanted]
        else:
            with pytest.raises(ExecutionNotFoundError):
                history.forget(str(wanted))
        assert [int(each.id) for each in history.records()] == list(kept)


def test_forgetting_one_takes_as_long_however_many_there_are() -> None:
    """Four times as many records of four times as many owners do not make it slower."""
    seconds = []
    for size in (2_000, 8_000):
        history = History(size)
        for number in range(size):
            history.add(record(number, str(number % (size // 4))))
        further = [record(size + number, str(number % (size // 4))) for number in range(500)]
        began = time.thread_time()
        for each in further:
            history.add(each)
        seconds.append(time.thread_time() - began)
    assert seconds[1] < 3 * seconds[0] + 0.005


def sized(number: int, owner: str, nodes: int) -> Finished:
    """A record of an execution with so many nodes."""
    instance = InstanceSnapshot("n", "e/n", "c", "stopped", 0, InstanceMetrics())
    state = ExecutionState.COMPLETED
    snapshot = ExecutionSnapshot(
        str(number), "g", state, (instance,) * nodes, ExecutionMetrics(), "2026-01-01", unprocessed=3
    )
    return Finished(owner, snapshot, [], ExecutionStatistics(str(number), state, 0, 0, (), (), None))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60)), max_size=60))
def test_what_is_kept_is_bounded_in_bytes(steps: list[tuple[str, int]]) -> None:
    """By owner, in all and by the ledger; whatever is kept says how its execution ended."""
    ledger = Ledger(process_bytes=200_000, owner_bytes=120_000)
    history = History(20, ledger, most_bytes=150_000, owner_bytes=80_000)
    for number, (owner, nodes) in enumerate(steps):
        history.add(sized(number, owner, nodes))
        records = history.records()
        assert int(records[-1].id) == number
        assert records[-1].snapshot().unprocessed == 3
        assert sum(each.size_bytes for each in records) == ledger.held_bytes <= 150_000
        for whose in "abc":
            own = sum(each.size_bytes for each in records if each.owner == whose)
            assert own == ledger.held_by(whose) <= 80_000
    for each in history.records():
        history.forget(each.id)
    assert ledger.held_bytes == 0


def test_how_an_execution_ended_is_kept_where_there_is_no_memory_for_more() -> None:
    """Its nodes, edges and lines are left out; its owner's older records go first."""
    ledger = Ledger(process_bytes=100_000, owner_bytes=0)
    ledger.account("other").charge(70_000, "inboxes")
    history = History(20, ledger)
    history.add(sized(1, "a", 10))
    history.add(sized(2, "a", 15))
    assert [each.id for each in history.records()] == ["2"]
    ledger.account("other").charge(2_000, "inboxes")
    history.add(sized(3, "a", 40))
    (left,) = history.records()
    assert (left.id, left.snapshot().instances, left.snapshot().unprocessed) == ("3", (), 3)


def test_whoever_has_most_makes_room_for_others() -> None:
    """The oldest records of the owner whose records are the largest go, and of nobody else's."""
    small, large = sized(1, "a", 10).size_bytes, sized(2, "b", 60).size_bytes
    history = History(20, Ledger(process_bytes=0, owner_bytes=0), most_bytes=2 * small + large)
    for each in (sized(1, "a", 10), sized(2, "b", 60), sized(3, "c", 10), sized(4, "a", 10)):
        history.add(each)
    assert [each.id for each in history.records()] == ["1", "3", "4"]


def test_what_is_reduced_keeps_nothing_of_its_nodes() -> None:
    """Neither in its snapshot nor in its statistics."""
    snapshot = sized(1, "a", 2).snapshot()
    nodes: Any = ("what is known of a node",)
    statistics = ExecutionStatistics("1", snapshot.state, 0, 0, nodes, nodes, None)
    finished = Finished("a", snapshot, [], statistics)
    finished.reduce()
    assert (finished.snapshot().instances, finished.statistics().nodes, finished.logs()) == ((), (), [])
    assert finished.statistics().edges == ()
