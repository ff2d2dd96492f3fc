"""An execution that is reloaded many times in a row under load."""

from benchmarks.reload import measure


async def test_sums_are_exact_and_no_message_meets_two_versions() -> None:
    """Whatever is under way when both nodes get another version; ``benchmarks/reload.py`` does so more often."""
    figures = await measure(reloads=5, rate=5_000)
    assert figures.total == figures.sent > 0
    assert figures.mixed == 0
