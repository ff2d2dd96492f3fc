"""The ``Retry-After`` header of an answer, in both of its forms (RFC 9110, section 10.2.3). Pure."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds that an answer asks to wait; 0 where it asks for none, or not in a form that exists.

    A date is taken relative to the ``Date`` of the same answer where there is one: the clocks of two machines
    differ, and the one that wrote both is at one with itself.

    Args:
        headers: of the answer, whose names are found in any case.
        now: with its time zone; used where the answer has no ``Date``.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])  # thirty years will do
    moment = _date(text)
    if moment is None:
        return 0.0
    seconds = (moment - (_date(headers.get("date", "")) or now)).total_seconds()
    return max(0.0, math.ceil(seconds))


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
