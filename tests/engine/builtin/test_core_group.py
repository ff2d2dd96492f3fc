from typing import Any

import msgspec
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.builtin.core_group import BATCH_LIMIT_BYTES, GROUP, HELD_LIMIT_MESSAGES
from engine.contracts.handler import Message
from engine.contracts.lanes import APOCRYPHAL
from tests.engine.builtin.harness import driven, places, run


async def test_counts() -> None:
    """A batch leaves with its last value, and the rest at the end of input."""
    async with driven(GROUP, count=2) as driver:
        outcomes = await driver.send(1, 2, 3)
        assert [driver.values(outcome) for outcome in outcomes] == [[], [[1, 2]], []]
        assert driver.values(driver.handler.flush()) == [[3]]
        assert driver.values(driver.handler.flush()) == []


async def test_batches_overlap() -> None:
    """A batch begins with the last values of the one before it; at the end nothing leaves that has left whole."""
    async with driven(GROUP, count=3, overlap=2) as driver:
        outcomes = await driver.send(1, 2, 3, 4)
        assert driver.values(*outcomes) == [[1, 2, 3], [2, 3, 4]]
        assert [list(outcome.made_from) for outcome in outcomes[2:]] == [[1], [1]]
        assert driver.handler.held_messages() == 2
        assert driver.values(driver.handler.flush()) == []
        assert driver.handler.held_messages() == 0
        await driver.send(1, 2)
        assert driver.values(driver.handler.flush()) == [[1, 2]]


async def test_keys_have_their_own_batches() -> None:
    """With a key, a batch says whose it is, and a missing one is an error."""
    async with driven(GROUP, count=2, key="k") as driver:
        outcomes = await driver.send({"k": "a"}, {"k": 1}, {"k": "a"}, {})
        assert driver.values(*outcomes) == [{"key": "a", "values": [{"k": "a"}, {"k": "a"}]}]
        assert outcomes[-1].error is not None
        assert driver.values(driver.handler.flush()) == [{"key": "1", "values": [{"k": 1}]}]


async def test_time_counts_from_the_first_value(autojump_clock: trio.testing.MockClock) -> None:
    """A batch leaves when its first value has waited long enough, or when it is full, whatever comes first."""
    async with driven(GROUP, count=3, ms=100, key="k") as driver:
        await driver.send({"k": 1})
        due = driver.handler.due()
        assert due == trio.current_time() + 0.1
        autojump_clock.jump(0.05)
        await driver.send({"k": 2}, {"k": 1})
        assert driver.handler.due() == due
        assert [batch["key"] for batch in driver.values(driver.handler.release(due))] == ["1"]
        await driver.send({"k": 2}, {"k": 2})
        assert driver.handler.due() is None
        assert driver.handler.held_bytes() == 0


async def test_what_overlaps_alone_is_not_due(autojump_clock: trio.testing.MockClock) -> None:
    """Values that have left in a batch wait for new ones, and the time counts from the first of those."""
    async with driven(GROUP, count=2, overlap=1, ms=100) as driver:
        await driver.send(1, 2)
        assert driver.handler.due() is None
        autojump_clock.jump(1)
        assert driver.values(*await driver.send(3)) == [[2, 3]]


async def test_windows_overlap_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """Every so often the values of the last while leave; when none are left, nothing is due any more."""
    async with driven(GROUP, ms=100, everyMs=50) as driver:
        windows: list[Any] = []

        async def pass_time(seconds: float) -> None:
            autojump_clock.jump(seconds)
            while (due := driver.handler.due()) is not None and due <= trio.current_time():
                windows.extend(driver.values(driver.handler.release(trio.current_time())))

        await driver.send(1)
        await pass_time(0.025)
        await driver.send(2)
        await pass_time(0.0625)
        await driver.send(3)
        await pass_time(0.3)
        assert windows == [[1, 2], [2, 3], [3]]
        assert driver.handler.due() is None
        assert driver.handler.held_messages() == 0


