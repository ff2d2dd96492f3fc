"""Halves of surrogate pairs: what msgspec refuses and JSON allows."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proto import half_pairs
from proto.codec import MalformedJsonError, decode, decode_raw_values, encode

HALF = "\ud83d"
MASKS = ("\ufdd0", "\ufdd1", "\x81")

half_text = st.text(
    st.one_of(st.characters(), st.sampled_from('\ud83d\ude00\udfff\\"ud8/\u2028\x81\ufdd0\ufdd1')), max_size=20
)
halved = st.recursive(
    half_text | st.integers(-5, 5) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(half_text, inner, max_size=4),
    max_leaves=12,
)


class Named(msgspec.Struct, rename="camel", omit_defaults=True):
    """A text beside a value that stays text."""

    some_name: str
    value: msgspec.Raw
    more: tuple[msgspec.Raw, ...] = ()


def decoded_by_python(text: bytes) -> Any:
    return json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        rb'"\ud83d"',
        rb'"\ude00"',
        rb'"\uD83D and \ud83d\ude00"',
        rb'["\\\ud83d", "\\ud83d"]',
        rb'{"\udfff": 1, "a": "\ud83d\ud83d\ude00"}',
    ],
)
def test_halves_are_read(text: bytes) -> None:
    """Wherever half of a pair stands, a text is what Python's own reader makes of it."""
    assert decode(text) == decoded_by_python(text)


@given(halved)
@example("\\ud83d\ud83d\\")
@example(["\ud83d", *MASKS, "".join(MASKS) + "\ud83d0"])
def test_what_is_read_is_what_was_written(value: Any) -> None:
    """Any value with halves is written as escapes, and read back as it was."""
    text = encode(value)
    assert decoded_by_python(text) == decoded_by_python(json.dumps(value).encode())
    if not any(mask in text.decode() for mask in MASKS):
        assert decode(text) == decoded_by_python(text)


@given(halved, st.booleans())
def test_a_value_that_stays_text_is_the_same_to_the_byte(value: Any, is_upper: bool) -> None:
    """Masks leave no trace in what is not decoded, whichever way the escapes are spelt."""
    inner = json.dumps(value).encode()
    if is_upper:
        inner = inner.replace(rb"\ud", rb"\uD")
    try:
        text = b'{"someName": "x\\ud83d", "value": %b, "more": [1, %b]}' % (inner, inner)
        found = decode_raw_values(text, Named)
    except MalformedJsonError as error:
        assert "Unicode reserves" in str(error)  # noqa: PT017  only for texts that hold a mask of ours
        return
    assert (found.some_name, bytes(found.value)) == (f"x{HALF}", inner)
    assert [bytes(each) for each in found.more] == [b"1", inner]


@pytest.mark.parametrize(
    "text",
    [
        rb'"\ud8"',
        rb'"\ud8',
        rb'"\ud83"',
        rb'"\ud83g"',
        rb'"\ud83d',
        rb'["\ud83d"',
        rb'"\ud83d" 1',
        rb'"\ud83d\q"',
        rb'"\ud83d' + b'\xed\xa0\xbd"',
        rb'"\ud83d' + "\ufdd0".encode() + b'"',
        rb'"\ud83d\uFDD0"',
    ],
)
def test_what_is_no_json_stays_refused(text: bytes) -> None:
    """A mask makes nothing whole that is broken, and is never mistaken for a text of the sender's."""
    with pytest.raises(MalformedJsonError):
        decode(text)


@pytest.mark.parametrize("size", range(half_pairs.CHUNK_BYTES - 14, half_pairs.CHUNK_BYTES + 2))
@pytest.mark.parametrize("odd", [r"\ud83d", r"\\\ud83d", r"\\ud83d\udfff", "\u20ac\\ud83d", "\U0001f600\\uD83D"])
def test_a_chunk_may_end_anywhere(size: int, odd: str) -> None:
    """An escape, a run of backslashes and a character may lie across the end of a chunk."""
    text = b'"' + b"x" * (size - 1) + odd.encode() + b"y" * 20 + b'"'
    found = half_pairs.masked(text)
    assert msgspec.json.decode(found.text) is not None
    assert found.restored(msgspec.json.decode(found.text)) == decoded_by_python(text)
    assert bytes(found.restored(msgspec.Raw(found.text))) == text


def test_a_mask_across_two_chunks_is_found() -> None:
    """Two halves of the character that is a mask would be as good as the whole."""
    text = b'"' + b"x" * (half_pairs.CHUNK_BYTES - 2) + "\ufdd0".encode() + rb'123\ud83d"'
    with pytest.raises(half_pairs.UnmaskableError):
        half_pairs.masked(text)


def test_endlessly_many_halves_are_refused_with_a_reason() -> None:
    """What is decoded is a step of ours for each; what stays text may hold any number."""
    text = b'["%b"]' % (rb"\ud83d" * (half_pairs.MAX_HALVES + 1))
    with pytest.raises(MalformedJsonError, match="half of a surrogate pair"):
        decode(text)
    assert len(decode_raw_values(text, list[msgspec.Raw])) == 1


def test_msgspec_still_refuses_halves() -> None:
    """When it does not any more, this whole file is superfluous."""
    for text in (rb'"\ud83d"', rb'"\ude00"'):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(text, type=msgspec.Raw)
    with pytest.raises(UnicodeEncodeError):
        msgspec.json.encode(HALF)


def test_structs_are_written_with_their_halves_and_left_as_they_are() -> None:
    """Names on the wire, defaults that are left out, and values that are text: as ever."""
    named = Named(HALF, msgspec.Raw('"\ufdd0"'.encode()))
    assert encode(named) == rb'{"someName":"\ud83d","value":"\ufdd0"}'
    assert named.some_name == HALF
