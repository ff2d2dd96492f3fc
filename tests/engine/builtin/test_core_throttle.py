import trio
import trio.testing

from engine.builtin.core_throttle import THROTTLE
from engine.builtin.parts.message_key import KEYS_LIMIT
from engine.contracts.handler import Message
from engine.contracts.lanes import APOCRYPHAL
from tests.engine.builtin.harness import Driver, driven


async def left(driver: Driver) -> list[tuple[float, object]]:
    """What leaves from now on, each with its time, until nothing waits."""
    seen: list[tuple[float, object]] = []
    while (due := driver.handler.due()) is not None:
        await trio.sleep_until(due)
        outcome = driver.handler.release(trio.current_time())
        assert sum(outcome.made_from) == len(outcome.emissions)
        seen += [(round(trio.current_time(), 6), value) for value in driver.values(outcome)]
    return seen


async def test_excess_waits_for_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    """In no interval do more values leave than asked for, and they leave in order."""
    del autojump_clock
    async with driven(THROTTLE, count=2, intervalMs=100) as driver:
        assert driver.values(*await driver.send(1, 2, 3, 4, 5)) == [1, 2]
        assert driver.handler.held_messages() == 3
        start = trio.current_time()
        times = [(round(at - start, 3), value) for at, value in await left(driver)]
        assert times == [(0.1, 3), (0.1, 4), (0.2, 5)]


async def test_the_interval_slides(autojump_clock: trio.testing.MockClock) -> None:
    """A value that came late in an interval counts for a whole interval, not until that one's end."""
    del autojump_clock
    async with driven(THROTTLE, count=2, intervalMs=100) as driver:
        await driver.send(1)
        await trio.sleep(0.09)
        assert driver.values(*await driver.send(2)) == [2]
        await trio.sleep(0.02)
        assert driver.values(*await driver.send(3)) == [3]
        assert driver.values(*await driver.send(4)) == []
        assert driver.handler.due() == 0.19


async def test_excess_may_be_dropped(autojump_clock: trio.testing.MockClock) -> None:
    """With `drop`, what is too much leaves by the other port at once, and nothing is held."""
    async with driven(THROTTLE, intervalMs=100, excess="drop") as driver:
        assert driver.texts(*await driver.send(1, 2)) == [("out", b"1"), ("dropped", b"2")]
        assert driver.handler.held_messages() == 0
        autojump_clock.jump(0.1)
        assert driver.texts(*await driver.send(3)) == [("out", b"3")]


async def test_keys_have_their_own_rate(autojump_clock: trio.testing.MockClock) -> None:
    """One stream's values do not use up another's; who waits least leaves first."""
    del autojump_clock
    async with driven(THROTTLE, intervalMs=100, key="who.id") as driver:
        values = [{"who": {"id": name}, "n": n} for name, n in (("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5))]
        assert [value["n"] for value in driver.values(*await driver.send(*values))] == [1, 2]
        assert [value["n"] for _, value in await left(driver)] == [3, 4, 5]  # type: ignore[index]
        (refused,) = await driver.send({"who": 1})
        assert refused.error is not None
        assert refused.error.name == "MissingKey"


async def test_idle_keys_are_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    """A key whose interval is over costs no memory once others come; too many at a time are an error."""
    async with driven(THROTTLE, intervalMs=100, key="k") as driver:
        for start in range(0, KEYS_LIMIT, 1_000):
            outcomes = await driver.send(*(b'{"k":%d}' % n for n in range(start, start + 1_000)))
            assert all(outcome.error is None for outcome in outcomes)
            await trio.lowlevel.checkpoint()
        (refused,) = await driver.send({"k": "new"})
        assert refused.error is not None
        assert refused.error.name == "TooManyKeys"
        full = driver.handler.held_bytes()
        autojump_clock.jump(0.1)
        await driver.send(*(b'{"k":"same"}' for _ in range(100)))
        assert driver.handler.held_bytes() < full


async def test_what_waits_keeps_its_lane(autojump_clock: trio.testing.MockClock) -> None:
    """A value that waited leaves in the lane that it came in, at the end of input as well."""
    del autojump_clock
    async with driven(THROTTLE, intervalMs=100) as driver:
        await driver.handler.process([Message(0, b"1"), Message(0, b"2", lane=APOCRYPHAL), Message(0, b"3")])
        outcome = driver.handler.flush()
        assert (list(outcome.lanes), driver.values(outcome)) == ([APOCRYPHAL, 0], [2, 3])


async def test_too_many_make_the_senders_wait() -> None:
    """Where as many wait as may, no further message is asked for before one has left."""
    async with driven(THROTTLE, intervalMs=1000) as driver:
        for start in range(0, 10_000, 1_000):
            await driver.send(*range(start, start + 1_000))
            await trio.lowlevel.checkpoint()
        assert not driver.handler.is_full()
        await driver.send(1)
        assert driver.handler.is_full()
