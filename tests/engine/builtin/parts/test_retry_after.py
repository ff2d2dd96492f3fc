"""The Retry-After header in both of its forms."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.retry_after import retry_after_seconds

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 120 "}, 120),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "1.5"}, 0),
        ({"retry-after": "9" * 5000}, 999_999_999),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "Sun, 01 Mar 2026 09:00:20 GMT", "date": "Sun, 01 Mar 2026 09:00:00 GMT"}, 20),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT", "date": "yesterday"}, 30),
        ({"retry-after": "Sun, 01 Mar 99999 12:00:30 GMT"}, 0),
    ],
)
def test_seconds_dates_and_nonsense(headers: dict[str, str], seconds: float) -> None:
    """Seconds count as they are; a date counts from the answer's own Date, whatever the clocks here say."""
    assert retry_after_seconds(headers, NOON) == seconds


@given(st.text(), st.text())
def test_no_header_can_break_it(asked: str, date: str) -> None:
    """Any text gives a number of seconds that is not below nothing."""
    assert retry_after_seconds({"retry-after": asked, "date": date}, NOON) >= 0
