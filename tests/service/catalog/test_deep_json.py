"""JSON that is taken apart without being decoded."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proto.codec import decode, encode
from service.catalog.deep_json import members

VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(alphabet='"\\\\[]{},:é', max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def parts(text: bytes) -> list[bytes]:
    return [part for part in members(text) if part is not None and part.strip()]


@given(st.lists(VALUES, max_size=6))
def test_a_list_is_its_items(items: list[Any]) -> None:
    """Whatever stands in strings, and however deep the items are."""
    assert [decode(part) for part in parts(b" " + encode(items) + b" ")] == items


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=6))
def test_an_object_is_its_fields(fields: dict[str, Any]) -> None:
    """Each with its key."""
    found: dict[str, Any] = {}
    for part in parts(encode(fields)):
        found |= decode(b"{" + part + b"}")
    assert found == fields


@given(st.binary(max_size=60) | st.text(alphabet='"\\[]{},: 1', max_size=60).map(str.encode))
def test_any_bytes_come_to_an_end(text: bytes) -> None:
    """What is no JSON gives something or nothing, and no surprise."""
    assert all(part in text for part in parts(text))


def test_others_get_their_turn() -> None:
    """A list of very many small things is taken apart in pieces; a string without an end costs one look."""
    assert sum(part is None for part in members(b"[" + b"1," * 50_000 + b"1]")) == 10
    assert parts(b'["' + b'\\"' * 200_000) == []
