"""Texts with placeholders."""

from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.routine_message import RoutineMessage, read_message
from engine.builtin.parts.routine_template import (
    FILLED_LIMIT_BYTES,
    PLACEHOLDERS_LIMIT,
    Filled,
    FilledTooLongError,
    Template,
)
from proto.codec import encode
from tests.engine.builtin.harness import JSON_VALUES


def filled_by(text: str, message: RoutineMessage) -> Filled:
    filled: Filled = trio.run(Template(text).fill, message, {})
    return filled


def fill(text: str, value: Any) -> Filled:
    return filled_by(text, read_message(encode(value)))


@pytest.mark.parametrize(
    ("text", "value", "filled"),
    [
        ("plain", 1, "plain"),
        ("{value}", "words", "words"),
        ("{value}{value}", 7, "77"),
        ("Hi {name}!", {"name": "Zoë"}, "Hi Zoë!"),
        ("{value.a.b}", {"a": {"b": [1, None]}}, "[1,null]"),
        ("{not a path} {} {{value}}", 1, "{not a path} {} {1}"),
        ("{a", {"a": 1}, "{a"),
        ("{value}", "{value}", "{value}"),
        ("{value}", 'quote " and \n line', 'quote " and \n line'),
    ],
)
def test_placeholders_are_filled(text: str, value: Any, filled: str) -> None:
    """Strings stand as they are, all else as JSON; no-paths are text, and nothing is filled twice."""
    assert fill(text, value) == Filled(filled, ())


def test_what_is_missing_stays_and_is_named_once() -> None:
    """A placeholder that nothing fills can be seen in the text."""
    assert fill("{a} and {a} and {b.c}", {"b": 1}) == Filled("{a} and {a} and {b.c}", ("a", "b.c"))


def test_a_filled_text_is_bounded() -> None:
    """Many placeholders of one long value cannot make a text of any length."""
    with pytest.raises(FilledTooLongError):
        fill("{value}" * 1000, "x" * 1000)
    with pytest.raises(FilledTooLongError):
        fill("x" * (FILLED_LIMIT_BYTES + 1), 1)
    assert len(fill("x" * FILLED_LIMIT_BYTES, 1).text) == FILLED_LIMIT_BYTES


def test_a_template_is_bounded_before_any_message_comes() -> None:
    """Text and placeholders at their bounds are taken; one more is a problem that names the key."""
    fitting = ("x" * FILLED_LIMIT_BYTES, "{a}" * PLACEHOLDERS_LIMIT, "{}" * PLACEHOLDERS_LIMIT * 2)
    assert [Template(text).problems("content") for text in fitting] == [[], [], []]
    for text, code in ((fitting[0] + "é", "template_too_long"), (fitting[1] + "{b}", "too_many_placeholders")):
        (problem,) = Template(text).problems("content")
        assert (problem.code, problem.path) == (f"config.{code}", "content")


@given(st.text(max_size=40) | st.text(alphabet="{}value. a", max_size=40), JSON_VALUES)
def test_any_text_is_filled_with_any_value(text: str, value: Any) -> None:
    """No text and no value is a surprise, and a text without braces is left alone."""
    filled = fill(text, value)
    assert "{" in text or filled.text == text


def test_a_value_that_is_no_json_is_refused() -> None:
    """Broken JSON text raises the documented error, and only where the text looks inside."""
    message = RoutineMessage(msgspec.Raw(b'{"a"'), {})
    assert filled_by("plain", message).text == "plain"
    with pytest.raises(msgspec.DecodeError):
        filled_by("{a}", message)
