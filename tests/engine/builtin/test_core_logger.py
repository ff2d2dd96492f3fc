import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.core_logger import LOGGED_PREFIX_LIMIT_CHARACTERS, LOGGED_VALUE_LIMIT_BYTES, LOGGER, shown
from engine.contracts.handler import LogLine
from proto.codec import encode
from tests.engine.builtin.harness import driven


async def test_logs_the_text_and_forwards_it() -> None:
    """A value's JSON text is the line, and the value goes on as it came."""
    async with driven(LOGGER) as driver:
        outcomes = await driver.send(42, b'{"a": 1.0}')
    assert [line for outcome in outcomes for line in outcome.logs] == [
        LogLine("info", "42"),
        LogLine("info", '{"a": 1.0}'),
    ]
    assert driver.texts(*outcomes) == [("out", b"42"), ("out", b'{"a": 1.0}')]


@pytest.mark.parametrize("level", ["debug", "info", "warn", "error"])
async def test_uses_level_and_prefix(level: str) -> None:
    """The line has the configured level, and the configured text before the value."""
    async with driven(LOGGER, level=level, message="Total:") as driver:
        (outcome,) = await driver.send("é")
    assert outcome.logs == (LogLine(level, 'Total: "é"'),)


async def test_prefix_is_bounded() -> None:
    """A prefix beyond its limit is cut."""
    async with driven(LOGGER, message="x" * 1_000) as driver:
        (outcome,) = await driver.send(1)
    assert outcome.logs[0].message == "x" * LOGGED_PREFIX_LIMIT_CHARACTERS + " 1"


@given(st.text(min_size=LOGGED_VALUE_LIMIT_BYTES - 3, max_size=LOGGED_VALUE_LIMIT_BYTES + 3))
def test_long_values_are_cut_between_characters(text: str) -> None:
    """What is shown is the value, or its beginning with its whole size; never half a character."""
    value = encode(text)
    line = shown(value)
    head, mark, tail = line.rpartition("… (cut: ")
    if len(value) <= LOGGED_VALUE_LIMIT_BYTES:
        assert line == value.decode()
    else:
        assert mark
        assert tail == f"{len(value)} bytes in all)"
        assert value.decode().startswith(head)
        assert LOGGED_VALUE_LIMIT_BYTES - 4 < len(head.encode()) <= LOGGED_VALUE_LIMIT_BYTES
