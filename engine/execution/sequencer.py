"""Sequencer: work that was begun in an order, done at once, and is to be finished in that order again."""

import trio


class Sequencer:
    """Numbers handed out in the order of beginning, and served in the same order."""

    def __init__(self) -> None:
        self._next_number = 0
        self._serving = 0
        self._done: set[int] = set()
        self._waiting: dict[int, trio.Event] = {}

    def take(self) -> int:
        """Return the next number."""
        number = self._next_number
        self._next_number += 1
        return number

    async def wait(self, number: int) -> None:
        """Return when all earlier numbers are done. No checkpoint where they are."""
        if number != self._serving:
            event = self._waiting[number] = trio.Event()
            try:
                await event.wait()
            finally:
                del self._waiting[number]

    def done(self, number: int) -> None:
        """Serve the next number, once all before it are done."""
        self._done.add(number)
        while self._serving in self._done:
            self._done.remove(self._serving)
            self._serving += 1
        event = self._waiting.get(self._serving)
        if event is not None:
            event.set()
