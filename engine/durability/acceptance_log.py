"""The log of one execution: what it accepts is written before it is taken in, and taken in the order of the log.

Making a write durable takes a disk about as long for one entry as for a hundred. So what comes while a write is
under way goes into the next one together: that is why many injections at once are quick.
"""

from collections import deque
from collections.abc import Callable

import trio

from engine.durability.entries import Accepted, encode_entry
from engine.errors import EngineError, NotKeptError
from engine.keeping.keeper import Keeper
from engine.memory.starvation import Spawn
from store.protocol import Append, Entry, Stream

GROUP_ENTRIES = 1_000
"""Entries in one write."""

GROUP_BYTES = 4 * 1024 * 1024
"""Bytes of bodies after which a write takes no further entry: the one after it waits for the disk as long."""

_ENDING = "the service is stopping"

Apply = Callable[[], None]
"""Takes in what an entry says, at once; where it raises an ``EngineError``, that is for whoever appended it."""


class _Waiting:
    """An entry that waits for the disk, and whoever waits for it."""

    __slots__ = ("apply", "body", "done", "error", "messages")

    def __init__(self, body: bytes, messages: int, apply: Apply) -> None:
        self.body = body
        self.messages = messages
        self.apply = apply
        self.done = trio.Event()
        self.error: EngineError | None = None

    def settle(self, error: EngineError | None) -> None:
        self.error = error
        self.done.set()


class AcceptanceLog:
    """The log of one execution.

    Args:
        keeper: writes it.
        stream: its name in the store.
        spawn: starts a task that outlives whoever appends.
        milliseconds: the time of day, in milliseconds since 1970.
        last: the number of the last entry that it has.

    Attributes:
        position: the number of the last entry that was taken in.
        untrimmed_bytes: of the bodies that were written since the last trim.
        untrimmed: how many messages are in those.
        on_growth: called when something was written.
    """

    def __init__(
        self, keeper: Keeper, stream: Stream, spawn: Spawn, milliseconds: Callable[[], int], last: int = 0
    ) -> None:
        self.stream = stream
        self.position = last
        self.untrimmed_bytes = 0
        self.untrimmed = 0
        self.on_growth: Callable[[], None] = lambda: None
        self._keeper = keeper
        self._spawn = spawn
        self._milliseconds = milliseconds
        self._waiting: deque[_Waiting] = deque()
        self._refusal: Callable[[], EngineError] | None = None  # once it is closed
        self._written = trio.Event()  # set while nothing is being written
        self._written.set()

    async def append(self, entry: Accepted, apply: Apply, messages: int = 0) -> None:
        """Write an entry, and take it in, after all that were appended before; return then.

        Whoever is cancelled meanwhile still gets the answer: nobody is left in doubt whether it was taken in.

        Args:
            entry: what is accepted.
            apply: takes it in.
            messages: how many are in it.

        Raises:
            NotKeptError: it could not be written, and was not taken in.
            EngineError: it was written, and whoever was to take it in takes in nothing any more; or the log is
                closed, and it was not written.
        """
        if self._refusal is not None:
            raise self._refusal()
        waiting = _Waiting(encode_entry(entry), messages, apply)
        self._waiting.append(waiting)
        if self._written.is_set():
            self._written = trio.Event()
            self._spawn(self._write)
        with trio.CancelScope(shield=True):
            await waiting.done.wait()
        if waiting.error is not None:
            raise waiting.error

    async def close(self, refusal: Callable[[], EngineError]) -> None:
        """Take nothing more, and return when nothing of it is on its way to the disk: the next word is the last.

        Args:
            refusal: makes the error for those who append now, or wait for a write that has not begun.
        """
        self._refusal = refusal
        while self._waiting:
            self._waiting.popleft().settle(refusal())
        await self._written.wait()

    async def _write(self) -> None:
        group: list[_Waiting] = []
        try:
            while self._waiting:
                group = self._next_group()
                await self._write_group(group)
        finally:
            self._written.set()
            for each in [*group, *self._waiting]:  # the service ends: they were not handed over
                if not each.done.is_set():
                    each.settle(NotKeptError(_ENDING))
            self._waiting.clear()

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size_bytes = 0
        while self._waiting and len(group) < GROUP_ENTRIES and size_bytes < GROUP_BYTES:
            group.append(self._waiting.popleft())
            size_bytes += len(group[-1].body)
        return group

    async def _write_group(self, group: list[_Waiting]) -> None:
        made_ms = self._milliseconds()
        entries = [Entry(number, each.body, made_ms) for number, each in enumerate(group, self.position + 1)]
        try:
            await self._keeper.keep([Append(self.stream, entries)])
        except EngineError as error:
            for each in group:
                each.settle(error)
            return
        self.untrimmed += sum([each.messages for each in group])
        self.untrimmed_bytes += sum([len(each.body) for each in group])
        for each in group:
            self.position += 1
            try:
                each.apply()
            except EngineError as error:
                each.settle(error)
            else:
                each.settle(None)
        self.on_growth()

    def note_trim(self, untrimmed: int, size_bytes: int) -> None:
        """Take note that so many messages, with so many bytes, are needed no more."""
        self.untrimmed -= untrimmed
        self.untrimmed_bytes -= size_bytes
