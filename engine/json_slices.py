"""JSON texts of any size, weighed and checked on the event loop in slices that let others have their turn."""

import trio

from proto.codec import check_depth, check_elements, check_weight
from proto.json_text import CHUNK_BYTES, Scanner, Weight, weigh

SLICE_BYTES = 2 * CHUNK_BYTES
"""What is scanned between two checkpoints: some 0.6 ms on ordinary text, under 3 ms on the worst."""


async def weigh_in_slices(text: bytes) -> Weight:
    """The weight of a JSON text. Others have their turn after every ``SLICE_BYTES``, if there are more."""
    if len(text) <= SLICE_BYTES:
        return weigh(text)
    scanner = Scanner()
    for start in range(0, len(text), SLICE_BYTES):
        scanner.feed(text[start : start + SLICE_BYTES])
        await trio.lowlevel.checkpoint()
    return scanner.weight


async def check_in_slices(text: bytes, max_elements: int | None = None) -> None:
    """``codec.check_depth``, or ``codec.check_elements`` where elements are bounded, for a text of any size.

    Raises:
        TooManyElementsError: it holds more elements than ``max_elements``.
        MalformedJsonError: it is nested deeper than ``MAX_DEPTH``.
    """
    if len(text) > SLICE_BYTES:
        check_weight(await weigh_in_slices(text), max_elements)
    elif max_elements is None:
        check_depth(text)
    else:
        check_elements(text, max_elements)
