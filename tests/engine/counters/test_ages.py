"""The ages of messages by their numbers."""

import pytest

from engine.counters.ages import Ages


def test_a_message_is_as_old_as_the_mark_before_it() -> None:
    """At most: it may have been numbered any time between two marks. Without a mark, nothing is old."""
    ages = Ages()
    assert ages.seconds(7, 100.0) == 0.0
    ages.mark(10.0, 1)
    ages.mark(20.0, 5)
    assert [ages.seconds(number, 30.0) for number in (1, 4, 5, 99)] == [20.0, 20.0, 10.0, 10.0]


def test_marks_are_bounded_and_old_ones_are_told_less_finely() -> None:
    """A hundred thousand due marks leave a few hundred; no age is off by more than a hundredth of the time."""
    ages = Ages()
    now, numbers = 0.0, []
    for number in range(1, 100_000):
        now = number / 10
        if now >= ages.next_seconds:
            ages.mark(now, number)
        numbers.append(number)
    assert len(ages._seconds) <= 256
    for number in numbers[::997]:
        assert ages.seconds(number, now) == pytest.approx(now - number / 10, abs=now / 100)
