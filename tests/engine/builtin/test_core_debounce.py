import pytest
import trio
import trio.testing

from engine.builtin.core_debounce import DEBOUNCE
from engine.contracts.handler import Message
from engine.contracts.lanes import APOCRYPHAL
from tests.engine.builtin.harness import driven


async def test_the_last_of_a_burst_leaves(autojump_clock: trio.testing.MockClock) -> None:
    """When it has been quiet long enough, the last value leaves; the others left by `dropped` before."""
    del autojump_clock
    async with driven(DEBOUNCE, ms=100) as driver:
        assert driver.texts(*await driver.send(1, 2)) == [("dropped", b"1")]
        await trio.sleep(0.06)
        assert driver.texts(*await driver.send(3)) == [("dropped", b"2")]
        due = driver.handler.due()
        assert due == trio.current_time() + 0.1
        assert driver.values(driver.handler.release(due - 0.001)) == []
        outcome = driver.handler.release(due)
        assert (driver.values(outcome), list(outcome.made_from)) == ([3], [1])
        assert driver.handler.due() is None
        assert driver.handler.held_messages() == 0


async def test_the_first_of_a_burst_leaves(autojump_clock: trio.testing.MockClock) -> None:
    """With `leading`, the first value leaves at once, and the next one after the quiet that ended the burst."""
    async with driven(DEBOUNCE, ms=100, edge="leading") as driver:
        assert driver.texts(*await driver.send(1, 2)) == [("out", b"1"), ("dropped", b"2")]
        autojump_clock.jump(0.06)
        assert driver.texts(*await driver.send(3)) == [("dropped", b"3")]
        autojump_clock.jump(0.1)
        assert driver.texts(*await driver.send(4)) == [("out", b"4")]
        assert driver.handler.due() is None


async def test_an_endless_burst_ends(autojump_clock: trio.testing.MockClock) -> None:
    """With `maxWaitMs`, a stream that is never quiet gives out a value all the same."""
    async with driven(DEBOUNCE, ms=100, maxWaitMs=250) as driver:
        begun = trio.current_time()
        for number in range(4):
            await driver.send(number)
            autojump_clock.jump(0.08)
        assert driver.handler.due() == begun + 0.25
        assert driver.values(driver.handler.release(trio.current_time())) == [3]
    async with driven(DEBOUNCE, ms=100, maxWaitMs=250, edge="leading") as driver:
        left = []
        for number in range(5):
            left += driver.values(*await driver.send(number))
            autojump_clock.jump(0.08)
        assert left == [0, 4]


async def test_keys_have_their_own_bursts(autojump_clock: trio.testing.MockClock) -> None:
    """One stream's values end no other's burst; the burst that ends first leaves first."""
    async with driven(DEBOUNCE, ms=100, key="k") as driver:
        await driver.send({"k": "a", "n": 1})
        autojump_clock.jump(0.05)
        await driver.send({"k": "b", "n": 2})
        autojump_clock.jump(0.025)
        await driver.send({"k": "a", "n": 3})
        first = driver.handler.due()
        assert first is not None
        assert [value["n"] for value in driver.values(driver.handler.release(first))] == [2]
        assert [value["n"] for value in driver.values(driver.handler.flush())] == [3]
        assert (await driver.send(1))[0].error is not None


async def test_the_end_of_input_ends_all_bursts() -> None:
    """At the end of input the last values leave, each in its own lane."""
    async with driven(DEBOUNCE, key="k") as driver:
        batch = [Message(0, b'{"k":1}', lane=APOCRYPHAL), Message(0, b'{"k":2}')]
        await driver.handler.process(batch)
        outcome = driver.handler.flush()
        assert (driver.values(outcome), list(outcome.lanes)) == ([{"k": 1}, {"k": 2}], [APOCRYPHAL, 0])
        assert driver.handler.held_bytes() == 0
        assert driver.values(driver.handler.flush()) == []


async def test_held_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values beyond the bound are errors of their own, and what was held stays as it was."""
    async with driven(DEBOUNCE, key="k") as driver:
        most = 1000
        monkeypatch.setattr("engine.builtin.core_debounce.HELD_LIMIT_BYTES", 8 * most)
        values = [b'{"k":%d,"v":"%b"}' % (n, b"x" * (most - 15)) for n in range(9)]
        errors = [outcome.error for value in values for outcome in await driver.send(value)]
        assert [error.name for error in errors if error is not None] == ["HeldLimitExceeded"]
        assert driver.handler.held_messages() == 8
