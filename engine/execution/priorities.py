"""The priority of a message, read from a field of its value: a whole number from 0 to 255. Pure.

Whatever else stands there, and where nothing does, the message has the priority 0; what is beyond the ends has
that of the end. A message is never refused for its priority: it would be lost for a word.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from proto.codec import decoded_by
from proto.graph import PRIORITIES

_HIGHEST = PRIORITIES - 1
_DIGITS = len(str(_HIGHEST))
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@lru_cache(maxsize=1024)
def priority_reader(path: tuple[str, ...]) -> Callable[[bytes], int]:
    """Return a function that reads the priority from a JSON text, whose other fields it skips.

    Args:
        path: the names of the fields on the way to it, at least one.
    """
    shape: Any = msgspec.Raw  # which tolerates no alternative
    default: Any = msgspec.Raw(b"")
    for name in reversed(path):
        shape = msgspec.defstruct("Field", [("inner", shape, default)], rename={"inner": name})
        default = None
    decoder = msgspec.json.Decoder(shape)

    def read(value: bytes) -> int:
        try:
            found: Any = decoded_by(decoder, value)
        except _UNREADABLE:
            return 0
        for _ in path:
            if found is None:
                return 0
            found = found.inner
        return _priority_of(bytes(found))

    return read


def _priority_of(text: bytes) -> int:
    if not text.isdigit():
        return 0
    return _HIGHEST if len(text) > _DIGITS else min(int(text), _HIGHEST)
