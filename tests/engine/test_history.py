"""What is kept of ended executions is bounded, fairly between owners, and soon found."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExecutionNotFoundError
from engine.history import Finished, History
from proto.execution import ExecutionMetrics, ExecutionSnapshot, ExecutionState
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
