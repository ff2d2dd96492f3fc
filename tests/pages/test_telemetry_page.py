"""docs/telemetry.md names what exists."""

from pathlib import Path

from service.siblings.backoff import FIRST_SECONDS, LONGEST_SECONDS
from service.telemetry.exporter import FLUSH_SECONDS, GRAPH_FLUSH_SECONDS, RETRIES
from service.telemetry.opening import LAST_SECONDS
from service.telemetry.outbox import BATCH_RECORDS, QUEUE_RECORDS
from service.telemetry.series import SERIES

PAGE = (Path(__file__).parents[2] / "docs/telemetry.md").read_text(encoding="utf-8")


def test_the_bounds_are_those_of_the_program() -> None:
    """Each number of the table is a constant of the code."""
    assert f"| {BATCH_RECORDS} |" in PAGE
    assert f"| {FLUSH_SECONDS:g} s; of what graphs report, {GRAPH_FLUSH_SECONDS:g} s |" in PAGE
    assert f"| {QUEUE_RECORDS:,}; then the oldest goes |" in PAGE
    assert f"| {RETRIES}; then it is dropped |" in PAGE
    assert f"| {FIRST_SECONDS:g} s, doubled with each failure in a row up to {LONGEST_SECONDS:g} s" in PAGE
    assert f"| {SERIES:,}; values of others are dropped |" in PAGE
    assert f"when the service ends | {LAST_SECONDS:g} s |" in PAGE
