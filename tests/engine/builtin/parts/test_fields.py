"""Fields that a configuration names."""

import json
import math
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.fields import Field, number_json, number_of, quoted
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.refusal import RefusedError


@pytest.mark.parametrize(
    ("name", "message", "found"),
    [
        ("a", b'{"a": 1.50}', b"1.50"),
        ("a.b", b'{"a": {"b": 2}}', b"2"),
        ("a.b", b'{"a.b": 1, "a": {"b": 2}}', b"1"),
        ("a.b", b'{"a": 1}', None),
        ("a", b"[1]", None),
        ("a", b"null", None),
        ("", b'{"": 7}', b"7"),
        ("a", b' { "a" :  [1]  } ', b"[1]"),
    ],
)
def test_a_field_is_found_by_its_name_or_its_path(name: str, message: bytes, found: bytes | None) -> None:
    """The exact name goes before the dotted path, and the text is kept as it stands."""
    assert Field(name).find(Document(message)) == found


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ({"k": "north"}, "north"),
        ({"k": 7}, "7"),
        ({"k": None}, "null"),
        ({"k": True}, "true"),
        ({"k": "é\n"}, "é\n"),
        ({}, None),
        (3, None),
    ],
)
def test_scalars_are_keys(message: Any, key: str | None) -> None:
    """A string is a key as it is, any other scalar as JSON spells it."""
    assert Field("k").key(Document(msgspec.json.encode(message))) == key


@pytest.mark.parametrize("value", [{}, [], "k" * 1001])
def test_what_is_no_name_is_no_key(value: Any) -> None:
    """Objects, arrays and endless texts are refused."""
    with pytest.raises(RefusedError):
        Field("k").key(Document(msgspec.json.encode({"k": value})))


@given(st.floats(-1e300, 1e300) | st.integers(-(2**63), 2**63 - 1))
def test_numbers_are_read_as_they_are(number: float) -> None:
    """Also where a string says them."""
    text = msgspec.json.encode(number)
    assert number_of(text) == number
    assert number_of(b'" %b "' % text) == number


@pytest.mark.parametrize(
    "value",
    [b"true", b"null", b'""', b'"1 2"', b'"0x10"', b'"NaN"', b'"Infinity"', b"{}", b"[1]", b'"-"'],
)
def test_what_is_no_number_is_none(value: bytes) -> None:
    """Nothing is taken for a number that does not look like one, and nothing infinite."""
    assert number_of(value) is None


def test_an_integer_keeps_its_digits() -> None:
    """Also one that no 64 bits hold."""
    assert number_of(b"12345678901234567890") == 12345678901234567890
    assert number_of(b'"-1%b1"' % (b"0" * 290)) == -(10**291) - 1


@pytest.mark.parametrize("text", [b"1e999", b'"1e999"', b"1" * 401, b"-" + b"1" * 5_000, b"0." + b"1" * 5_000])
def test_a_number_beyond_all_measure_says_so(text: bytes) -> None:
    """It is a number, and no component that measures takes it."""
    assert number_of(text) == math.inf
    with pytest.raises(RefusedError) as caught:
        Field("n").number(Document(b'{"n": %b}' % text))
    assert caught.value.name == "NumberTooLarge"


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_whole(number: float) -> None:
    """Also one of more than 64 bits."""
    text = bytes(number_json(number))
    assert Fraction(text.decode()) == Fraction(json.dumps(number))


def test_a_wrong_value_is_quoted_in_part() -> None:
    """An error does not carry a large value twice."""
    assert bytes(quoted(b"[1,2]")) == b"[1,2]"
    assert len(bytes(quoted(b'"' + b"x" * 9_000_000 + b'"'))) < 300
