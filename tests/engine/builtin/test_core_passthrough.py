import pytest

from engine.builtin.core_passthrough import PASSTHROUGH
from tests.engine.builtin.harness import driven


@pytest.mark.parametrize(("source", "target"), [("in", "out"), ("input", "output")])
async def test_leaves_by_the_twin_port(source: str, target: str) -> None:
    """A value leaves by the output that is the twin of its input, as the same bytes."""
    text = b'{"b": 1.10, "a": 12345678901234567890123}'
    async with driven(PASSTHROUGH) as driver:
        outcomes = await driver.send(text, port=source)
    assert driver.texts(*outcomes) == [(target, text)]
    assert outcomes[0].emissions[0][1] is text


async def test_does_not_decode() -> None:
    """Even what is no JSON passes, so nothing looks inside."""
    async with driven(PASSTHROUGH) as driver:
        assert driver.texts(*await driver.send(b"\xff{")) == [("out", b"\xff{")]


async def test_one_outcome_for_each_message() -> None:
    """A batch keeps its order, one outcome for each message."""
    async with driven(PASSTHROUGH) as driver:
        outcomes = await driver.send(*range(50))
    assert [driver.values(outcome) for outcome in outcomes] == [[value] for value in range(50)]
