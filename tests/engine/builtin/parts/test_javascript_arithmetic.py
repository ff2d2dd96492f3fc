"""Arithmetic with JavaScript's signs, against a table and against Python's own arithmetic."""

import math
import random

import pytest

from engine.builtin.parts.javascript_arithmetic import ArithmeticSyntaxError, compute, divided, power


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 / 4", 2.5),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("2 ** 3 ** 2", 512),
        ("2 ** -1", 0.5),
        ("(-2) ** 2", 4),
        ("- -3", 3),
        ("+ + 3", 3),
        ("1 - - 2", 3),
        ("1 * - 2", -2),
        (".5 + 5.", 5.5),
        ("8 - 3 - 2", 3),
        ("8 / 4 / 2", 1),
        ("1\n+\u00a02", 3),
        ("1 /* 9 */ + /**/ 2", 3),
        ("1 // 9\n + 2", 3),
        ("((((1))))", 1),
        ("-2 * -(3)", 6),
    ],
)
def test_values(text: str, value: float) -> None:
    """Each text has the value that it has in JavaScript."""
    assert compute(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "()",
            "(1",
            "1)",
            "1 2",
            "1(2)",
            "(1)(2)",
            "*2",
            "2*",
            "1 +",
            "1..5",
            "1.5.2",
            "010",
            "08",
            "00",
        ),
        *(
            "1--2",
            "1 ++ 2",
            "--1",
            "++1",
            "-2 ** 2",
            "2 ** -1 ** 2",
            "1 // 2",
            "/1/",
            "1 /* 2",
            "1e3",
            "a",
            "1 , 2",
        ),
    ],
)
def test_what_is_no_arithmetic(text: str) -> None:
    """It has no value there, and none here."""
    with pytest.raises(ArithmeticSyntaxError):
        compute(text)


def test_infinities() -> None:
    """Division by zero and powers beyond all floats are infinite, or not a number, with the right sign."""
    assert (divided(1, 0.0), divided(-1, 0.0), divided(1, -0.0)) == (math.inf, -math.inf, -math.inf)
    assert math.isnan(divided(0.0, 0.0))
    assert (power(10, 400), power(-10, 401), power(-10, 400)) == (math.inf, -math.inf, math.inf)
    assert (power(0.0, -1), power(-0.0, -1), power(-0.0, -2), power(0.0, -0.5)) == (
        math.inf,
        -math.inf,
        math.inf,
        math.inf,
    )
    assert (power(math.nan, 0), power(4, 0.5)) == (1, 2)
    assert all(math.isnan(power(*each)) for each in ((-8, 1 / 3), (1, math.inf), (-1, -math.inf), (2, math.nan)))
    assert compute("2 ** 3" + "9" * 400) == math.inf


def test_random_expressions_are_those_of_python() -> None:
    """Where the two languages say the same, the values are the same to the last bit."""
    chance = random.Random(9)
    for _ in range(500):
        text = _random(chance, 0)
        assert compute(text) == eval(text), text


def _random(chance: random.Random, depth: int) -> str:
    if depth == 4 or chance.random() < 0.25:
        return f"{chance.uniform(0.1, 99):.3f}"
    left, right = _random(chance, depth + 1), _random(chance, depth + 1)
    joined = f"{left} {chance.choice('+-*/')} {right}"
    return f"({joined})" if chance.random() < 0.6 else joined
