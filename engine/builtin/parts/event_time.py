"""Times that messages say of themselves: milliseconds since 1970, or ISO 8601 with its offset. Pure."""

from datetime import UTC, datetime

from engine.builtin.parts.fields import Field, number_of
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.refusal import RefusedError
from proto.codec import decode_text

_TEXT_LIMIT_BYTES = 64

LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, which ISO 8601 can still say."""


def time_ms(document: Document, field: Field) -> int:
    """Return the time of a message in milliseconds since 1970; a text without an offset is in UTC.

    Raises:
        RefusedError: it has none.
    """
    found = field.find(document)
    ms = None if found is None else _read(found.strip())
    if ms is None:
        raise RefusedError("NotATime", f'field "{field.name}" is no time: milliseconds since 1970, or ISO 8601')
    return ms


def _read(text: bytes) -> int | None:
    if text[:1] == b'"' and len(text) <= _TEXT_LIMIT_BYTES:
        try:
            at = datetime.fromisoformat(decode_text(text))
            seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
        ms = round(seconds * 1000)
    else:
        number = None if text[:1] == b'"' else number_of(text)
        if number is None or number != number or abs(number) > LATEST_MS:  # noqa: PLR0124 - NaN
            return None
        ms = int(number // 1)
    return ms if 0 <= ms <= LATEST_MS else None
