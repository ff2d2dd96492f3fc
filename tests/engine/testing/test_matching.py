"""Patterns of expectations: what each takes, what it tells, and what it refuses."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.testing.matching import PATTERNS, differences, find_mistakes, fits, is_same, pair_off

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab$", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("wanted", "fitting", "others"),
    [
        ({"$any": True}, [None, 0, [], {}], []),
        ({"$type": "integer"}, [1, 1.0, -3], [1.5, True, "1", None]),
        ({"$type": "number"}, [1, 1.5], [False, "1"]),
        ({"$type": "object"}, [{}], [[], None]),
        ({"$matches": "^a+$"}, ["a", "aa"], ["b", 1, None]),
        ({"$schema": {"type": "array", "maxItems": 1}}, [[], [1]], [[1, 2], {}]),
        ({"$subset": {"a": 1}}, [{"a": 1}, {"a": 1, "b": 2}], [{"b": 1}, {"a": 2}, [1], 1]),
        ({"$subset": {"a": {"b": 1}}}, [{"a": {"b": 1, "c": 2}}], [{"a": {}}, {"a": 1}]),
        ({"$subset": {"a": {"$absent": True}}}, [{}, {"b": 1}], [{"a": None}]),
        ({"a": {"$absent": False}}, [{"a": None}], [{}]),
        ({"$contains": "b"}, ["abc", ["b"]], ["ac", [], 1, {"b": 1}]),
        ({"$contains": {"$gt": 3}}, [[1, 4]], [[1, 2], "4"]),
        ({"$items": {"$type": "string"}}, [[], ["a"]], [["a", 1], "a"]),
        ({"$unordered": [1, 2, 2]}, [[2, 1, 2]], [[1, 2], [1, 2, 2, 2], [1, 1, 2], 1]),
        ({"$unordered": [{"$any": True}, 1]}, [[1, 2], [2, 1]], [[2, 3]]),
        ({"$length": 2}, ["ab", [1, 2], {"a": 1, "b": 2}], ["a", [], 2]),
        ({"$length": {"$gte": 2}}, ["abc"], ["a"]),
        ({"$near": 0.3}, [0.1 + 0.2, 0.3], [0.31, "0.3", None]),
        ({"$near": 10, "$within": 1}, [9, 11, 10.5], [11.1]),
        ({"$gt": 1, "$lte": 3}, [2, 3], [1, 3.5, "2", True]),
        ({"$gte": "b"}, ["b", "c"], ["a", 2]),
        ({"$lt": 0}, [-1], [0]),
        ({"$oneOf": [1, {"$type": "string"}]}, [1, "x"], [2, None]),
        ({"$all": [{"$type": "string"}, {"$contains": "a"}]}, ["a"], ["b", ["a"]]),
        ({"$not": 1}, [2, None, True], [1, 1.0]),
        ({"$exactly": {"$any": True}}, [{"$any": True}], [1, {}]),
        ([1, {"a": 1.0}], [[1, {"a": 1}]], [[1], [1, {"a": 1}, 2], [True, {"a": 1}], {"a": 1}]),
    ],
)
def test_a_pattern_takes_what_it_says(wanted: Any, fitting: list[Any], others: list[Any]) -> None:
    """Each pattern takes the values that it names, and no others."""
    assert not list(find_mistakes(wanted))
    assert [value for value in fitting if not fits(wanted, value)] == []
    assert [value for value in others if fits(wanted, value)] == []


@pytest.mark.parametrize(
    ("wanted", "mistake"),
    [
        (
            {"$mathces": "a"},
            "$mathces is no pattern; did you mean $matches?; a value that looks like one stands in",
        ),
        ({"a": [{"$gt": None}]}, "a[0]: $gt takes a number or a text, not null"),
        ({"$matches": "("}, '$matches takes a regular expression, not "("'),
        ({"$schema": {"type": "nonsense"}}, "$schema takes a JSON Schema"),
        ({"$any": False}, "$any takes true, not false"),
        ({"$within": 1}, "$within is a number, and stands beside $near"),
        ({"$gt": 1, "x": 2}, "x stands beside patterns"),
        ({"$subset": {"a": {"$lte": []}}}, "a: $lte takes a number or a text, not []"),
        ({"$oneOf": [{"$foo": 1}]}, "[0]: $foo is no pattern"),
    ],
)
def test_a_pattern_that_is_none_is_told(wanted: Any, mistake: str) -> None:
    """What is no pattern, or takes something else, is told with its place and what was meant."""
    (found,) = find_mistakes(wanted)
    assert found.startswith(mistake)


def test_each_difference_is_told_with_its_place() -> None:
    """What differs, what is missing and what is too much are told where they are."""
    wanted = {"a": [1, {"b": 2}], "c": {"$gt": 5}, "long name": 1, "e": 1}
    got = {"a": [1, {"b": 3, "x": 0}, 9], "c": 5, "long name": 2}
    assert [(each.path, each.words) for each in differences(wanted, got)] == [
        ("a[1].b", "expected 2, got 3"),
        ("a[1].x", "got 0, which was not expected"),
        ("a[2]", "got 9, which was not expected"),
        ("c", "expected more than 5, got 5"),
        ('["long name"]', "expected 1, got 2"),
        ("e", "expected 1, and nothing came"),
    ]


@given(VALUES, VALUES)
def test_a_plain_value_fits_itself_alone(one: Any, other: Any) -> None:
    """Without patterns there is a difference exactly where two values are not one in JSON."""
    assert fits(one, one)
    assert fits(one, other) == is_same(one, other)


@given(st.lists(st.frozensets(st.integers(0, 4), max_size=3), max_size=5))
def test_as_many_items_are_paired_off_as_can_be(choices: list[frozenset[int]]) -> None:
    """No other way of pairing patterns with what came leaves fewer over: all ways are tried."""
    got = list(range(5))
    unmet, spare = pair_off([{"$oneOf": sorted(choice)} for choice in choices], got)
    best = max(
        sum(place in choice for place, choice in zip(order, choices, strict=False))
        for order in itertools.permutations(got)
    )
    assert len(choices) - len(unmet) == best == len(got) - len(spare)


def test_every_pattern_is_on_the_page(documented_testing: str) -> None:
    """docs/testing-components.md lists all patterns."""
    assert [name for name in PATTERNS if f"`{name}" not in documented_testing] == []
