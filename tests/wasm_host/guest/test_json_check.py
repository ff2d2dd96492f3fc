"""The machine that checks large JSON agrees with the JSON readers that we use, however a text is cut."""

import json

import msgspec
import pytest
import wasmtime
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wasm_host.guest.json_check import MODULE_TEXT, MOST_DEPTH, PIECE_BYTES
from wasm_host.guest.json_text import check_refused

_ENGINE = wasmtime.Engine()
_MODULE = wasmtime.Module(_ENGINE, MODULE_TEXT)


def verdict(*pieces: bytes) -> int:
    """What the machine answers for a text in these pieces."""
    store = wasmtime.Store(_ENGINE)
    exports = wasmtime.Instance(store, _MODULE, []).exports(store)
    memory, feed, end = exports["memory"], exports["feed"], exports["end"]
    assert isinstance(memory, wasmtime.Memory)
    assert isinstance(feed, wasmtime.Func)
    assert isinstance(end, wasmtime.Func)
    for piece in pieces:
        memory.write(store, piece, 0)
        answer: int = feed(store, len(piece))
        if answer:
            return answer
    last: int = end(store)
    return last


def is_json(text: bytes) -> bool:
    """What msgspec says of a text without its halves of surrogate pairs, and of its characters Python."""
    try:
        text.decode()
        check_refused(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES, st.booleans(), st.sampled_from([None, 2]), st.data())
@settings(deadline=None)
def test_what_is_json_is_fine_in_whatever_pieces(
    value: object, is_ascii: bool, indent: int | None, data: st.DataObject
) -> None:
    """Values as Python writes them, cut anywhere: within escapes, characters and numbers."""
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    cut = data.draw(st.integers(0, len(text)))
    assert verdict(text[:cut], text[cut:]) == 0
    assert verdict(*[text[at : at + 1] for at in range(len(text))]) == 0


_PIECES = st.lists(
    st.sampled_from(
        [
            *(
                b"[",
                b"]",
                b"{",
                b"}",
                b",",
                b":",
                b'"',
                b"\\",
                b" ",
                b"\n",
                b"0",
                b"1",
                b"-",
                b".",
                b"e",
                b"+",
                b"E9",
            ),
            *(b'"a"', b'"k":', b"true", b"nul", b"null", b"fals", b"12", b"0.5", b"1e-3", b"01", b"\x00", b"\x1f"),
            *(b"\\u", b"\\ud83d", b"\\ude00", b"\\uD800", b"\\u12", b"00ff", b"d8", b"\\n", b"\\x", b"/", b"\x7f"),
            *(
                b"\xc3",
                b"\xa9",
                b"\xe2\x82",
                b"\xac",
                b"\xf0\x9f",
                b"\x98\x80",
                b"\xed\xa0",
                b"\xc0",
                b"\xff",
                b"\xf4",
            ),
            *(b"\x8f", b"\x90", b"\xe0\xa0", b"\xe0\x9f", b"\xf4\x8f", b"\xf4\x90", b"\x80", b"\xbf"),
        ]
    ),
    max_size=12,
)


@given(parts=_PIECES, is_quoted=st.booleans())
@settings(deadline=None, max_examples=1500)
@example(parts=[b"\\ud83d", b"\\ude00"], is_quoted=True)
@example(parts=[b"\\ud83d", b"\\ud83d"], is_quoted=True)
@example(parts=[b"\\ude00"], is_quoted=True)
@example(parts=[b"-", b"0", b"E9"], is_quoted=False)
def test_whatever_it_is_both_say_the_same(parts: list[bytes], is_quoted: bool) -> None:
    """Scraps of JSON in any order are JSON for the machine where they are for msgspec, and only there."""
    text = b"".join(parts)
    if is_quoted:
        text = b'"' + text + b'"'
    assert (verdict(text) == 0) == is_json(text)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_is_bounded(opening: bytes) -> None:
    """So many levels are fine, and one more is told apart from what is no JSON."""
    closing = b"]" if opening == b"[" else b"}"
    assert verdict(opening * MOST_DEPTH + b"1" + closing * MOST_DEPTH) == 0
    assert verdict(opening * (MOST_DEPTH + 1) + b"1" + closing * (MOST_DEPTH + 1)) == 2


def test_a_piece_fills_what_is_there_for_it() -> None:
    """The largest piece does not reach the table."""
    piece = b'"' + b"a" * (PIECE_BYTES - 1)
    assert verdict(piece, b"b" * PIECE_BYTES, b'"') == 0
