import trio
import trio.testing

from engine.builtin.core_delay import DELAY, HELD_LIMIT_BYTES, HELD_LIMIT_MESSAGES
from tests.engine.builtin.harness import driven


async def test_each_message_waits_from_its_own_arrival(autojump_clock: trio.testing.MockClock) -> None:
    """Two messages that arrive 30 ms apart leave 30 ms apart, each 100 ms after it came."""
    async with driven(DELAY, ms=100) as driver:
        start = trio.current_time()
        assert driver.texts(*await driver.send("first")) == []
        await trio.sleep(0.03)
        await driver.send("second")
        left = []
        while (due := driver.handler.due()) is not None:
            await trio.sleep_until(due)
            left += [
                (round(trio.current_time() - start, 6), value)
                for value in driver.values(driver.handler.release(trio.current_time()))
            ]
    assert left == [(0.1, "first"), (0.13, "second")]
    assert autojump_clock.current_time() >= 0.13


async def test_messages_that_come_together_leave_together(autojump_clock: trio.testing.MockClock) -> None:
    """A batch is delayed once, not once for each message, and keeps its order."""
    del autojump_clock
    async with driven(DELAY, ms=1000) as driver:
        await driver.send(*range(100))
        due = driver.handler.due()
        assert due == trio.current_time() + 1
        assert driver.values(driver.handler.release(due)) == list(range(100))
        assert driver.handler.due() is None


async def test_nothing_leaves_early(autojump_clock: trio.testing.MockClock) -> None:
    """A release before the time gives out nothing and keeps everything."""
    del autojump_clock
    async with driven(DELAY, ms=1000) as driver:
        await driver.send("early")
        now = trio.current_time()
        assert driver.values(driver.handler.release(now + 0.999)) == []
        assert driver.values(driver.handler.release(now + 1)) == ["early"]


async def test_no_delay_forwards_at_once() -> None:
    """With 0 ms a value leaves with the invocation that brought it."""
    async with driven(DELAY, ms=0) as driver:
        assert driver.values(*await driver.send(1, 2)) == [1, 2]
        assert driver.handler.due() is None


async def test_flush_gives_out_everything(autojump_clock: trio.testing.MockClock) -> None:
    """What is held when no more will come leaves in order, and once."""
    del autojump_clock
    async with driven(DELAY) as driver:
        await driver.send(1, 2, 3)
        assert driver.values(driver.handler.flush()) == [1, 2, 3]
        assert driver.values(driver.handler.flush()) == []


async def test_is_full_at_the_message_limit(autojump_clock: trio.testing.MockClock) -> None:
    """It takes messages up to the limit, and again once some have left."""
    del autojump_clock
    async with driven(DELAY) as driver:
        await driver.send(*range(HELD_LIMIT_MESSAGES - 1))
        assert not driver.handler.is_full()
        await driver.send(0)
        assert driver.handler.is_full()
        driver.handler.flush()
        assert not driver.handler.is_full()


async def test_is_full_at_the_byte_limit(autojump_clock: trio.testing.MockClock) -> None:
    """Large values fill it by their size."""
    del autojump_clock
    async with driven(DELAY) as driver:
        half = b'"' + b"x" * (HELD_LIMIT_BYTES // 2 - 2) + b'"'
        await driver.send(half)
        assert not driver.handler.is_full()
        await driver.send(half)
        assert driver.handler.is_full()
        driver.handler.flush()
        assert not driver.handler.is_full()
