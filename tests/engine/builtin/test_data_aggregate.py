import math
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.data_aggregate import AGGREGATE
from engine.builtin.parts.time_windows import SessionWindows, SlidingWindows
from tests.engine.builtin.harness import Driver, driven, places, run

SUM = {"sum": {"op": "sum", "field": "n"}}


def windows(driver: Driver, *outcomes: Any) -> list[tuple[str, int]]:
    """The seconds of the windows that left, and their counts."""
    return [(f"{value['from'][17:19]}-{value['to'][17:19]}", value["count"]) for value in driver.values(*outcomes)]


async def test_a_window_is_over_when_a_later_value_comes() -> None:
    """Everything that belongs to it is in it, in whatever order; what comes still later is late."""
    async with driven(AGGREGATE, sizeMs=10_000, time="t", lateMs=5_000, aggregates=SUM) as driver:
        times = (1, 9, 12, 3, 14, 15, 8, 25)
        outcomes = await driver.send(*({"t": t * 1000, "n": t} for t in times))
        assert driver.texts(*outcomes) == [
            (
                "out",
                b'{"from":"1970-01-01T00:00:00.000Z","to":"1970-01-01T00:00:10.000Z","count":3,"sum":13}',
            ),
            ("late", b'{"t":8000,"n":8}'),
            (
                "out",
                b'{"from":"1970-01-01T00:00:10.000Z","to":"1970-01-01T00:00:20.000Z","count":3,"sum":41}',
            ),
        ]
        assert windows(driver, driver.handler.flush()) == [("20-30", 1)]
        assert driver.handler.held_bytes() == 0


async def test_all_that_values_amount_to() -> None:
    """Sums are exact and rounded once; integers keep their digits, and texts their spelling."""
    operations = ("count", "sum", "mean", "min", "max", "first", "last", "distinct")
    asked = {op: {"op": op} if op == "count" else {"op": op, "field": "n"} for op in operations if op != "count"}
    async with driven(AGGREGATE, time="t", aggregates={**asked, "all": {"op": "count"}}) as driver:
        await driver.send(
            *(b'{"t":0,"n":%b}' % n for n in (b"0.1", b"0.2", b"12345678901234567890", b"-1.0", b"0.2"))
        )
        (text,) = [text for _, text in driver.texts(driver.handler.flush())]
        assert text.endswith(
            b'"count":5,"sum":1.2345678901234567e19,"mean":2.4691357802469135e18,"min":-1.0,'
            b'"max":12345678901234567890,"first":0.1,"last":0.2,"distinct":4,"all":5}'
        )


async def test_sliding_windows_overlap() -> None:
    """A value is in each that it belongs to; one that some of are over counts for the others."""
    config = {"window": "sliding", "sizeMs": 4_000, "everyMs": 2_000, "time": "t"}
    async with driven(AGGREGATE, **config) as driver:
        left = await driver.send(*({"t": f"1970-01-01T01:00:{s:02}+01:00"} for s in (3, 6, 5)))
        assert windows(driver, *left) == [("00-04", 1), ("02-06", 1)]
        assert windows(driver, driver.handler.flush()) == [("04-08", 2), ("06-10", 1)]


async def test_sessions_become_one() -> None:
    """When a value comes between them; each key has its own."""
    async with driven(AGGREGATE, window="session", sizeMs=10_000, time="t", lateMs=60_000, key="k") as driver:
        await driver.send(*({"t": t * 1000, "k": k} for t, k in ((1, "a"), (15, "a"), (2, "b"), (8, "a"))))
        outcome = driver.handler.flush()
        assert windows(driver, outcome) == [("02-12", 1), ("01-25", 3)]
        assert [value["key"] for value in driver.values(outcome)] == ["b", "a"]


async def test_the_clock_ends_windows(autojump_clock: trio.testing.MockClock) -> None:
    """Without a time of their own, values belong to the moment at which they come."""
    async with driven(AGGREGATE, sizeMs=1_000) as driver:
        await driver.send({}, {})
        due = driver.handler.due()
        assert due is not None
        assert 0 < due - trio.current_time() <= 1
        autojump_clock.jump(due - trio.current_time() + 0.001)
        assert [count for _, count in windows(driver, driver.handler.release(trio.current_time()))] == [2]
        assert driver.handler.due() is None


