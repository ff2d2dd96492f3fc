"""What JavaScript makes of values, held against a table and against the guest's own JavaScript."""

import json
import math
import random
import struct
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.builtin.parts.javascript_values import (
    ABSENT,
    is_same,
    number_json,
    number_text,
    part_of,
    to_number,
    to_text,
)
from engine.testing.workbench import open_workbench


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0),
        (True, 1),
        (False, 0),
        ("", 0),
        (" \ufeff\u00a0", 0),
        (" 10\n", 10),
        ("0x10", 16),
        ("0b11", 3),
        ("0O17", 15),
        (".5", 0.5),
        ("5.", 5),
        ("+1", 1),
        ("007", 7),
        ("-Infinity", -math.inf),
        ([], 0),
        ([4], 4),
        ([["7"]], 7),
        ([None], 0),
        (10**400, math.inf),
        (Decimal("-1e999"), -math.inf),
        ("0x" + "f" * 400, math.inf),
    ],
)
def test_numbers(value: Any, number: float) -> None:
    """What ``Number`` makes a number of is that number."""
    assert to_number(value) == number


@pytest.mark.parametrize(
    "value",
    [ABSENT, {}, {"a": 1}, [1, 2], [True], "x", "1_0", "-0x10", "+0b1", "inf", "nan", "1e", "- 1", "\u0661", "1n"],
)
def test_no_numbers(value: Any) -> None:
    """What it makes none of is not a number."""
    assert math.isnan(to_number(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ABSENT, "undefined"),
        (None, "null"),
        (True, "true"),
        (1.0, "1"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (123456789012345680000.0, "123456789012345680000"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (5e-324, "5e-324"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        ([1, None, [2, "a"]], "1,,2,a"),
        ({"a": 1}, "[object Object]"),
        ([{}], "[object Object]"),
    ],
)
def test_texts(value: Any, text: str) -> None:
    """The text is that of ``String``."""
    assert to_text(value) == text


def test_what_is_not_finite_is_null_in_json() -> None:
    """``JSON.stringify`` has it so."""
    assert [number_json(number) for number in (1.0, 0.1, math.inf, math.nan)] == [b"1", b"0.1", b"null", b"null"]


def test_equality_is_strict() -> None:
    """Of one type and equal; 1 is 1.0, no object is another, and what is absent is like nothing but itself."""
    assert is_same(1, 1.0)
    assert is_same("a", "a")
    assert is_same(None, None)
    assert is_same(ABSENT, ABSENT)
    assert is_same(2**53, 2**53 + 1)
    for left, right in ((1, True), (1, "1"), (None, ABSENT), ([], []), ({}, {}), (0, None), (ABSENT, "undefined")):
        assert not is_same(left, right)
        assert not is_same(right, left)


def test_parts_are_counted_in_utf16() -> None:
    """A character beyond the first plane is two, as JavaScript has it; an index has no leading zero."""
    assert part_of("a\U0001f600", "length") == 3
    assert part_of("ab", "1") == "b"
    assert part_of("\U0001f600", "1") == "\ude00"
    assert part_of([7, 8], "1") == 8
    assert part_of([7], "01") is ABSENT
    assert part_of([7], "1") is ABSENT


async def test_the_guest_says_the_same() -> None:
    """Random numbers, odd texts and nested arrays have the numbers and texts that the guest's JavaScript has."""
    chance = random.Random(5)
    floats = [struct.unpack("d", chance.randbytes(8))[0] for _ in range(1_500)]
    pieces = ["0x", "1", ".", "e", "+", "-", "Infinity", "_", " ", "\ufeff", "7", "0b", "n", "\u2003", "o"]
    texts = ["".join(chance.choices(pieces, k=chance.randint(0, 4))) for _ in range(500)]
    powers = [factor * 10.0**power for factor in (1, 1.5, -3) for power in range(-12, 25)]
    values = [*filter(math.isfinite, floats), *texts, *powers, *(_nested(chance, 0) for _ in range(300))]
    expression = "value.map((each) => [String(each), String(Number(each))])"
    async with open_workbench() as bench, bench.open("symbia.core.map", {"expression": expression}) as unit:
        (said,) = (await unit.send("in", values)).emissions["out"]
    for value, (text, number) in zip(values, said, strict=True):
        same = msgspec.json.decode(json.dumps(value))
        assert (to_text(same), number_text(to_number(same))) == (text, number)


def _nested(chance: random.Random, depth: int) -> Any:
    if depth < 3 and chance.random() < 0.4:
        return [_nested(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    return chance.choice([None, True, False, 1, 1.5, "a", "", "7", {}, {"a": 1}, 1e22])
