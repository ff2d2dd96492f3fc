import trio.testing

from engine.builtin.core_dedupe import DEDUPE, Dedupe
from engine.builtin.parts.message_key import MessageKey
from tests.engine.builtin.harness import driven


async def test_a_key_passes_once() -> None:
    """A second value of a key leaves by `duplicate`, whatever else it has; `1` and `"1"` are one key."""
    async with driven(DEDUPE, key="order.id") as driver:
        values = [{"order": {"id": key}, "n": n} for n, key in enumerate(("a", "b", "a", 1, "1"))]
        left = [port for port, _ in driver.texts(*await driver.send(*values))]
        assert left == ["out", "out", "duplicate", "out", "duplicate"]
        (refused,) = await driver.send({"order": 1})
        assert refused.error is not None
        assert refused.error.name == "MissingKey"


async def test_without_a_key_the_whole_text_counts() -> None:
    """Values are the same where their texts are; nothing is decoded."""
    async with driven(DEDUPE) as driver:
        left = [port for port, _ in driver.texts(*await driver.send(b"1", b"1.0", b"1", b'{"a":1}', b'{"a": 1}'))]
        assert left == ["out", "out", "duplicate", "out", "out"]


async def test_so_many_are_remembered() -> None:
    """Beyond the count, the key that passed longest ago is new again; a duplicate does not make it younger."""
    async with driven(DEDUPE, count=2) as driver:
        assert driver.values(*await driver.send(1, 2, 1, 3, 2, 1)) == [1, 2, 3, 1]
        assert driver.handler.state() == {"remembered": b"2"}


async def test_a_key_is_forgotten_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """A key is new again when its time is over, counted from the value that passed."""
    async with driven(DEDUPE, ms=100) as driver:
        await driver.send(1)
        autojump_clock.jump(0.06)
        assert driver.values(*await driver.send(1, 2)) == [2]
        autojump_clock.jump(0.05)
        assert driver.values(*await driver.send(1, 2)) == [1]
        autojump_clock.jump(1)
        await driver.send(3, 4)
        assert driver.handler.state() == {"remembered": b"2"}


async def test_memory_does_not_depend_on_the_values() -> None:
    """A key costs the same, whatever it is."""
    async with driven(DEDUPE) as driver:
        await driver.send(1)
        small = driver.handler.held_bytes()
        await driver.send("x" * 1_000_000)
        assert driver.handler.held_bytes() == 2 * small


async def test_the_next_revision_goes_on() -> None:
    """What an earlier revision let through is known to the next one, unless it goes by another key."""
    async with driven(DEDUPE, key="a") as former, driven(DEDUPE, key="a", count=1) as heir:
        await former.send({"a": 1}, {"a": 2})
        heir.handler.take_over(former.handler)
        assert heir.values(*await heir.send({"a": 2})) == []
        assert heir.values(*await heir.send({"a": 1})) == [{"a": 1}]
        other = Dedupe(MessageKey("b"), "b", 10, 0)
        other.take_over(former.handler)
        assert other.state() == {}
