"""A message that a built-in component cannot take."""

from typing import Any

from engine.contracts.handler import HandlerError
from proto.codec import encode


class RefusedError(Exception):
    """A message that a component cannot take.

    Args:
        name: the kind of error, such as ``NotNumeric``.
        message: one sentence for people.
        details: further fields of the error value. ``error`` says the message again, because the platform's
            graphs read it under that name.

    Attributes:
        is_permanent: whether the same message would be refused again.
    """

    is_permanent = True

    def __init__(self, name: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.name = name
        self.details = encode({"error": message, **details})

    def as_error(self) -> HandlerError:
        """Return the error that leaves the ``error`` port."""
        return HandlerError(self.name, str(self), details=self.details, is_permanent=self.is_permanent)


class UnavailableError(RefusedError):
    """A message that a component cannot take now, because it needs something that is not there."""

    is_permanent = False
