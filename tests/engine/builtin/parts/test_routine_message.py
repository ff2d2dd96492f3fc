"""What travels through a routine is taken apart and put together without loss."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts import routine_message
from engine.builtin.parts.routine_message import Lookup, RoutineMessage, VariablesLimitError, read_message
from proto.codec import encode
from tests.engine.builtin.harness import JSON_VALUES


def read(value: Any) -> tuple[Any, dict[str, Any]]:
    """Value and variables of what arrives, decoded."""
    message = read_message(encode(value))
    return msgspec.json.decode(message.value), {
        name: msgspec.json.decode(text) for name, text in message.variables.items()
    }


@pytest.mark.parametrize(
    "value",
    [
        1,
        None,
        "text",
        [],
        {},
        {"value": 1},
        {"value": 1, "variables": []},
        {"value": 1, "variables": {}, "more": 2},
    ],
)
def test_whatever_is_not_wrapped_is_the_value(value: Any) -> None:
    """Only an object of just the two keys, with an object of variables, is taken apart."""
    assert read(value) == (value, {})


@given(JSON_VALUES, st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_what_is_wrapped_comes_back(value: Any, variables: dict[str, Any]) -> None:
    """Reading is the inverse of writing."""
    texts = {name: msgspec.Raw(encode(text)) for name, text in variables.items()}
    message = RoutineMessage(msgspec.Raw(encode(value)), texts)
    assert read_message(message.encoded()).encoded() == message.encoded()
    assert read(msgspec.json.decode(message.encoded())) == (value, variables)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """What is no JSON raises the documented error, or is carried on unseen."""
    try:
        message = read_message(text)
    except msgspec.DecodeError:
        return
    assert isinstance(message, RoutineMessage)


def test_a_key_in_other_spelling_is_the_same_key() -> None:
    """Spelling and digits of the value survive, and white space does not hide the keys."""
    message = read_message(b' {"variables" : {"a":1.10}, "value":12345678901234567890 }')
    assert message.encoded() == b'{"value":12345678901234567890,"variables":{"a":1.10}}'


def test_remembering_leaves_the_message_as_it_was() -> None:
    """A new message has the variable; the old one, which others may hold, has not."""
    before = read_message(b"1")
    after = before.remembering("a", b"2")
    assert (before.variables, after.variables) == ({}, {"a": msgspec.Raw(b"2")})


def test_variables_are_bounded_in_number_and_size() -> None:
    """One too many, or one byte too many, is refused; what is at the bound is not."""
    message = read_message(b"1")
    for number in range(routine_message.VARIABLES_LIMIT):
        message = message.remembering(f"v{number}", b"0")
    with pytest.raises(VariablesLimitError, match="100"):
        message.remembering("more", b"0")
    fitting = b'"' + b"x" * (routine_message.VARIABLES_LIMIT_BYTES - 3) + b'"'
    read_message(b"1").remembering("v", fitting)
    with pytest.raises(VariablesLimitError, match="bytes"):
        read_message(b"1").remembering("vv", fitting)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("value", b'{"name":"in the value","only":1.10}'),
        ("value.only", b"1.10"),
        ("variables.name.first", b'"Ann"'),
        ("variables", b'{"default":0,"name":{"first":"Ann"}}'),
        ("variables.only", None),
        ("name.first", b'"Ann"'),
        ("only", b"1.10"),
        ("default", b"0"),
        ("nothing", None),
        ("value.name.first", None),
    ],
)
async def test_a_path_leads_to_variables_first(path: str, found: bytes | None) -> None:
    """A bare name is a variable if there is one, set or by default, and else a field of the value."""
    message = read_message(b'{"value":{"name":"in the value","only":1.10},"variables":{"name":{"first":"Ann"}}}')
    names = tuple(path.split("."))
    lookup = Lookup(message, {"default": msgspec.Raw(b"0")}, Lookup.wanted([names]))
    assert await lookup.find(names) == found
