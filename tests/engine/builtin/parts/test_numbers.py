"""The one rule of which text is a number, held against every component that takes one."""

import math
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.builtin.compute_arithmetic import ARITHMETIC
from engine.builtin.logic_filter_switch import compare
from engine.builtin.parts.fields import number_of
from engine.builtin.parts.numbers import NUMBER_TEXT_LIMIT_CHARACTERS, exact_sum, number_in, number_said_by
from engine.builtin.state_rollup import ROLLUP
from engine.builtin.state_window import WINDOW
from tests.engine.builtin.harness import driven

NUMBERS = ["10", " 10 ", "\t-0.5\n", "1e3", "-0", "1E+2", "0.10", "12345678901234567890"]
NO_NUMBERS = [
    *("", " ", "-", "Infinity", "-Infinity", "NaN", "inf", "nan", "0x10", "0b1", "0o7", "1_000", "1,000"),
    *(
        "\u0661\u0662",
        "\uff11\uff12",
        "\u00b2",
        "+1",
        "007",
        ".5",
        "1.",
        "1e",
        "1e1.5",
        "1 2",
        "--1",
        "\u00a010",
        "10\u2003",
        "1\x00",
        "true",
    ),
]


@pytest.mark.parametrize("text", NUMBERS)
def test_what_json_reads_as_a_number_is_one(text: str) -> None:
    """JSON's white space around it is nothing; the spelling stays."""
    assert number_in(text) == text.strip()
    assert number_said_by(msgspec.json.encode(text)) == text.strip() == number_said_by(text.strip().encode())


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_another_language_reads_is_none(text: str) -> None:
    """Names of infinities, other bases, underscores, other scripts' digits and half numbers are texts."""
    assert number_in(text) is None


def test_a_very_long_text_is_no_number() -> None:
    """Looking at all of it would hold the event loop; a number that is no text has any length."""
    assert number_in("1" * NUMBER_TEXT_LIMIT_CHARACTERS) is not None
    assert number_in("1" * (NUMBER_TEXT_LIMIT_CHARACTERS + 1)) is None
    assert number_said_by(b"1" * 1_000_000) is not None


@pytest.mark.parametrize("value", [b"true", b"null", b"{}", b"[1]", b"", b" "])
def test_other_values_are_no_numbers(value: bytes) -> None:
    """Only a number and a text can be one."""
    assert number_said_by(value) is None


@pytest.mark.parametrize(("text", "is_number"), [*((t, True) for t in NUMBERS), *((t, False) for t in NO_NUMBERS)])
async def test_all_components_agree(text: str, is_number: bool) -> None:
    """A window, a rollup, an expression, a filter and a field say the same of each text, where they are strict."""
    message = {"key": "a", "value": text}
    for component, config in (
        (WINDOW, {}),
        (ROLLUP, {"expected": ["a"]}),
        (ARITHMETIC, {"expression": "{value} + 0"}),
    ):
        async with driven(component, strict=True, **config) as driver:
            (outcome,) = await driver.send(message)
        assert (outcome.error is None) == is_number, component.definition.id
    assert (compare(text, "gt", -math.inf) or compare(text, "lt", math.inf)) == is_number
    assert (number_of(msgspec.json.encode(text)) is not None) == is_number


@given(st.text(alphabet="0123456789+-.eE_ \t\n\x0b\u00a0\u0661x", max_size=8) | st.floats().map(repr))
@example("1\n")
def test_the_rule_is_that_of_the_decoder(text: str) -> None:
    """A text is a number exactly where the decoder of JSON reads one, however large."""
    try:
        value = msgspec.json.decode(text.encode())
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
    except msgspec.ValidationError:
        is_number = True  # out of its range
    except msgspec.DecodeError:
        is_number = False
    assert (number_in(text) is not None) == is_number


@given(st.lists(st.integers(-(10**300), 10**300) | st.floats(-1e300, 1e300), max_size=20))
def test_a_sum_is_rounded_once(numbers: list[Any]) -> None:
    """Integers are added as integers, and with a float among them the result is the nearest one."""
    exact = sum(map(Fraction, numbers))
    is_whole = all(isinstance(number, int) for number in numbers)
    assert exact_sum(numbers) == (exact if is_whole else float(exact))


def test_a_sum_beyond_all_floats_is_an_error() -> None:
    """It does not become infinite."""
    with pytest.raises(OverflowError):
        exact_sum([1e308, 1e308])
    with pytest.raises(OverflowError):
        exact_sum([10**400, 1.5])
