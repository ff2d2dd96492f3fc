"""The common ground of components that look into each message by itself: a refusal of one is no other's."""

from collections.abc import Sequence
from typing import Any

import msgspec
import trio

from engine.handler import Handler, HandlerError, Message, Outcome
from proto.codec import encode

BYTES_AT_ONCE = 256 * 1024
"""Bytes of messages after which other tasks may run: one to two milliseconds of looking for fields."""


class RefusedError(Exception):
    """A message that a component cannot take.

    Args:
        name: the kind of error, such as ``NotNumeric``.
        message: one sentence for people.
        details: further fields of the error value. ``error`` says the message again, because the platform's
            graphs read it under that name.
    """

    def __init__(self, name: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.name = name
        self.details = encode({"error": message, **details})

    def as_error(self) -> HandlerError:
        """What leaves the ``error`` port."""
        return HandlerError(self.name, str(self), details=self.details)


class OneByOne(Handler):
    """Handles each message of a batch by ``take``, which may raise ``RefusedError`` before it changes anything."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = []
        room = BYTES_AT_ONCE
        for message in batch:
            outcomes.append(self._attempt(message))
            room -= len(message.value)
            if room < 0:
                room = BYTES_AT_ONCE
                await trio.lowlevel.cancel_shielded_checkpoint()  # what was taken must be told of
        return outcomes

    def take(self, message: Message) -> Outcome:
        """What one message leads to.

        Raises:
            RefusedError: it cannot be taken.
            msgspec.DecodeError: its text cannot be read, such as a number beyond all bounds.
        """
        raise NotImplementedError

    def _attempt(self, message: Message) -> Outcome:
        try:
            return self.take(message)
        except RefusedError as error:
            return Outcome(error=error.as_error())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refusal = RefusedError("MalformedJson", f"The message cannot be read: {error}")
            return Outcome(error=refusal.as_error())
