from typing import Any

import msgspec
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.core_accumulator import ACCUMULATOR, ARRAY_LIMIT_BYTES
from proto.codec import encode
from tests.engine.builtin.harness import JSON_VALUES, driven, run


async def test_counts() -> None:
    """Every third value completes an array, in the invocation that brought it."""
    async with driven(ACCUMULATOR, count=3) as driver:
        outcomes = await driver.send(*range(7))
        assert [driver.values(outcome) for outcome in outcomes] == [
            *([], [], [[0, 1, 2]]),
            *([], [], [[3, 4, 5]]),
            [],
        ]
        assert driver.values(driver.handler.flush()) == [[6]]
        assert driver.values(driver.handler.flush()) == []


async def test_ten_by_default() -> None:
    """Without configuration an array has ten values, and nothing waits for time."""
    async with driven(ACCUMULATOR) as driver:
        assert driver.values(*await driver.send(*range(10))) == [list(range(10))]
        await driver.send(1)
        assert driver.handler.due() is None


async def test_bytes_bound_the_text() -> None:
    """A value that would make the text too long begins the next array; one that is too long alone goes alone."""
    async with driven(ACCUMULATOR, count=100, bytes=7) as driver:
        outcomes = await driver.send(b"11", b"22", b"3", b"4444444444", b"5")
        assert driver.texts(*outcomes) == [("out", b"[11,22]"), ("out", b"[3]"), ("out", b"[4444444444]")]
        assert driver.values(driver.handler.flush()) == [[5]]


async def test_arrays_stay_below_the_largest_value() -> None:
    """Without a size of its own, an array is given out before it outgrows what the engine carries."""
    half = b'"' + b"x" * (ARRAY_LIMIT_BYTES // 2) + b'"'
    async with driven(ACCUMULATOR, count=100) as driver:
        outcomes = await driver.send(half, half)
    assert driver.texts(*outcomes) == [("out", b"[" + half + b"]")]


async def test_time_counts_from_the_first_value(autojump_clock: trio.testing.MockClock) -> None:
    """An array leaves when its first value has waited long enough, and the next has its own time."""
    del autojump_clock
    async with driven(ACCUMULATOR, timeoutMs=100) as driver:
        assert driver.handler.due() is None
        await driver.send(1)
        first = driver.handler.due()
        assert first == trio.current_time() + 0.1
        await trio.sleep(0.06)
        await driver.send(2)
        assert driver.handler.due() == first
        assert driver.values(driver.handler.release(first - 0.001)) == []
        assert driver.values(driver.handler.release(first)) == [[1, 2]]
        assert driver.handler.due() is None
        await driver.send(3)
        assert driver.handler.due() == trio.current_time() + 0.1


async def test_values_are_not_decoded() -> None:
    """The texts stand in the array as they came."""
    async with driven(ACCUMULATOR, count=2) as driver:
        outcomes = await driver.send(b"1.10", b'{"a" : 12345678901234567890}')
    assert driver.texts(*outcomes) == [("out", b'[1.10,{"a" : 12345678901234567890}]')]


@given(
    values=st.lists(JSON_VALUES, max_size=30),
    count=st.integers(1, 10),
    limit=st.integers(0, 60),
)
def test_arrays_hold_what_went_in(values: list[Any], count: int, limit: int) -> None:
    """Joined, the arrays are the values in order; none is longer than asked, and none is empty."""

    async def body() -> list[bytes]:
        async with driven(ACCUMULATOR, count=count, bytes=limit) as driver:
            outcomes = [*await driver.send(*values), driver.handler.flush()]
            return [text for _, text in driver.texts(*outcomes)]

    texts = run(body)
    arrays = [msgspec.json.decode(text) for text in texts]
    assert [item for array in arrays for item in array] == [msgspec.json.decode(encode(value)) for value in values]
    assert all(0 < len(array) <= count for array in arrays)
    assert all(
        len(array) == 1 or not limit or len(text) <= limit for array, text in zip(arrays, texts, strict=True)
    )
