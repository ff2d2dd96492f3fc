"""Parts of what handlers keep, in forms that can be encoded: keys with half characters, numbers of any size."""

from collections.abc import Iterable, Sequence

from engine.contracts.handler import Kept, Message

Number = float | int

KeptNumber = float | int | str
"""A number; an integer of more than 64 bits is a text in hexadecimal."""

_WORD = 2**63


def key_bytes(key: str) -> bytes:
    """Return a key, which may have half of a surrogate pair, as bytes."""
    return key.encode("utf-8", "surrogatepass")


def key_of(content: bytes) -> str:
    """Return the key that was made bytes."""
    return content.decode("utf-8", "surrogatepass")


def number_kept(number: Number) -> KeptNumber:
    """Return the form in which a number is kept."""
    return hex(number) if isinstance(number, int) and not -_WORD <= number < _WORD else number


def number_of(kept: KeptNumber) -> Number:
    """Return the number that is kept.

    Raises:
        ValueError: there is none, or it is no number that JSON has.
    """
    number = int(kept, 16) if isinstance(kept, str) else kept
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise ValueError("a number that is kept is none")
    return number


def done_with(message: Message) -> Message:
    """Return a message without its place: it is kept for its value only."""
    return Message(message.port, message.value, message.sequence, message.edge, message.lane)


class Portions:
    """The messages of what is kept, handed out in their order.

    Args:
        kept: with messages.
    """

    def __init__(self, kept: Kept) -> None:
        self._messages = kept.messages
        self._next = 0

    def take(self, count: int) -> Sequence[Message]:
        """Return so many messages.

        Raises:
            ValueError: there are not so many left.
        """
        taken = self._messages[self._next : self._next + count]
        if count < 0 or len(taken) < count:
            raise ValueError("messages are missing")
        self._next += count
        return taken

    def end(self) -> None:
        """Make sure that none is left; raises as ``take`` does."""
        if self._next != len(self._messages):
            raise ValueError("there are more messages than are kept")


def distinct(keys: Iterable[bytes]) -> list[str]:
    """Return keys, each of which there is once.

    Raises:
        ValueError: there is one twice.
    """
    names = [key_of(key) for key in keys]
    if len(set(names)) < len(names):
        raise ValueError("a key is kept twice")
    return names


def lane_of(lane: int) -> int:
    """Return a lane; raise ValueError where it is none."""
    if lane not in (0, 1):
        raise ValueError(f"there is no lane {lane}")
    return lane
