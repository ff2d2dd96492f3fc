"""Long work in pure functions, as steps of a millisecond: whoever has the work done says what is between them.

A function that yields now and then, and returns its result, stays a function between texts and texts; it knows
neither an event loop nor turns. ``at_once`` is for those who have the time, ``in_turns`` for the event loop.
"""

from collections.abc import Generator
from typing import TypeVar

from wasm_host.guest.slices import SliceQueue

T = TypeVar("T")
Steps = Generator[None, None, T]


def at_once(steps: Steps[T]) -> T:
    """Return the result, after all steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


async def in_turns(steps: Steps[T], turns: SliceQueue) -> T:
    """Return the result; each step is taken in turn with all guests that run for long."""
    while True:
        async with turns.of(""):
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
