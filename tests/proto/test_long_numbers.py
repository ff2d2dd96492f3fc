"""Numbers that JSON allows and the usual decoder does not take."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proto.codec import MalformedJsonError, TooManyElementsError, decode
from proto.long_numbers import decode_whole, encode_whole, read_number

LONG = "7" * 5_000


@pytest.mark.parametrize("text", [LONG, "-" + LONG, "1E+999", "-1.5E+400", f"[1,{LONG},true]", '{"a":1E+999}'])
def test_a_number_of_any_size_comes_back_whole(text: str) -> None:
    """The decoder of all other JSON refuses it, here it keeps every digit."""
    with pytest.raises(MalformedJsonError, match="holds a number beyond"):
        decode(text.encode())
    assert encode_whole(decode_whole(text.encode())) == text.encode()


def test_it_is_compared_exactly() -> None:
    """Its last digit counts, and so does a sign."""
    longer, shorter = read_number(LONG + "1"), read_number(LONG)
    assert isinstance(longer, Decimal)
    assert longer > shorter > 1e308
    assert read_number(LONG[:-1] + "8") > shorter
    assert read_number("-" + LONG) < -(10**300)
    assert read_number("1e999") == read_number("10e998")


@pytest.mark.parametrize("text", ["1e9999999999999999999", "[NaN,1e999]", "[1e999", '"\\x" 1e9', "[1e999]]", "1e"])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Beside a long number, too; and so is an exponent that no arithmetic takes."""
    with pytest.raises(MalformedJsonError):
        decode_whole(text.encode())


def test_elements_and_depth_are_bounded() -> None:
    """As in any other text."""
    with pytest.raises(TooManyElementsError):
        decode_whole(b"[1e999" + b",1" * 50_001 + b"]")
    with pytest.raises(MalformedJsonError, match="nested"):
        decode_whole(b"[" * 300 + b"1e999" + b"]" * 300)


def test_time_grows_with_the_length_only() -> None:
    """Four times as many digits take far less than sixteen times the time."""
    spent = []
    for digits in (250_000, 1_000_000):
        text = b"7" * digits
        began = time.thread_time()
        assert decode_whole(text) > 1
        spent.append(time.thread_time() - began)
    assert spent[1] < 10 * max(spent[0], 0.002)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_other_values_are_the_same_beside_a_long_number(value: Any) -> None:
    """The second decoder reads what the first one reads."""
    text = json.dumps([value, "x"]).encode()
    assert decode_whole(text) == [value, "x"]
    assert decode_whole(text.replace(b'"x"]', LONG.encode() + b"]"))[0] == value


@given(st.text(alphabet='[]{}",:0123456789eE+-.tfn\\u \n', max_size=30) | st.binary(max_size=30))
@example(b"\xff1e999")
@example('"\\ud83d')
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    """There is one documented error."""
    raw = text if isinstance(text, bytes) else text.encode()
    for whole in (raw, b"[1e999," + raw + b"]"):
        try:
            encode_whole(decode_whole(whole))
        except MalformedJsonError:
            continue
        except UnicodeEncodeError:  # half of a surrogate pair can be read, and not written
            assert b"\\ud" in whole
