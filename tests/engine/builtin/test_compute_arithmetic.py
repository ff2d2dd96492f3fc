"""``symbia.compute.arithmetic``: what it takes from a message, and what it says of it, where it is strict.

What it does otherwise stands in ``tests/platform``.
"""

from typing import Any

import msgspec
import pytest

from engine.builtin.compute_arithmetic import ARITHMETIC
from tests.engine.builtin.harness import driven, places


@pytest.mark.parametrize(
    ("expression", "message", "result", "filled", "exact"),
    [
        ("{a} + {b}", b'{"a": 0.1, "b": 0.2}', "0.3", "0.1 + 0.2", True),
        ("({a} - {b}) / {a} * 100", b'{"a": 8, "b": 5}', "37.5", "(8 - 5) / 8 * 100", True),
        ("{a} / 3", b'{"a": 1}', "0.3333333333333333", "1 / 3", False),
        ("{a} * 10", b'{"a": 12345678901234567890123}', "123456789012345678901230", None, True),
        ("{order.total} * 2", b'{"order": {"total": "21"}}', "42", "21 * 2", True),
        ("{value} - -1", b"41", "42", "41 - -1", True),
        ("-{a}", b'{"a": 0}', "0", "-0", True),
        ("{a-b} + 1", b'{"a-b": 1e2}', "101", "1e2 + 1", True),
        ("2 * 3", b"null", "6", "2 * 3", True),
    ],
)
async def test_computes_from_fields(
    expression: str, message: bytes, result: str, filled: str | None, exact: bool
) -> None:
    """The result has every digit, the expression is shown with its numbers, and rounding is admitted."""
    async with driven(ARITHMETIC, expression=expression, strict=True) as driver:
        ((port, text),) = driver.texts(*await driver.send(message))
    found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    assert (port, bytes(found["result"]).decode()) == ("out", result)
    assert (bytes(found["method"]), bytes(found["exact"])) == (b'"arithmetic"', b"true" if exact else b"false")
    assert filled is None or msgspec.json.decode(found["expression"]) == filled


@pytest.mark.parametrize(
    ("expression", "message", "name", "details"),
    [
        ("{a} + {b} + {c}", {"a": 1, "b": None}, "InputsAbsent", {"missing": ["b", "c"], "present": ["a"]}),
        ("{a} + 1", 5, "InputsAbsent", {"missing": ["a"], "present": []}),
        ("{a} + 1", {"a": "many"}, "NotNumeric", {"got": "many"}),
        ("{a} + 1", {"a": True}, "NotNumeric", {"got": True}),
        ("{a} + 1", {"a": [1]}, "NotNumeric", {"got": [1]}),
        ("1 / {a}", {"a": 0}, "DivisionByZero", {"expression": "1 / 0"}),
        ("{a} * 1", b'{"a": 1e999999}', "NumberTooLarge", {}),
        ("{a} * {a} / 3", b'{"a": 1e300}', "NumberTooLarge", {}),
    ],
)
async def test_a_refusal_names_its_reason(
    expression: str, message: Any, name: str, details: dict[str, Any]
) -> None:
    """What is absent, no number or beyond computing is an error of its message, and of no other."""
    async with driven(ARITHMETIC, expression=expression, strict=True) as driver:
        refused, good = await driver.send(message, {"a": 2, "b": 1, "c": 1})
    assert refused.error is not None
    assert refused.error.name == name
    assert refused.error.details is not None
    found = msgspec.json.decode(refused.error.details)
    assert found["error"] == refused.error.message
    assert {key: found[key] for key in details} == details
    assert good.error is None


async def test_a_wrong_expression_refuses_the_graph() -> None:
    """Syntax is checked when the graph is loaded."""
    assert await places(ARITHMETIC, expression="{a} +", strict=True) == ["expression"]
    assert await places(ARITHMETIC, expression="1" * 1_001) == ["expression"]


async def test_long_expressions_come_in_small_batches() -> None:
    """What one batch may cost is bounded by the length of the expression."""
    for strict in (False, True):
        async with driven(ARITHMETIC, expression="+".join(["1"] * 400), strict=strict) as driver:
            assert driver.handler.batch_messages == 2000 // 799
