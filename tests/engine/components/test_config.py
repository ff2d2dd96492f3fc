"""Configurations against the keys that a component declares."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.components import config
from proto.component import ConfigField

FIELDS = {
    "size": ConfigField(type="integer", minimum=1, maximum=10, default=3),
    "share": ConfigField(type="number"),
    "mode": ConfigField(type="string", enum=("a", "b")),
    "must": ConfigField(type="any", required=True, description="What must be"),
}


def codes(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in config.check({"must": 1, **values}, FIELDS)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"size": 1.0, "share": 1, "mode": "b"}, []),
        ({"size": 1.5}, [("config.wrong_type", "size")]),
        ({"size": True}, [("config.wrong_type", "size")]),
        ({"size": 0}, [("config.out_of_range", "size")]),
        ({"size": 11}, [("config.out_of_range", "size")]),
        ({"share": "1"}, [("config.wrong_type", "share")]),
        ({"mode": "c"}, [("config.not_allowed", "mode")]),
        ({"sise": 1}, [("config.unknown_key", "sise")]),
        ({"size": 0, "mode": 1}, [("config.out_of_range", "size"), ("config.wrong_type", "mode")]),
    ],
)
def test_every_wrong_key_is_named(values: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Each key that is wrong gives a problem with its code and its name."""
    assert codes(values) == expected


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (ConfigField(type="number", maximum=8_388_608), 8_388_609, "at most 8388608"),
        (ConfigField(type="number", maximum=3_600_000.0), 3_600_001, "at most 3600000"),
        (ConfigField(type="number", maximum=9_007_199_254_740_992), 2**60, "at most 9007199254740992"),
        (ConfigField(type="number", minimum=0.1), 0, "at least 0.1"),
        (ConfigField(type="number", maximum=1e300), 1e301, "at most 1e+300"),
    ],
)
def test_a_bound_is_told_digit_by_digit(field: ConfigField, value: float, words: str) -> None:
    """Whoever reads it can write it: none of its digits is rounded away."""
    (problem,) = config.check({"n": value}, {"n": field})
    assert problem.message == f"Config key n must be {words}"


def test_a_missing_key_says_what_it_is_for() -> None:
    """A required key that is absent is reported with its description."""
    (problem,) = config.check({}, FIELDS)
    assert (problem.code, problem.path) == ("config.missing_key", "must")
    assert problem.message == "Config key must is required: What must be"


def test_an_unknown_key_is_answered_with_a_similar_one() -> None:
    """A slip of the pen gets a hint; what is like nothing gets the whole list."""
    messages = [problem.message for problem in config.check({"must": 1, "sise": 1, "zzz": 1}, FIELDS)]
    assert messages == [
        "Config key sise is not known; did you mean size?",
        "Config key zzz is not known; known are size, share, mode, must",
    ]


def test_a_component_without_keys_takes_any() -> None:
    """Where nothing is declared nothing is refused."""
    assert config.check({"whatever": 1}, {}) == []


def test_a_star_takes_what_is_not_declared() -> None:
    """Where any key is taken, the declared ones are still held to what they declare."""
    fields = {**FIELDS, config.ANY_KEY: ConfigField()}
    problems = config.check({"must": 1, "sise": 1, "size": "large"}, fields)
    assert [problem.path for problem in problems] == ["size"]


def test_defaults_fill_what_is_absent() -> None:
    """A default stands in for an absent key and yields to a given one; keys without default stay absent."""
    assert config.complete({"must": 1}, FIELDS) == {"size": 3, "must": 1}
    assert config.complete({"must": 1, "size": None}, FIELDS) == {"size": None, "must": 1}


TYPES = sorted(config.CONFIG_TYPES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)


@given(JSON, st.sampled_from(TYPES), st.none() | st.integers(), st.none() | st.integers())
def test_any_value_is_right_or_wrong(value: Any, type_name: str, low: int | None, high: int | None) -> None:
    """No value of any type makes the check itself fail."""
    minimum, maximum = (None if bound is None else float(bound % 1000) for bound in (low, high))
    field = ConfigField(type=type_name, minimum=minimum, maximum=maximum)
    problems = config.check({"key": value}, {"key": field})
    assert len(problems) <= 1
    assert all(problem.path == "key" for problem in problems)
