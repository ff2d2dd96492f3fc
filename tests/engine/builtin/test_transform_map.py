"""``symbia.transform.map``: fields under new names, where it is strict; otherwise see ``tests/platform``."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.transform_map import FIELD_MAP, MAPPED_FIELDS, MapFields
from engine.contracts.handler import Message
from tests.engine.builtin.harness import JSON_VALUES, driven, places, taken


@pytest.mark.parametrize(
    ("mapping", "message", "mapped"),
    [
        ({"b": "a"}, b'{"a": 1.50}', b'{"b":1.50}'),
        ({"x": "a.b", "y": "a"}, b'{"a": {"b": 2}}', b'{"x":2,"y":{"b": 2}}'),
        ({"b": "a", "c": "d"}, b'{"d": 1}', b'{"c":1}'),
        ({'q"': "a"}, b'{"a": 1}', b'{"q\\"":1}'),
        ({}, b'{ "a": 1 }', b'{ "a": 1 }'),
    ],
)
async def test_fields_take_values_from_others(mapping: dict[str, str], message: bytes, mapped: bytes) -> None:
    """Texts are kept digit by digit; what is absent stays absent; nothing to map is nothing to do."""
    async with driven(FIELD_MAP, mapping=mapping, strict=True) as driver:
        assert driver.texts(*await driver.send(message)) == [("out", mapped)]


@pytest.mark.parametrize("message", [1, None, "text", [1], True])
async def test_only_objects_have_fields(message: Any) -> None:
    """Anything else is an error of its message alone."""
    async with driven(FIELD_MAP, mapping={"b": "a"}, strict=True) as driver:
        refused, good = await driver.send(message, {"a": 1})
    assert refused.error is not None
    assert (refused.error.name, refused.error.message) == ("NotAnObject", "map expects an object")
    assert driver.values(good) == [{"b": 1}]


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5), st.dictionaries(st.text(), st.text(), max_size=5))
def test_it_is_a_dictionary_comprehension(message: dict[str, Any], mapping: dict[str, str]) -> None:
    """Every mapping of every object gives what a comprehension gives."""
    paths = {new: old for new, old in mapping.items() if "." not in old}
    if not paths:
        return
    (emission,) = taken(MapFields(paths), Message(0, msgspec.json.encode(message))).emissions
    expected = {new: message[old] for new, old in paths.items() if old in message}
    assert msgspec.json.decode(emission[1]) == expected


async def test_a_wrong_mapping_refuses_the_graph() -> None:
    """Old fields are named by strings, and there are not too many."""
    assert await places(FIELD_MAP, mapping={"a": 1, "b": "c"}, strict=True) == ["mapping.a"]
    for strict in (False, True):
        mapping = {str(n): "a" for n in range(MAPPED_FIELDS + 1)}
        assert await places(FIELD_MAP, mapping=mapping, strict=strict) == ["mapping"]
