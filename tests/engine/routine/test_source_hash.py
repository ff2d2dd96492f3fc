"""The hash of a definition is the one that the platform's JavaScript makes."""

import json
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.routine.source_hash import SourceHash, javascript_text, number_text, source_hash
from tests.engine.builtin.harness import JSON_VALUES


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (123456789012345680000, "123456789012345680000"),
        (12345678901234567890123, "1.2345678901234568e+22"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (-1.25e-9, "-1.25e-9"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (0.1 + 0.2, "0.30000000000000004"),
        (10**400, "null"),
        (2**53 + 1, "9007199254740992"),
    ],
)
def test_numbers_are_spelt_as_in_javascript(number: float, text: str) -> None:
    """Shortest form, exponents from 1e21 and below 1e-6, and no more than 64 bits."""
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}"),
        ([], "[]"),
        ({"b": 1, "a": [True, None, {}]}, '{"b":1,"a":[true,null,{}]}'),
        ({"z": 1, "10": 2, "9": 3, "01": 4, "-1": 5}, '{"9":3,"10":2,"z":1,"01":4,"-1":5}'),
        ({"a": 0, "4294967295": 1, "4294967294": 2}, '{"4294967294":2,"a":0,"4294967295":1}'),
        ('"\\/\b\f\n\r\t\x01\x7f', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f"'),
        ("é\u2028😀", '"é\u2028😀"'),
    ],
)
def test_text_is_written_as_in_javascript(value: Any, text: str) -> None:
    """Array indices come first among keys, and only what must be escaped is."""
    assert "".join(javascript_text(value)) == text


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        # Made with the platform's own arithmetic in Node.js: hash = ((hash << 5) - hash + unit) | 0
        ({"symbia": "routine/1.0", "name": "A"}, "5fa5d803"),
        ({"a": "\U0001f600é", "1": 1e21, "0": [1.5, -0.0]}, "1b8bd304"),
        ("", "00000440"),
    ],
)
def test_the_hash_is_that_of_javascript(document: Any, expected: str) -> None:
    """Units of UTF-16, 32 bits, the absolute value in at least eight digits."""
    assert source_hash(document) == expected


@given(
    st.lists(st.text(alphabet=st.characters(exclude_categories=[]), max_size=50), max_size=5), st.integers(1, 300)
)
def test_pieces_make_the_hash_of_the_whole(pieces: list[str], times: int) -> None:
    """However a text is cut, and however long it is, its hash is what the plain loop gives."""
    pieces = pieces * times
    hashed = SourceHash()
    for piece in pieces:
        hashed.update(piece)
    units = memoryview("".join(pieces).encode("utf-16-le", "surrogatepass")).cast("H")
    plain = reduce(lambda sum_so_far, unit: (sum_so_far * 31 + unit) % 2**32, units, 0)
    assert int(hashed.hexadecimal(), 16) == min(plain, 2**32 - plain)


@given(JSON_VALUES)
def test_the_text_is_json_of_the_same_value(value: Any) -> None:
    """What is hashed says the same as the document, with numbers as floats."""

    def floats(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: floats(item) for key, item in part.items()}
        if isinstance(part, list):
            return [floats(item) for item in part]
        return float(part) if isinstance(part, int) and not isinstance(part, bool) else part

    assert floats(json.loads("".join(javascript_text(value)))) == floats(value)
