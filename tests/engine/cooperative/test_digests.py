"""Large things in pieces: the same results, and everybody else has their turn meanwhile."""

import base64
import hashlib
import re

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.cooperative.digests import PIECE_BYTES, from_base64, sha256_of, to_base64

LENGTHS = [0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 2]


@pytest.mark.parametrize("length", LENGTHS)
async def test_pieces_come_to_the_whole(length: int) -> None:
    """Wherever the last piece ends."""
    content = bytes(index % 251 for index in range(length))
    text = base64.b64encode(content).decode()
    assert await to_base64(content) == text
    assert await from_base64(text) == content
    assert await sha256_of(content) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AA=",
        "A===",
        "AAAA=",
        "AAAA==",
        "AA==AA==",
        "AAAA=AAA",
        "AA A",
        "é",
        "AAAA" * (PIECE_BYTES // 4 - 1) + "AA==" + "AAAA",
    ],
)
async def test_what_is_no_base64_is_refused(text: str) -> None:
    """Also where each piece by itself would pass."""
    with pytest.raises(ValueError, match=r"."):
        await from_base64(text)


@given(st.text(max_size=12) | st.text(alphabet="AB=", max_size=12))
def test_it_is_base64_or_refused(text: str) -> None:
    """What RFC 4648 says is taken, and gives what Python makes of it; nothing else is."""

    async def taken() -> bytes | None:
        try:
            return await from_base64(text)
        except ValueError:
            return None

    is_right = re.fullmatch(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text)
    expected = base64.b64decode(text) if is_right else None
    assert trio.run(taken) == expected


async def test_others_have_their_turn() -> None:
    """Eight megabytes are no single stretch of work."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await from_base64(await to_base64(b"x" * 8 * 1024 * 1024))
        nursery.cancel_scope.cancel()
    assert turns > 80
