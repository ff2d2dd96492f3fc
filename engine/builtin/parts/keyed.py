"""The common ground of components that tell messages apart by keys."""

from collections.abc import Sequence

from engine.builtin.parts.message_key import MessageKey
from engine.builtin.parts.one_by_one import OneByOne


class Keyed(OneByOne):
    """A handler that looks for the key of each message, unless somebody has computed it.

    Args:
        keys: where keys stand; several where each input has its own.

    Attributes:
        keys: the same.
    """

    def __init__(self, keys: Sequence[MessageKey]) -> None:
        self.keys = keys
        super().__init__(field for key in keys for field in key.fields)
