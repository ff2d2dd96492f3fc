"""Lines of a descriptor: all of them, in order, in bounded memory."""

import os
from codecs import BOM_UTF8
from contextlib import aclosing

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cli.stdin import CHUNK_BYTES, MAX_LINE_BYTES, Lines, LineTooLongError


async def _read(pieces: list[bytes]) -> list[tuple[int, bytes]]:
    """The numbered lines that come out of a pipe into which pieces were written, one after the other."""
    reading, writing = os.pipe()
    found: list[tuple[int, bytes]] = []

    async def write() -> None:
        for piece in pieces:
            await trio.to_thread.run_sync(os.write, writing, piece)
        os.close(writing)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        async with aclosing(Lines(reading).groups()) as groups:
            async for group in groups:
                found += group
    os.close(reading)
    return found


@settings(deadline=None, max_examples=50)
@given(pieces=st.lists(st.binary(max_size=20).map(lambda piece: piece.replace(b"\r", b"\n")), max_size=6))
def test_lines_are_what_lies_between_line_ends(pieces: list[bytes]) -> None:
    """However the bytes come in, the lines and their numbers are the same; blank lines are left out."""
    text = b"".join(pieces).removeprefix(BOM_UTF8)
    expected = [(number, line) for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()]
    assert trio.run(_read, pieces) == expected


@pytest.mark.parametrize("pieces", [[b"\xef\xbb\xbf1\n2\n"], [b"\xef", b"\xbb\xbf1\n2"], [b"\xef\xbb\xbf1\r\n2"]])
async def test_a_byte_order_mark_is_no_part_of_the_first_line(pieces: list[bytes]) -> None:
    """What some editors put before the first line is left out."""
    assert [line.strip() for _, line in await _read(pieces)] == [b"1", b"2"]


async def test_a_line_may_be_longer_than_a_chunk() -> None:
    """A line that comes in several reads is one line."""
    line = b"x" * (CHUNK_BYTES * 2 + 1)
    reading, writing = os.pipe()

    async def write() -> None:
        await trio.to_thread.run_sync(_write_all, writing, line + b"\nend")

    lines = Lines(reading)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        async with aclosing(lines.groups()) as groups:
            found = [item async for group in groups for item in group]
    os.close(reading)
    assert found == [(1, line), (2, b"end")]
    assert lines.bytes_read == len(line) + 4


async def test_a_line_without_end_is_given_up() -> None:
    """Beyond the limit a line is refused, with its number, and no more of it is kept."""
    with open("/dev/zero", "rb") as zeros:  # noqa: ASYNC230, PTH123  a descriptor is what is wanted
        async with aclosing(Lines(zeros.fileno()).groups()) as groups:
            with pytest.raises(LineTooLongError, match=f"Line 1 .* is longer than {MAX_LINE_BYTES}"):
                await anext(groups)


def _write_all(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
