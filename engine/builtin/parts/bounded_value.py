"""Parts of messages that are decoded so that something can be compared with them, within bounds."""

from typing import Any

from engine.builtin.parts.refusal import RefusedError
from proto import codec
from proto.long_numbers import decode_whole

COMPARED_BYTES = 128 * 1024
"""JSON text of anything but a string that is compared: each value, or digit, is looked at, and all in one go."""

COMPARED_TEXT_BYTES = 4 * 1024 * 1024
"""JSON text of a string that is compared: it is made a string, and may be searched, in one go of 20 ms."""

WRITTEN_BYTES = 32 * 1024
"""JSON text of an array that is made a text: each of its parts is written anew, in one go of 10 ms."""


def bounded_value(text: bytes) -> Any:
    """Decode the JSON text of a part.

    Raises:
        RefusedError: it is too large, or cannot be read.
    """
    if len(text) > COMPARED_BYTES and text.lstrip()[:1] != b'"':
        raise RefusedError(
            "TooLarge", f"Of arrays, objects and numbers at most {COMPARED_BYTES} bytes are compared"
        )
    if len(text) > COMPARED_TEXT_BYTES:
        raise RefusedError("TooLarge", f"Of a text at most {COMPARED_TEXT_BYTES} bytes are compared")
    try:
        return decode_whole(text, COMPARED_BYTES)
    except codec.MalformedJsonError as error:
        raise RefusedError("MalformedJson", f"The field cannot be read: {error}") from error
