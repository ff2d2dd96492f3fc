"""Numbers, names and sections, read and written."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_host.component_model.binary import (
    Cursor,
    MalformedError,
    name,
    section,
    sections,
    type_index,
    unsigned,
    vector,
)


@given(st.integers(0, 2**32 - 1))
def test_a_number_reads_as_it_was_written(value: int) -> None:
    """LEB128 goes both ways, and nothing is left over."""
    cursor = Cursor(unsigned(value))
    assert cursor.unsigned() == value
    assert cursor.is_at_end()


@given(st.integers(0, 2**31 - 1))
def test_a_type_index_is_never_taken_for_a_primitive(value: int) -> None:
    """Where a primitive could stand, an index is written so that its sign bit is clear."""
    data = type_index(value)
    assert Cursor(data).type_index() == value
    assert not (len(data) == 1 and data[0] >= 0x40)
    assert not data[-1] & 0x40


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\x1f", b"\xff\xff\xff\xff\xff\x01", b"\x80", b""])
def test_a_number_beyond_its_bits_is_malformed(data: bytes) -> None:
    """Neither more than 32 bits nor an end in the middle."""
    with pytest.raises(MalformedError):
        Cursor(data).unsigned()


@given(st.text())
def test_a_name_reads_as_it_was_written(text: str) -> None:
    """Any text that has a UTF-8 form."""
    try:
        data = name(text)
    except UnicodeEncodeError:
        return
    assert Cursor(data).name() == text


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_sections_are_found_where_they_were_put(contents: list[bytes]) -> None:
    """Ids and contents come back, in order."""
    data = b"\0" * 8 + b"".join(section(at, each) for at, each in enumerate(contents))
    assert [(part.id, data[part.start : part.end]) for part in sections(data)] == list(enumerate(contents))


@given(st.binary())
def test_any_bytes_are_sections_or_malformed(data: bytes) -> None:
    """Reading ends, with sections that lie within, or with the one error."""
    with contextlib.suppress(MalformedError):
        for part in sections(data, 0):
            assert 0 <= part.start <= part.end <= len(data)


@pytest.mark.parametrize("data", [b"\x05abc", b"\x02\xff\xfe", b""])
def test_a_short_or_wrong_name_is_malformed(data: bytes) -> None:
    """A name longer than its bytes, and one that is no UTF-8."""
    with pytest.raises(MalformedError):
        Cursor(data).name()


def test_a_list_longer_than_its_bytes_is_malformed() -> None:
    """A count cannot make anybody loop longer than there are bytes."""
    assert Cursor(vector([b"a", b"b"])).count() == 2
    with pytest.raises(MalformedError, match="longer"):
        Cursor(unsigned(1_000_000) + b"ab").count()
