"""``symbia.io.*`` but for the HTTP request: the platform's names for what the specification's components do."""

import pytest
import trio
import trio.testing

from engine.builtin.io_plain import CAPPED_DELAY_MS, COLLECT, IO_DELAY, IO_LOG, IO_PASSTHROUGH
from engine.builtin.parts.platform_builtin import PlatformBuiltin
from engine.contracts.component import Component
from tests.engine.builtin.harness import driven, places


@pytest.mark.parametrize("component", [IO_PASSTHROUGH, COLLECT])
async def test_values_pass_untouched(component: Component) -> None:
    """What comes in leaves, byte by byte."""
    async with driven(component) as driver:
        assert driver.texts(*await driver.send(b'{ "a" : 1.0 }')) == [("out", b'{ "a" : 1.0 }')]


@pytest.mark.parametrize("component", [IO_PASSTHROUGH, COLLECT, IO_LOG, IO_DELAY])
async def test_any_configuration_is_taken(component: PlatformBuiltin) -> None:
    """As on the platform: neither a key that means nothing nor a value of another type refuses a graph."""
    config = {"level": "loud", "message": [1], "ms": "soon", "other": None}
    assert component.is_lenient(config)
    assert await places(component, **config) == []
    async with driven(component, **config) as driver:
        assert driver.values(*await driver.send(7)) == [7]


async def test_the_log_shows_the_value() -> None:
    """Every value is a line, with the node's text before it."""
    async with driven(IO_LOG, level="warn", message="Seen:") as driver:
        (outcome,) = await driver.send({"a": 1})
    assert [(line.level, line.message) for line in outcome.logs] == [("warn", 'Seen: {"a":1}')]
    assert driver.values(outcome) == [{"a": 1}]


@pytest.mark.parametrize(("ms", "waited"), [(100, 100), (5_000, 5_000), (60_000, CAPPED_DELAY_MS), ("250", 250)])
async def test_the_delay_is_capped(ms: float | str, waited: int, autojump_clock: trio.testing.MockClock) -> None:
    """A longer wait than the platform knows is cut to its longest."""
    del autojump_clock
    async with driven(IO_DELAY, ms=ms) as driver:
        await driver.send("late")
        assert driver.handler.due() == trio.current_time() + waited / 1000
