"""The last outputs of each port are kept, in order, within bounds; what is gone is counted."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.loaded_graph import CompiledNode
from engine.execution.kept_outputs import PORT_BYTES, RUN_BYTES, VALUE_BYTES, KeptOutputs
from engine.memory.ledger import Ledger

MANY = 2**30


def node(index: int) -> CompiledNode:
    return cast("CompiledNode", SimpleNamespace(index=index, id=f"n{index}", outputs=("out", "error")))


def shown(kept: KeptOutputs, place: str | None = None, after: int = 0) -> list[tuple[int, str, Any]]:
    return [
        (each.sequence, f"{each.node}:{each.port}", msgspec.json.decode(each.value))
        for each in kept.read(place, after)
    ]


RUNS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(1, 7), st.integers(0, 1)), max_size=30)


@given(runs=RUNS, per_port=st.integers(1, 6))
def test_the_last_of_each_port_are_kept_in_their_order(
    runs: list[tuple[int, int, int, int]], per_port: int
) -> None:
    """Whatever leaves where, alone or with others: as a list of everything says, cut to the last of each port."""
    kept = KeptOutputs(per_port, MANY, None)
    everything: list[tuple[int, str, int]] = []
    for index, port, count, lane in runs:
        first = len(everything) + 1
        values = [b"%d" % number for number in range(first, first + count)]
        place = f"n{index}:{('out', 'error')[port]}"
        everything += [(number, place, number) for number in range(first, first + count)]
        kept.add(node(index), port, values, lane, len(everything))
    places = {place for _, place, _ in everything}
    last = {place: [each for each in everything if each[1] == place][-per_port:] for place in places}
    assert shown(kept) == sorted(each for row in last.values() for each in row)
    for place in places:
        assert shown(kept, place) == last[place]
        counts = kept.counts(place)
        assert (counts.total, counts.kept) == (sum(each[1] == place for each in everything), len(last[place]))
        assert shown(kept, place, after=3) == [each for each in last[place] if each[0] > 3]
    assert (kept.counts().total, kept.counts().kept) == (len(everything), len(shown(kept)))


@given(runs=RUNS, limit_bytes=st.integers(0, 3_000))
def test_bytes_are_bounded_and_what_is_kept_is_the_latest(
    runs: list[tuple[int, int, int, int]], limit_bytes: int
) -> None:
    """The runs never take more than they may, and the oldest of all go first."""
    kept = KeptOutputs(10, limit_bytes, None)
    last = 0
    for index, port, count, lane in runs:
        last += count
        kept.add(node(index), port, [b"1" * 30] * count, lane, last)
        assert kept.size_bytes - 4 * PORT_BYTES <= limit_bytes
    numbers = [sequence for sequence, _, _ in shown(kept)]
    assert numbers == sorted(numbers)
    if runs and limit_bytes > RUN_BYTES + VALUE_BYTES + 30:
        assert numbers[-1] == last


def test_a_value_that_is_too_large_is_told_with_its_size() -> None:
    """It takes the place of none; a run that is too large keeps its last values."""
    kept = KeptOutputs(10, 1_000, None)
    kept.add(node(0), 0, (b"1",), 0, 1)
    kept.add(node(0), 0, (b'"' + b"x" * 5_000 + b'"',), 1, 2)
    assert shown(kept) == [(1, "n0:out", 1), (2, "n0:out", None)]
    (_, large) = kept.read()
    assert (large.omitted_bytes, large.lane) == (5_002, "apocryphal")
    kept.add(node(0), 0, [b"%d" % number + b" " * 200 for number in range(3, 9)], 0, 8)
    assert [sequence for sequence, _, _ in shown(kept)] == [7, 8]
    assert (kept.counts().total, kept.counts().kept) == (8, 2)


def test_a_port_of_which_nothing_left_has_nothing() -> None:
    """Nor has one that does not exist."""
    kept = KeptOutputs(10, 1_000, None)
    kept.add(node(0), 0, (b"1",), 0, 1)
    assert (shown(kept, "n0:error"), kept.counts("n0:error").total) == ([], 0)


def test_what_is_kept_is_charged_and_goes_where_memory_is_at_its_bound() -> None:
    """The oldest go, and the latest is kept as long as there is memory for one."""
    ledger = Ledger(0, 20_000)
    account = ledger.account("o")
    kept = KeptOutputs(1_000, MANY, account)
    for number in range(1, 100):
        kept.add(node(0), 0, (b"1" * 500,), 0, number)
    assert kept.size_bytes <= account.held("outputs") <= 20_000
    numbers = [sequence for sequence, _, _ in shown(kept)]
    assert numbers == list(range(100 - len(numbers), 100))
    assert 10 < len(numbers) < 40
    account.charge(20_000 - ledger.held_by("o"), "held")
    kept.add(node(0), 0, (b"1" * 15_000,), 0, 100)
    assert kept.size_bytes <= account.held("outputs")


def test_a_reading_does_not_change_while_others_leave() -> None:
    """What was there when it began is told, also where it is let go meanwhile."""
    kept = KeptOutputs(2, MANY, None)
    kept.add(node(0), 0, [b"1", b"2"], 0, 2)
    reading = kept.read()
    kept.add(node(0), 0, [b"3"], 0, 3)
    assert [each.sequence for each in reading] == [1, 2]
    assert [sequence for sequence, _, _ in shown(kept)] == [2, 3]
