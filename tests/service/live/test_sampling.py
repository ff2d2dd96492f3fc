"""Sampling: at most so many in a second, and all others counted."""

from hypothesis import given
from hypothesis import strategies as st

from service.live.sampling import Sampler


def test_without_a_bound_everything_passes() -> None:
    """0 means no bound."""
    sampler = Sampler(0)
    assert [sampler.admit("edge", 0.0) for _ in range(3)] == [0, 0, 0]


def test_the_first_of_each_second_pass_and_tell_how_many_did_not() -> None:
    """Of five within a second two pass; the next that passes says that three were left out before it."""
    sampler = Sampler(2)
    assert [sampler.admit("edge", 0.1 * step) for step in range(5)] == [0, 0, None, None, None]
    assert [sampler.admit("edge", 1.0 + 0.1 * step) for step in range(5)] == [3, 0, None, None, None]
    assert [sampler.admit("edge", 2.5 + 0.1 * step) for step in range(3)] == [3, 0, None]


def test_each_key_is_counted_for_itself() -> None:
    """A busy edge takes nothing from a quiet one."""
    sampler = Sampler(1)
    assert [sampler.admit(key, 0.0) for key in ("a", "a", "b")] == [0, None, 0]


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 0.7)), max_size=80))
def test_everything_is_shown_or_counted(limit: int, arrivals: list[tuple[str, float]]) -> None:
    """What passed and what was told as left out is, together, what came."""
    sampler = Sampler(limit)
    now = passed = told = 0.0
    for key, pause in arrivals:
        now += pause
        skipped = sampler.admit(key, now)
        if skipped is not None:
            passed += 1
            told += skipped
    assert passed + told + sampler.left_out() == len(arrivals)
