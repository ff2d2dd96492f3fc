"""The entries of a chunk are counted as its decoder finds them, without anything being made of them."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.journal import foreign
from engine.journal.foreign import ForeignError, check_chunk, check_value

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary(max_size=300)
    | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3), inner, max_size=20),
    max_leaves=40,
)


def entries_of(value: Any) -> int:
    if isinstance(value, list):
        return len(value) + sum(map(entries_of, value))
    if isinstance(value, dict):
        return 2 * len(value) + sum(map(entries_of, value.values()))
    return 0


@settings(max_examples=60)
@given(VALUES)
def test_the_entries_of_a_large_chunk_are_counted(value: Any) -> None:
    """One fewer than there are is refused, as many as there are is not."""
    body, entries = msgspec.msgpack.encode(value), entries_of(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "SMALL_CHUNK_BYTES", 0)
        patch.setattr(foreign, "ENTRIES_LIMIT", entries)
        check_chunk(body)
        if entries:
            patch.setattr(foreign, "ENTRIES_LIMIT", entries - 1)
            with pytest.raises(ForeignError, match="entries"):
                check_chunk(body)


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_whatever_a_large_chunk_is_it_is_counted_to_an_end(body: bytes) -> None:
    """Damaged ones, too: they are for the decoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "SMALL_CHUNK_BYTES", 0)
        with suppress(ForeignError):
            check_chunk(body)


@pytest.mark.parametrize("value", [b"", b"{", b"1 2", b'"\xff"', b"nan", b"[" * 500 + b"]" * 500])
def test_what_is_no_json_is_refused(value: bytes) -> None:
    """And what is nested too deeply."""
    with pytest.raises(ForeignError, match="a value in it is refused"):
        check_value(value)


def test_json_is_taken() -> None:
    """Also halves of surrogate pairs, which JavaScript makes."""
    for value in (b"1", b'"\\ud800"', '{"ä":[null]}'.encode()):
        check_value(value)
