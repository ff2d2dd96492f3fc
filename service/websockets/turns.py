"""Turns: in each round of the event loop a few clients' input is worked on, however many clients there are.

Trio runs everything that is ready before it looks at its clock and its sockets again. A thousand clients that all
send without a pause would each have a step in every round, and everybody else would wait for all of them.
"""

import trio

TURNS_PER_ROUND = 4
"""Turns in one round of the event loop: each is about 100 µs of reading, or the handling of one message."""

_turns: trio.lowlevel.RunVar[trio.Semaphore] = trio.lowlevel.RunVar("turns of WebSocket clients")


async def wait_turn() -> None:
    """Return when it is the caller's turn, in the order of asking; after one checkpoint where few ask."""
    try:
        turns = _turns.get()
    except LookupError:
        turns = trio.Semaphore(TURNS_PER_ROUND)
        _turns.set(turns)
    async with turns:
        pass  # what it frees is taken in the next round: a turn lasts for the caller's step
