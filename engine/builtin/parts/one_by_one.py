"""The common ground of components that look into each message by itself: a refusal of one is no other's."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec
import trio

from engine.builtin.parts.json_path import LARGE_BYTES, Document, Names, TooMuchToScanError, Wanted
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.handler import MADE_BYTES, Handler, Message, Outcome

BYTES_AT_ONCE = 256 * 1024
"""Bytes after which other tasks may run: one to two milliseconds of looking for fields."""


class Sought(Protocol):
    """A field that is looked for in each message."""

    @property
    def paths(self) -> tuple[Names, ...]:
        """The paths to look for, in this order."""


async def in_turns(
    batch: Sequence[Message],
    attempt: Callable[[Message], Awaitable[tuple[Outcome, int]]],
    outcomes: list[Outcome] | None = None,
) -> list[Outcome]:
    """Return the outcomes of a batch, one after another, with turns for others in between, until they have made
    much.

    Args:
        batch: the messages.
        attempt: the outcome of one, and the bytes that it took to look through.
        outcomes: takes them one by one, for whoever is asked for them meanwhile; empty.
    """
    outcomes = [] if outcomes is None else outcomes
    made = 0
    room = BYTES_AT_ONCE
    for message in batch:
        outcome, work_bytes = await attempt(message)
        outcomes.append(outcome)
        room -= work_bytes
        if room < 0:
            room = BYTES_AT_ONCE
            await trio.lowlevel.cancel_shielded_checkpoint()  # what was taken must be told of
        made += sum([len(value) for _, value in outcome.emissions])
        if made > MADE_BYTES:
            break
    return outcomes


class OneByOne(Handler):
    """A handler that takes each message of a batch by ``take``, which may raise ``RefusedError`` before it changes
    anything.

    Args:
        fields: what is looked for in each message.
        beside_bytes: what a message costs beside looking through it, as so many bytes to look through.
    """

    def __init__(self, fields: Iterable[Sought] = (), beside_bytes: int = 0) -> None:
        self._paths = [names for field in fields for names in field.paths]
        self._wanted = Wanted(self._paths)
        self._beside_bytes = beside_bytes
        self._made: list[Outcome] = []

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = self._made = []
        await in_turns(batch, self._attempt, outcomes)
        self._made = []
        return outcomes

    def made_so_far(self) -> Sequence[Outcome]:
        return tuple(self._made)

    def take(self, message: Message, document: Document) -> Outcome:
        """Return the outcome of one message.

        Args:
            message: the message.
            document: its value, to be looked into.

        Raises:
            RefusedError: it cannot be taken.
            msgspec.DecodeError: its text cannot be read, such as a number beyond all bounds.
            TooMuchToScanError: the fields are too many and too deep for so large a message.
        """
        raise NotImplementedError

    async def _attempt(self, message: Message) -> tuple[Outcome, int]:
        size_bytes = len(message.value)
        document = Document(message.value, self._wanted)
        if size_bytes > LARGE_BYTES:
            with suppress(msgspec.DecodeError, UnicodeDecodeError, TooMuchToScanError):  # it will be told below
                await document.reach(self._paths)
        outcome = self._outcome(message, document)
        return outcome, max(size_bytes, document.scanned_bytes) + self._beside_bytes

    def _outcome(self, message: Message, document: Document) -> Outcome:
        try:
            return self.take(message, document)
        except RefusedError as error:
            return Outcome(error=error.as_error())
        except TooMuchToScanError as error:
            return Outcome(error=RefusedError("TooMuchToScan", str(error)).as_error())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refusal = RefusedError("MalformedJson", f"The message cannot be read: {error}")
            return Outcome(error=refusal.as_error())
