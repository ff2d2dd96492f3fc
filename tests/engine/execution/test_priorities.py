"""The priority of a message, read from its value."""

import pytest

from engine.execution.priorities import priority_reader


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        (b'{"a": {"b": 12}}', 12),
        (b'{"a": {"b": 255}}', 255),
        (b'{"a": {"b": 256}}', 255),
        (b'{"a": {"b": ' + b"9" * 5_000 + b"}}", 255),
        (b'{"a": {"b": 0}}', 0),
        (b'{"a": {"b": -1}}', 0),
        (b'{"a": {"b": 7.5}}', 0),
        (b'{"a": {"b": 1e400}}', 0),
        (b'{"a": {"b": "7"}}', 0),
        (b'{"a": {"b": true}}', 0),
        (b'{"a": {"b": [7]}}', 0),
        (b'{"a": {}}', 0),
        (b'{"a": null}', 0),
        (b'{"a": 7}', 0),
        (b"{}", 0),
        (b"[7]", 0),
        (b"7", 0),
        (b'{"x": "\\ud800", "a": {"b": 3}}', 3),
        (b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b', "a": {"b": 4}}', 0),
        (b'{"a": {"b": 1}, "a": {"b": 2}}', 2),
    ],
)
def test_a_priority_is_a_whole_number_at_its_place(value: bytes, priority: int) -> None:
    """From 0 to 255, cut at the ends; whatever else stands there is 0, and no value is refused."""
    assert priority_reader(("a", "b"))(value) == priority


def test_a_field_may_have_any_name() -> None:
    """Also one that is no name in Python."""
    assert priority_reader(("the urgency!", "class"))(b'{"the urgency!": {"class": 9}}') == 9
