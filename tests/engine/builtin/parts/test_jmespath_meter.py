import copy
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.jmespath_meter import (
    PATH_LIMIT_CHARACTERS,
    BudgetSpentError,
    Path,
    PathSyntaxError,
)
from tests.engine.builtin.harness import JSON_VALUES

DOCUMENT = {
    "items": [{"id": number, "name": f"n{number}", "tags": ["a", "b"]} for number in range(20)],
    "more": {"x": [[1, 2], [3, [4]]], "y": None},
}
EXPRESSIONS = [
    "items[*].{id: id, name: name}",
    "items[?id > `10` && contains(tags, 'a')].name | [0]",
    "items[?name == 'n3' || tags == `[\"b\"]`].id",
    "length(items)",
    "sort_by(items, &name)[-1].id",
    "more.x[]",
    "more.*",
    "more.x[::-1]",
    "[@, items[0]]",
    "join('-', items[*].name)",
    "map(&to_string(@), items[:2])",
    "merge(more, {z: `1`})",
    "!(`0` == `1`)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_finds_what_the_library_finds(text: str) -> None:
    """Counting changes no result, and no input."""
    document = copy.deepcopy(DOCUMENT)
    assert Path(text).search(document, steps=100_000) == jmespath.search(text, DOCUMENT)
    assert document == DOCUMENT


@pytest.mark.parametrize(
    "text",
    [
        " | ".join(["[@, @]"] * 60),
        " | ".join(["[@, @][]"] * 60),
        " | ".join(["{a: @, b: @}"] * 40),
        " | ".join(["[@, @]"] * 30 + ["to_string(@)"]),
        " | ".join(["[@, @]"] * 30 + ["contains(@, `1`)"]),
        " == ".join(["(" + " | ".join(["[@, @]"] * 30) + ")"] * 2),
        " | ".join(["map(&`[1,1,1,1,1,1,1,1,1,1]`, @)[]"] * 15),
        " | ".join(["to_array(@) | to_string(@)"] * 30),
        " | ".join(["[@, @][] | join('" + "x" * 100 + "', [to_string(@), to_string(@)]) | [@]"] * 6),
    ],
)
def test_explosions_are_stopped(text: str) -> None:
    """Expressions whose results double again and again end with their budget, not with the memory."""
    with pytest.raises(BudgetSpentError):
        Path(text).search(["x" * 50] * 5, steps=20_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("a.", "ends too soon, at character 3"),
        ("a[", "ends too soon, at character 3"),
        ("a b", "Unexpected 'b' at character 3"),
        ("a | ]", "Unexpected ']' at character 5"),
        ("'abc", "at character 1"),
        ("a.foo(@)", "There is no function foo()"),
        ("(" * 999, "nested too deeply"),
        ("a" * (PATH_LIMIT_CHARACTERS + 1), "1001 characters"),
    ],
)
def test_mistakes_are_explained(text: str, said: str) -> None:
    """What is no expression is refused with what is wrong and, where it can be told, at which character."""
    with pytest.raises(PathSyntaxError) as caught:
        Path(text)
    assert said in str(caught.value)


@given(st.text(alphabet="ab.[]{}()*?|&!<>=,:@`'\"\\0 9-\u00e9", max_size=40))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    """A text is an expression, or raises the one documented error."""
    try:
        path = Path(text)
    except PathSyntaxError:
        return
    assert path is not None


@given(JSON_VALUES, st.sampled_from(EXPRESSIONS))
def test_agrees_with_the_library(value: Any, text: str) -> None:
    """With budget enough, a search on any value ends with the library's own result, or its own error."""
    try:
        expected = jmespath.search(text, value)
    except Exception as error:  # noqa: BLE001 - whatever the library raises is what is expected
        with pytest.raises(type(error)):
            Path(text).search(value, steps=100_000)
        return
    assert Path(text).search(value, steps=100_000) == expected


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_every_expression_costs(text: str) -> None:
    """Nothing is found for nothing."""
    with pytest.raises(BudgetSpentError):
        Path(text).search(DOCUMENT, steps=2)
