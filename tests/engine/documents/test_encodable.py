"""What is stored must be sayable: everything that JSON cannot say is found, with its place."""

import datetime as dt
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cooperative.slices import at_once
from engine.documents.encodable import check_sayable
from proto import codec
from tests.engine.builtin.harness import JSON_VALUES

LISTS: list[Any] = []
LISTS.append(LISTS)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"a": ["\ud800"]}, "a[0]"),
        ({"a": {"\udfff": 1}}, "a.\\udfff"),
        ({"a": [0, 16**5000]}, "a[1]"),
        ({"a": -(10**4000)}, "a"),
        ({"a": math.nan}, "a"),
        ({"a": [[math.inf]]}, "a[0][0]"),
        ({"a": {1: 2}}, "a.<int>"),
        ({"a": {1: "x"}}, "a.<int>"),
        ({"a": {1, 2}}, "a"),
        ({"a": b"x"}, "a"),
        ({"a": dt.date(2026, 1, 1)}, "a"),
        ("\ud800", ""),
        (LISTS, "[0]" * 200),
    ],
)
def test_what_json_cannot_say_is_found_with_its_place(document: Any, path: str) -> None:
    """The problem names the first such value; its own text can be said."""
    (problem,) = at_once(check_sayable(document, "graph.unsayable"))
    assert (problem.code, problem.path) == ("graph.unsayable", path)
    codec.encode(problem)


@given(JSON_VALUES)
def test_whatever_json_says_is_sayable(value: Any) -> None:
    """Nothing that was JSON is refused."""
    assert at_once(check_sayable(json.loads(json.dumps(value)), "x")) == []


@given(st.recursive(JSON_VALUES | st.floats() | st.text(st.characters()) | st.integers(), st.lists))
def test_whatever_is_sayable_can_be_written_and_read_again(value: Any) -> None:
    """What passes is encoded, and means the same afterwards."""
    if not at_once(check_sayable(value, "x")):
        assert codec.decode(codec.encode(value)) == value