async def test_many_windows_that_are_over_leave_in_turns() -> None:
    """Some at once, and the rest as soon as others had theirs."""
    async with driven(AGGREGATE, time="t", key="k") as driver:
        await driver.send(*({"t": 0, "k": k} for k in range(500)))
        (first,) = await driver.send({"t": 100_000, "k": 0})
        assert len(driver.values(first)) == 200
        left = 200
        while driver.handler.due() is not None:
            left += len(driver.values(driver.handler.release(trio.current_time())))
        assert left == 500


async def test_windows_are_bounded_and_nothing_is_half_done() -> None:
    async with driven(AGGREGATE, time="t", sizeMs=1, lateMs=10_000_000, aggregates=SUM) as driver:
        outcomes = await driver.send(*({"t": t, "n": 1} for t in range(1_001)))
        assert outcomes[-1].error is not None
        assert outcomes[-1].error.name == "TooManyWindows"
        (refused, unread) = await driver.send({"t": 5}, {"t": "soon", "n": 1})
        assert refused.error is not None
        assert refused.error.name == "NotNumeric"
        assert unread.error is not None
        assert unread.error.name == "NotATime"
        assert len(driver.values(driver.handler.flush())) == 1_000


async def test_values_that_are_told_apart_are_bounded() -> None:
    async with driven(AGGREGATE, time="t", aggregates={"d": {"op": "distinct", "field": "n"}}) as driver:
        outcomes = await driver.send(*({"t": 0, "n": n % 1_001} for n in range(1_003)))
        assert [outcome.error.name for outcome in outcomes if outcome.error] == ["TooManyValues"]


async def test_the_next_revision_goes_on_with_the_same_windows() -> None:
    async with driven(AGGREGATE, time="t") as former, driven(AGGREGATE, time="t") as heir:
        await former.send({"t": 0})
        heir.handler.take_over(former.handler)
        await heir.send({"t": 1})
        assert windows(heir, heir.handler.flush()) == [("00-00", 2)]


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"window": "sliding", "sizeMs": 10, "everyMs": 20}, "everyMs"),
        ({"window": "sliding", "sizeMs": 1_000, "everyMs": 1}, "everyMs"),
        ({"lateMs": 5}, "lateMs"),
        ({"aggregates": {"count": {"op": "count"}}}, "aggregates.count"),
        ({"aggregates": {"a": {"op": "sum"}}}, "aggregates.a"),
        ({"aggregates": {"a": {"op": "count", "field": "n"}}}, "aggregates.a"),
        ({"aggregates": {"a": {"op": "sums", "field": "n"}}}, "aggregates.a"),
        ({"aggregates": {"a": 5}}, "aggregates.a"),
        ({"aggregates": {str(n): {"op": "count"} for n in range(33)}}, "aggregates"),
    ],
)
async def test_a_configuration_that_cannot_be_refuses_the_graph(config: dict[str, Any], place: str) -> None:
    assert await places(AGGREGATE, **config) == [place]


@given(st.integers(0, 10_000), st.integers(1, 300), st.integers(1, 300))
def test_a_moment_is_in_all_its_windows(at: int, size: int, step: int) -> None:
    step = min(step, size)
    found, _ = SlidingWindows(size, step).of(at, ())
    assert list(found) == [
        (begin, begin + size) for begin in range(-300 * step, at + 1, step) if begin <= at < begin + size
    ]


@given(st.permutations([1, 4, 5, 9, 20, 21, 30, 33]), st.integers(1, 12))
def test_sessions_do_not_depend_on_the_order(times: list[int], gap: int) -> None:
    """Whatever comes first, two moments are in one session where less than the gap lies between neighbours."""

    async def body() -> None:
        config = {"window": "session", "sizeMs": gap, "time": "t", "lateMs": 1_000, "aggregates": SUM}
        async with driven(AGGREGATE, **config) as driver:
            await driver.send(*({"t": t, "n": t} for t in times))
            found = [(value["count"], value["sum"]) for value in driver.values(driver.handler.flush())]
        expected: list[list[int]] = []
        last = -math.inf
        for t in sorted(times):
            if t - last < gap:
                expected[-1].append(t)
            else:
                expected.append([t])
            last = t
        assert found == [(len(each), sum(each)) for each in expected]

    run(body)


def test_sessions_join_those_that_they_touch() -> None:
    assert SessionWindows(10).of(8, [(0, 10), (17, 27), (30, 40)]) == ([(0, 27)], [(0, 10), (17, 27)])
