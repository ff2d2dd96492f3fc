"""Large JSON texts on the event loop: the same answers as in one go, with turns for others in between."""

import json
from typing import Any

import pytest
import trio
from hypothesis import given

from engine.cooperative import json_checks as json_slices
from engine.cooperative.json_checks import (
    PART_BYTES,
    SLICE_BYTES,
    check_in_slices,
    check_utf8,
    decode_in_slices,
    weigh_in_slices,
)
from proto.codec import MalformedJsonError, TooManyElementsError, decode
from proto.json_text import weigh
from tests.engine.builtin.harness import JSON_VALUES


async def test_a_large_text_weighs_what_it_weighs_in_one_go() -> None:
    """Slices are cut anywhere, in strings and escapes too."""
    text = b"[" + b",".join([b'{"a,[\\"":["x\\\\",1]}'] * 20_000) + b"]"
    assert len(text) > 2 * SLICE_BYTES
    assert await weigh_in_slices(text) == weigh(text)


async def test_others_have_their_turn_between_slices() -> None:
    """While ten slices are weighed, another task runs about as often."""
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await weigh_in_slices(b"1" * (10 * SLICE_BYTES))
        nursery.cancel_scope.cancel()
    assert turns >= 9


@pytest.mark.parametrize("size_bytes", [0, 3 * SLICE_BYTES])
async def test_the_bounds_are_those_of_one_go(size_bytes: int) -> None:
    """Depth and elements are refused in small texts and in large ones by the same errors."""
    filler = b'"' + b"x" * size_bytes + b'",'
    await check_in_slices(b"[" + filler + b"1,2]", 3)
    with pytest.raises(TooManyElementsError):
        await check_in_slices(b"[" + filler + b"1,2]", 2)
    deep = b"[" + filler + b"[" * 200 + b"]" * 201
    with pytest.raises(MalformedJsonError, match="deeper"):
        await check_in_slices(deep)
    with pytest.raises(MalformedJsonError, match="deeper"):
        await check_in_slices(deep, 1_000)


@given(JSON_VALUES)
def test_what_is_decoded_part_by_part_is_what_it_is_as_a_whole(value: Any) -> None:
    """Wherever a document is taken apart, its value is the same; white space around it is none of it."""
    text = json.dumps(value, indent=1).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_slices, "SLICE_ELEMENTS", 3)
        patch.setattr(json_slices, "PART_BYTES", 10)
        patch.setattr(json_slices, "_LARGE_PART_LEVELS", 100)
        assert trio.run(decode_in_slices, b" \n" + text + b"\n", 1_000) == decode(text)


async def test_a_large_document_is_decoded_with_turns_for_others() -> None:
    """Its value is the same; another task runs meanwhile."""
    text = json.dumps({"items": [{"id": index, "of": ["x"]} for index in range(20_000)]}).encode()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        assert await decode_in_slices(text, 100_000) == decode(text, 100_000)
        nursery.cancel_scope.cancel()
    assert turns > 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a":[%s' % (b"1," * 30_000), "not JSON"),
        (b'{"a":%s}' % (b"9" * 30_000), "A number has more than 400 digits"),
        (b"[" * 10 + b'"' + b"x" * PART_BYTES + b'"' + b"]" * 10, "8 levels down has more than 1048576 bytes"),
        (b"[[[[" + b"1," * 60_000 + b"1]]]]", "60004 elements"),
    ],
)
async def test_a_document_that_cannot_be_decoded_in_slices_is_refused(text: bytes, said: str) -> None:
    """The refusal says which bound is met."""
    with pytest.raises(MalformedJsonError, match=said):
        await decode_in_slices(text, 60_000)


@pytest.mark.parametrize("size", [10, 3 * SLICE_BYTES])
async def test_utf8_is_checked_wherever_a_character_is_cut(size: int) -> None:
    """Characters across slices are sound; half of one at the end is not."""
    text = b"x" + "ä€😀".encode() * (size // 9 + 1)
    await check_utf8(text)
    with pytest.raises(UnicodeDecodeError):
        await check_utf8(text[:-1])
    with pytest.raises(UnicodeDecodeError):
        await check_utf8(text[:5] + b"\xff" + text[5:])
