"""The time of day, and the one form that times have on the wire."""

import re
from pathlib import Path

from engine.wall_clock import WallClock, epoch_ms, timestamp_of, timestamp_of_ms

ROOT = Path(__file__).parents[2]
FORMATS = re.compile(r"\.isoformat\(|time_ns\(\) // ")


def test_a_moment_is_utc_to_the_millisecond() -> None:
    """A runtime's clock and a moment that is given have the same form."""
    assert timestamp_of(1_700_000_000.1239) == "2023-11-14T22:13:20.123Z"
    assert WallClock(lambda: 1_700_000_000.0).timestamp() == "2023-11-14T22:13:20.000Z"
    assert epoch_ms() > 1_700_000_000_000


def test_whole_milliseconds_are_exact() -> None:
    """Also where a float of seconds is not: in distant years, and at the last digit."""
    assert timestamp_of_ms(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert timestamp_of_ms(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"


def test_no_other_file_gives_times_a_form() -> None:
    """Who needs a time asks the clock's file for it, so that no second form can come up."""
    files = [path for folder in ("engine", "service", "proto") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in files if FORMATS.search(path.read_text())] == ["wall_clock.py"]