async def test_a_late_release_cuts_windows_where_they_end(autojump_clock: trio.testing.MockClock) -> None:
    """What came after the end of a window is not in it, however late it is given out."""
    async with driven(GROUP, ms=100, everyMs=100) as driver:
        await driver.send(1)
        autojump_clock.jump(0.125)
        await driver.send(2)
        assert driver.values(driver.handler.release(trio.current_time())) == [[1]]
        assert driver.handler.due() == 0.2
        assert driver.values(driver.handler.flush()) == [[2]]


async def test_a_batch_is_no_larger_than_a_value_may_be() -> None:
    """A value that would make the text too long begins the next batch."""
    half = b'"' + b"x" * (BATCH_LIMIT_BYTES // 2) + b'"'
    async with driven(GROUP, count=100) as driver:
        assert driver.texts(*await driver.send(half, half)) == [("out", b"[" + half + b"]")]


async def test_held_values_are_bounded() -> None:
    """One node holds so many values; the next one is an error that may be tried again."""
    async with driven(GROUP, count=6_000, key="k") as driver:
        for start in range(0, HELD_LIMIT_MESSAGES, 1_000):
            await driver.send(*(b'{"k":%d}' % (n % 2) for n in range(start, start + 1_000)))
            await trio.lowlevel.checkpoint()
        (refused,) = await driver.send({"k": 1})
        error = refused.error
        assert error is not None
        assert (error.name, error.is_permanent) == ("HeldLimitExceeded", False)


async def test_a_batch_has_the_tightest_lane() -> None:
    """A batch is apocryphal where one of its values is."""
    async with driven(GROUP, count=2) as driver:
        batch = [Message(0, b"1"), Message(0, b"2", lane=APOCRYPHAL), Message(0, b"3"), Message(0, b"4")]
        outcomes = await driver.handler.process(batch)
        assert [list(outcome.lanes) for outcome in outcomes] == [[], [APOCRYPHAL], [], [0]]


async def test_what_cannot_be_is_refused() -> None:
    """A graph is refused whose batches would never end, or never advance."""
    assert await places(GROUP) == ["count"]
    assert await places(GROUP, count=2, overlap=2) == ["overlap"]
    assert await places(GROUP, ms=10, everyMs=20) == ["everyMs"]
    assert await places(GROUP, ms=10, everyMs=5, count=3) == ["everyMs"]


@settings(max_examples=40)
@given(count=st.integers(1, 6), keys=st.lists(st.integers(0, 2), max_size=40), data=st.data())
def test_batches_hold_what_went_in(count: int, keys: list[int], data: Any) -> None:
    """By key, batches without their overlap are the values in order, and every message is done with once."""
    overlap = data.draw(st.integers(0, count - 1))

    async def body() -> None:
        async with driven(GROUP, count=count, overlap=overlap, key="k") as driver:
            sent = [{"k": key, "n": n} for n, key in enumerate(keys)]
            outcomes = [*await driver.send(*sent)]
            done = sum(sum(outcome.made_from) for outcome in outcomes)
            assert done + driver.handler.held_messages() == len(sent)
            outcomes.append(driver.handler.flush())
            seen: dict[str, list[Any]] = {}
            for batch in driver.values(*outcomes):
                so_far = seen.setdefault(batch["key"], [])
                assert so_far[-overlap:] == batch["values"][:overlap] or not so_far or not overlap
                so_far += batch["values"][overlap:] if so_far else batch["values"]
            for key in set(keys):
                expected = [value for value in sent if value["k"] == key]
                assert seen.get(str(key), []) == expected

    run(body)


def test_texts_stay_as_they_are() -> None:
    """Numbers keep their digits, and keys are written as JSON."""

    async def body() -> list[bytes]:
        async with driven(GROUP, count=1, key="k") as driver:
            return [text for _, text in driver.texts(*await driver.send(b'{"k":"\\u00e9\\"","n":1.10}'))]

    (text,) = run(body)
    assert text.endswith(b',"values":[{"k":"\\u00e9\\"","n":1.10}]}')
    assert msgspec.json.decode(text)["key"] == 'é"'
