"""Large JSON texts on the event loop: the same answers as in one go, with turns for others in between."""

import pytest
import trio

from engine.json_slices import SLICE_BYTES, check_in_slices, weigh_in_slices
from proto.codec import MalformedJsonError, TooManyElementsError
from proto.json_text import weigh


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
