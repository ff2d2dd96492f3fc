"""What wrk writes is read, and failures are no figures."""

import pytest

from benchmarks import wrk


def test_what_wrk_writes_is_read() -> None:
    """Its own report stands before our line, whose times are microseconds."""
    found = wrk.figures_of("Running 1s test\n  50%  1.00ms\n\nFIGURES 812 1004000 1130 2500 0\n")
    assert found == wrk.Figures(812, 1.004, 0.00113, 0.0025)


@pytest.mark.parametrize(
    "output", ["", "Running 1s test\n", "FIGURES 0 1000000 0 0 0\n", "FIGURES 9 1000000 5 6 1\n"]
)
def test_figures_of_failed_requests_are_not_believed(output: str) -> None:
    """Refusals are quick, and would make a fine figure."""
    with pytest.raises(wrk.WrkError):
        wrk.figures_of(output)
