"""The weight of a JSON text: what a plain reader of single characters would count, on anything, in linear time."""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto import json_text, native_weight
from proto.codec import MalformedJsonError, TooManyElementsError, check_depth, check_elements, decode
from proto.json_text import MAX_DEPTH, ItemScanner, Scanner, Weight, depth, weigh

TRICKY = st.text(alphabet='[]{}",\\:a1 ', max_size=30)
LEAVES = st.none() | st.integers() | TRICKY
DEEP = st.integers(0, 40).map(lambda levels: json.loads("[" * levels + "]" * levels or "0"))
VALUES = st.recursive(
    LEAVES | DEEP, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TRICKY, inner, max_size=8)
)
BYTES = st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b"a", b"[[[[[[[[", b"]]]]]]]]"]))
CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=10)


@pytest.fixture(autouse=True, scope="module", params=["in C", "in Python"])
def _way_of_weighing(request: pytest.FixtureRequest) -> Iterator[None]:
    """With the library that ``make setup`` builds, and as if it were not there: both must come to the same."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "in Python":
            patch.setattr(json_text, "_native", None)
        else:
            assert native_weight.library().exists(), "build it: python -m wasm_host.wasmtime_c.build"
        yield


def read_slowly(text: bytes) -> Weight:
    """The weight by its definition, character by character."""
    depth = deepest = elements = 0
    in_string = escaped = False
    for byte in text:
        character = chr(byte)
        if escaped:
            escaped = False
        elif in_string:
            escaped = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            elements += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
        elif character == ",":
            elements += 1
    return Weight(len(text), deepest, elements)


def pieces(text: bytes, lengths: list[int]) -> Iterator[bytes]:
    """The text in pieces of these lengths, over and over."""
    start = turn = 0
    while start < len(text):
        yield text[start : start + lengths[turn % len(lengths)]]
        start += lengths[turn % len(lengths)]
        turn += 1


def feed_in_pieces(text: bytes, lengths: list[int]) -> Weight:
    """The weight of a text that comes in pieces of these lengths, over and over."""
    scanner = Scanner()
    for piece in pieces(text, lengths):
        scanner.feed(piece)
    return scanner.weight


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_the_weight_of_json_is_what_a_plain_reader_counts(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    """Bytes, depth and elements are exact, whatever the strings hold."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert weigh(text) == read_slowly(text)


def depth_in_pieces(text: bytes, lengths: list[int]) -> int:
    """The depth alone, of a text that comes in pieces of these lengths."""
    scanner = Scanner(counts_elements=False)
    for piece in pieces(text, lengths):
        scanner.feed(piece)
    return scanner.weight.depth


@given(VALUES, st.sampled_from([None, 1]), CUTS)
def test_the_depth_alone_is_that_of_the_weight(value: Any, indent: int | None, lengths: list[int]) -> None:
    """Without its commas, which are what strings lie between, a text is as deep, whole or in pieces."""
    text = json.dumps(value, indent=indent).encode()
    assert depth(text) == depth_in_pieces(text, lengths) == read_slowly(text).depth


@given(BYTES)
def test_the_depth_alone_is_never_too_low(parts: list[bytes]) -> None:
    """Whatever mixture of brackets, quotes and backslashes comes: that of the longest sound beginning is in it."""
    text = b"".join(parts)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        text = text[: error.pos]
    except RecursionError:
        return
    assert depth(b"".join(parts)) >= min(read_slowly(text).depth, MAX_DEPTH)


@given(VALUES, CUTS)
def test_the_weight_does_not_depend_on_the_cuts(value: Any, lengths: list[int]) -> None:
    """A text that comes in pieces weighs what the whole weighs, also where an escape or a string is cut."""
    text = json.dumps(value).encode()
    assert feed_in_pieces(text, lengths) == read_slowly(text)


@given(BYTES)
def test_nothing_that_decodes_is_counted_too_low(parts: list[bytes]) -> None:
    """Whatever mixture of brackets, quotes and backslashes comes: what decodes has the weight that was told."""
    text = b"".join(parts)
    weight = weigh(text)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return
    assert weight == read_slowly(text)


@given(BYTES)
def test_what_stands_before_a_mistake_is_counted(parts: list[bytes]) -> None:
    """A decoder goes as far as the first mistake; what the longest sound beginning holds is in the weight."""
    text = b"".join(parts)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        sound = read_slowly(text[: error.pos])
        assert weigh(text).depth >= min(sound.depth, MAX_DEPTH)
        assert weigh(text).elements >= sound.elements
    except (UnicodeDecodeError, RecursionError):
        pass


