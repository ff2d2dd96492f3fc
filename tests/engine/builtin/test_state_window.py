"""``symbia.state.window`` against a list: strict, and as the platform adds."""

import json
import time
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.state_window import SIZE_LIMIT, WINDOW, FloatWindow, Window
from engine.contracts.lanes import APOCRYPHAL, CANONICAL
from tests.engine.builtin.harness import driven

NUMBERS = st.integers(-(10**300), 10**300) | st.floats(-1e300, 1e300)


@given(st.lists(st.tuples(NUMBERS, st.integers(0, 1)), min_size=1), st.integers(1, 8))
def test_it_is_the_tail_of_a_list(stream: list[tuple[float, int]], size: int) -> None:
    """At every message the summary and the lane are those of the last numbers; sums are rounded once."""
    window = Window(size)
    for end in range(1, len(stream) + 1):
        window.push(*stream[end - 1])
        tail = stream[max(0, end - size) : end]
        numbers = [number for number, _ in tail]
        found = json.loads(msgspec.json.encode(window.summary()))
        exact = sum(map(Fraction, numbers))
        is_whole = all(isinstance(number, int) for number in numbers)
        assert found["sum"] == (exact if is_whole else float(exact))
        assert found["mean"] == float(exact / len(numbers))
        assert (found["count"], found["last"]) == (len(numbers), numbers[-1])
        assert (found["min"], found["max"]) == (min(numbers), max(numbers))
        assert window.lane == max(lane for _, lane in tail)


FLOATS = st.floats(-1e300, 1e300) | st.integers(-(2**60), 2**60).map(float) | st.sampled_from([0.1, 0.2, 1e16])


@given(st.lists(FLOATS, min_size=1, max_size=30), st.integers(1, 8))
def test_floats_are_added_from_the_oldest_on(stream: list[float], size: int) -> None:
    """The sum is that of a loop over the window, rounded at each step, as the platform's is."""
    window = FloatWindow(size)
    for end in range(1, len(stream) + 1):
        window.push(stream[end - 1], CANONICAL)
        total = 0.0
        for number in stream[max(0, end - size) : end]:
            total += number
        found = json.loads(msgspec.json.encode(window.summary()))
        assert float(found["sum"]) == total
        assert float(found["mean"]) == total / min(end, size)


def test_whole_numbers_cost_the_same_in_the_largest_window() -> None:
    """What floats hold exactly needs no loop."""
    window = FloatWindow(SIZE_LIMIT)
    for number in range(SIZE_LIMIT):
        window.push(float(number), CANONICAL)
    started = time.process_time()
    for number in range(1000):
        window.push(-float(number), CANONICAL)
        window.summary()
    assert time.process_time() - started < 1


async def test_the_window_slides_over_the_messages() -> None:
    """Each message is answered with what the window amounts to, and its state can be read."""
    async with driven(WINDOW, strict=True, size=2, field="t") as driver:
        outcomes = await driver.send({"t": 1}, {"t": "2.5"}, {"t": 4})
        assert driver.values(*outcomes) == [
            {"count": 1, "sum": 1, "mean": 1.0, "min": 1, "max": 1, "last": 1},
            {"count": 2, "sum": 3.5, "mean": 1.75, "min": 1, "max": 2.5, "last": 2.5},
            {"count": 2, "sum": 6.5, "mean": 3.25, "min": 2.5, "max": 4, "last": 4},
        ]
        assert driver.handler.state() == {"values": b"[2.5,4]", "lanes": b'["canonical","canonical"]'}


async def test_integers_of_any_size_are_summed_exactly() -> None:
    """Not a digit is lost beyond 2**53, nor beyond 64 bits, wherever it stands; a text counts as its number."""
    large = 12345678901234567890
    async with driven(WINDOW, strict=True) as driver:
        outcomes = await driver.send({"value": large}, {"value": str(large)}, {"value": 10**290 + 1})
        found = driver.values(*outcomes)
    assert [(each["sum"], each["min"], each["max"], each["last"]) for each in found[:2]] == [
        (large, large, large, large),
        (2 * large, large, large, large),
    ]
    assert found[2]["sum"] == 2 * large + 10**290 + 1
    assert found[2]["last"] == found[2]["max"] == 10**290 + 1


@pytest.mark.parametrize("value", [None, "x", True, [1], 1e301, "Infinity"])
async def test_what_is_no_number_changes_nothing(value: object) -> None:
    """A message without a number is an error, and the window stays as it was."""
    async with driven(WINDOW, strict=True) as driver:
        await driver.send({"value": 1})
        refused, good = await driver.send({"value": value}, {"value": 3})
    assert refused.error is not None
    assert driver.values(good)[0]["count"] == 2


def test_an_apocryphal_number_leaves_with_the_window() -> None:
    """The window is canonical again when what was not has slid out of it."""
    window = Window(2)
    lanes = []
    for lane in (CANONICAL, APOCRYPHAL, CANONICAL, CANONICAL):
        window.push(1, lane)
        lanes.append(window.lane)
    assert lanes == [CANONICAL, APOCRYPHAL, APOCRYPHAL, CANONICAL]


def test_a_message_costs_the_same_in_the_largest_window() -> None:
    """A thousand messages through a full window of the largest size take a fraction of a second."""
    window = Window(SIZE_LIMIT)
    for number in range(SIZE_LIMIT):
        window.push(number, CANONICAL)
    started = time.process_time()
    for number in range(1000):
        window.push(-number, CANONICAL)
        window.summary()
    assert time.process_time() - started < 1
