"""Placeholders: where they are seen, and what is filled in."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.placeholders import (
    MOST_PLACEHOLDERS,
    Filler,
    Placeholder,
    TooManyPlaceholdersError,
    UnfilledError,
    find_placeholders,
    has_dollars,
)
from engine.cooperative.slices import at_once

VALUES: Mapping[str, Any] = {
    "param.rate": 1.5,
    "param.name": "Ada",
    "param.on": True,
    "param.none": None,
    "param.rates": {"eur": [1, "two"]},
    "param.sly": "${secret.key} ${param.name}",
    "env.REGION": "eu",
    "secret.key": "s3cret-text",
}


def _find(placeholder: Placeholder) -> Any:
    key = f"{placeholder.scope}.{placeholder.name}"
    if key not in VALUES:
        raise UnfilledError(placeholder, f"no {key}")
    return VALUES[key]


def filled(config: Mapping[str, Any], *, code: tuple[str, ...] = (), most_bytes: int = 1_000) -> dict[str, Any]:
    filler = Filler(_find, most_bytes)
    result = at_once(filler.fill(config, code))
    assert not filler.unfilled
    assert not filler.is_overfull
    return result


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${param.rate}", 1.5),
        ("${param.on}", True),
        ("${param.none}", None),
        ("${param.rates}", {"eur": [1, "two"]}),
        ("${env.REGION}", "eu"),
        ("at ${param.rate}", "at 1.5"),
        ("${param.name}${param.on}${param.none}", "Adatruenull"),
        ("${param.rates}!", '{"eur":[1,"two"]}!'),
        ("$${param.name}", "${param.name}"),
        ("$$${param.name}", "$Ada"),
        ("$$$${param.name}", "$${param.name}"),
        ("$${secret.key} and ${env.REGION}", "${secret.key} and eu"),
        ("5 $ or $$ or $${other}", "5 $ or $$ or $${other}"),
        ("`${value.x} ${params.y} ${PARAM.z} ${param} $param.x {param.x}`",) * 2,
        ("", ""),
    ],
)
def test_a_text_is_filled_and_a_text_that_is_one_placeholder_keeps_its_type(text: str, value: Any) -> None:
    """A text that is one placeholder becomes its value; in a longer one the values stand as text."""
    assert filled({"key": text}) == {"key": value}


def test_values_are_filled_at_every_depth_and_keys_are_left_alone() -> None:
    """Texts in objects and arrays are filled; names of fields are not."""
    config = {"headers": {"${param.name}": ["x-${env.REGION}", 7, None, {"deep": "${param.rate}"}]}}
    assert filled(config) == {"headers": {"${param.name}": ["x-eu", 7, None, {"deep": 1.5}]}}
    assert config["headers"]["${param.name}"][0] == "x-${env.REGION}"


def test_what_was_filled_in_is_not_looked_at_again() -> None:
    """A value that looks like a placeholder stays what it is: nobody asks for a secret by a parameter."""
    assert filled({"a": "${param.sly}", "b": "<${param.sly}>"}) == {
        "a": "${secret.key} ${param.name}",
        "b": "<${secret.key} ${param.name}>",
    }


def test_pieces_that_make_a_placeholder_only_together_are_none() -> None:
    """A dollar from a value and a brace from the text do not become a placeholder."""
    assert filled({"a": "$${param.name}{env.REGION}"}) == {"a": "${param.name}{env.REGION}"}


def test_code_is_taken_as_it_stands() -> None:
    """Keys that hold code are left alone, doubled dollars included."""
    config = {"expression": "`${param.rate} $${param.name}`", "label": "${param.name}"}
    assert filled(config, code=("expression",)) == {**config, "label": "Ada"}
    assert at_once(find_placeholders({"expression": "${secret.key}"}, ("expression",))) == []
    assert not at_once(has_dollars({"expression": "${secret.key}"}, ("expression",)))


def test_placeholders_are_found_in_order_with_their_places() -> None:
    """Each is found with the steps that lead to its text, those that no name fits as well."""
    config = {"url": "${env.HOST}/${param.a.b}", "items": [{"x": "${secret.a b}"}, "${param.open"]}
    found = at_once(find_placeholders(config))
    assert [(each.path, str(each.placeholder), each.placeholder.is_well_formed) for each in found] == [
        ("url", "${env.HOST}", True),
        ("url", "${param.a.b}", True),
        ("items[0].x", "${secret.a b}", False),
        ("items[1]", "${param.open", False),
    ]


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a b", "ä", "a\n", "1x", "a/b", "*"])
def test_a_name_that_there_cannot_be_is_malformed(name: str) -> None:
    """Names are letters, digits and a few signs; a path has no empty steps."""
    assert not Placeholder("param", name).is_well_formed


def test_a_placeholder_without_value_is_told_with_its_place() -> None:
    """What cannot be filled is null, and said; the others are filled all the same."""
    filler = Filler(_find, 1_000)
    result = at_once(filler.fill({"a": ["${param.gone}"], "b": "${param.name}"}))
    assert result == {"a": [None], "b": "Ada"}
    assert [(place, str(error)) for place, error in filler.unfilled] == [(("a", 0), "no param.gone")]


def test_what_is_filled_in_is_bounded_in_sum() -> None:
    """A small text cannot become a large configuration by naming a value a thousand times."""
    filler = Filler(_find, 10)
    at_once(filler.fill({"a": ["${secret.key}"] * 1_000}))
    assert filler.is_overfull


@given(st.lists(st.sampled_from(["$", "{", "}", "param.", "env.X", "secret.k", "a", "\n", "\\"])).map("".join))
def test_any_text_can_be_written_by_doubling_dollars(text: str) -> None:
    """Whoever doubles every dollar before a brace that could begin a placeholder gets the text as it was."""
    doubled = re.sub(r"\$+(?=\{(?:param|env|secret)\.)", lambda dollars: dollars[0] * 2, text)
    assert filled({"key": doubled}) == {"key": text}


@pytest.mark.parametrize("text", ["${param.a}", "$${param.a}", "${param.", "${secret.b}"])
def test_more_placeholders_than_are_filled_in_at_once_are_refused(text: str) -> None:
    """They are counted before any of them is looked at, those that stand as text included."""
    config = {"a": text * MOST_PLACEHOLDERS}
    at_once(find_placeholders(config))
    with pytest.raises(TooManyPlaceholdersError):
        at_once(find_placeholders({**config, "b": [text]}))