@pytest.mark.parametrize("levels", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
@pytest.mark.parametrize("before", [0, 3, json_text.CHUNK_BYTES - 100, 2 * json_text.CHUNK_BYTES - 300])
@pytest.mark.parametrize("marks", [b"x", b'","[]' * 3, b"\\\\"])
def test_the_bound_of_depth_is_exact_wherever_the_depth_is(levels: int, before: int, marks: bytes) -> None:
    """Levels are counted to the last one, also across the chunks in which a text is looked at."""
    strings = (marks * before)[: before - before % len(marks)]
    text = b'{"a":"' + strings + b'","b":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"
    assert (weigh(text).depth > MAX_DEPTH) == (depth(text) > MAX_DEPTH) == (levels > MAX_DEPTH)
    assert levels > MAX_DEPTH or weigh(text).depth == depth(text) == levels
    if levels > MAX_DEPTH:
        with pytest.raises(MalformedJsonError):
            check_depth(text)
    else:
        check_depth(text)


def test_many_peaks_below_the_bound_are_no_depth() -> None:
    """Ten thousand lists, each nearly as deep as may be, side by side in some megabytes, are as deep as one."""
    levels = MAX_DEPTH - 1
    text = b"[" + b",".join([b"[" * levels + b"]" * levels] * 10_000) + b"]"
    assert weigh(text) == Weight(len(text), MAX_DEPTH, 10_000 * MAX_DEPTH)


HOSTILE = {
    "escaped quotes after brackets": b"[" * 201 + b'\\"' * 1_000,
    "quotes": b'"' * 2_000,
    "backslashes": b"\\" * 2_000,
    "strings": b'"[]"],' * 500,
    "brackets": b"[" * 2_000,
    "peaks of nine": (b"[" * 9 + b"]" * 9) * 100,
    "peaks at the bound": b"[" * 190 + b"[[]][]" * 400,
    "a string of escapes": b'["' + b'\\"[' * 800 + b'"]',
}


@pytest.mark.parametrize("read", [weigh, depth])
@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_the_time_grows_with_the_text_and_no_faster(unit: bytes, read: Callable[[bytes], object]) -> None:
    """Four times the text takes about four times the computing time, on text that is no JSON too."""

    def cost(times: int) -> float:
        text = unit * times
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            read(text)
            best = min(best, time.thread_time() - started)
        return best

    assert cost(800) < 8 * cost(200) + 0.005


@pytest.mark.parametrize("read", [weigh, depth])
@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_the_memory_is_that_of_a_chunk(unit: bytes, read: Callable[[bytes], object]) -> None:
    """Six megabytes are weighed with no more memory than one chunk takes."""
    text = unit * (6_000_000 // len(unit))
    tracemalloc.start()
    read(text)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


def test_elements_are_refused_by_their_number() -> None:
    """One element more than allowed is refused by both numbers, and commas in strings are none."""
    text = b"[" + b",".join([b"0"] * 1_000) + b"]"
    check_elements(text, 1_000)
    with pytest.raises(TooManyElementsError, match=r"has 1000 elements .* 999 are allowed"):
        check_elements(text, 999)
    check_elements(b'"' + b"," * 5_000 + b'"', 10)


def test_the_bound_of_elements_holds_for_depth_too() -> None:
    """Whoever checks elements need not check the depth."""
    with pytest.raises(MalformedJsonError, match="deeper than 200 levels"):
        check_elements(b"[" * 201 + b"]" * 201, 1_000)


def test_text_that_is_no_json_is_refused_at_once() -> None:
    """Twenty kilobytes of brackets and escaped quotes, which once took two seconds, take as good as nothing."""
    text = b"[" * 201 + b'\\"' * 10_000
    started = time.thread_time()
    with pytest.raises(MalformedJsonError):
        check_depth(text)
    with pytest.raises(MalformedJsonError):
        decode(text)
    assert time.thread_time() - started < 0.1


def test_a_text_full_of_escapes_takes_no_memory_to_check() -> None:
    """Ten megabytes of escapes behind many brackets, which once took 350 MB, take a chunk's memory."""
    text = b"[" + b"[]," * 300 + b'"' + b"\\n" * 5_000_000 + b'"]'
    tracemalloc.start()
    started = time.thread_time()
    check_depth(text)
    spent = time.thread_time() - started
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5_000_000
    assert spent < 0.5


NUMBERS = st.integers(380, 420).flatmap(lambda digits: st.sampled_from([10**digits, -(10**digits), "9" * digits]))


@given(st.lists(NUMBERS | st.floats(allow_nan=False, allow_infinity=False), max_size=4), CUTS)
def test_long_numbers_are_found_outside_of_strings(values: list[Any], lengths: list[int]) -> None:
    """A number of 400 digits is noted, also where it comes in pieces; the rest of the weight is as ever."""
    text = json.dumps({"a": values, "9" * 500: 1}).encode()
    scanner = Scanner(measures_numbers=True)
    for piece in pieces(text, lengths):
        scanner.feed(piece)
    is_long = any(isinstance(value, int) and len(str(abs(value))) >= 400 for value in values)
    plain = read_slowly(text)
    assert scanner.weight == Weight(plain.bytes, plain.depth, plain.elements, is_long)


def count_items(text: bytes, lengths: list[int]) -> int:
    """The items of a list that comes in pieces of these lengths, over and over."""
    scanner = ItemScanner()
    for piece in pieces(text, lengths):
        scanner.feed(piece)
    return scanner.items


@given(st.lists(VALUES, min_size=1, max_size=30), CUTS | st.just([json_text.CHUNK_BYTES]))
def test_the_items_of_a_list_are_counted_whatever_is_in_them(values: list[Any], lengths: list[int]) -> None:
    """What stands directly in it counts, what stands deeper does not, however the text is cut."""
    text = json.dumps(values).encode()
    items = count_items(text, lengths)
    assert items == len(values) or (items > len(values) and text.count(b"[") + text.count(b"{") > 500)


def test_oddly_nested_values_count_rather_too_high() -> None:
    """Where telling commas apart would take long, all of them count: never is one left out."""
    zigzag = b"[" * 150 + b",".join([b"[[[[],0],0],0]"] * 3) + b"]" * 150
    text = b"[" + b",".join([zigzag] * 200) + b"]"
    assert count_items(text, [json_text.CHUNK_BYTES]) >= 200
    assert count_items(b"[" + b"[" * 60_000 + b"]" * 60_000 + b",1,2]", [json_text.CHUNK_BYTES]) >= 3
