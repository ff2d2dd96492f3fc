"""Every kept case of `tests/attacks/cases`, said to a real service under the stopwatch.

They are the worst that the search found (`make stalls`), and what was reported; each is mended since.
"""

from collections.abc import Iterator

import pytest

from tests.stalls.cases import load_cases
from tests.stalls.search import Laboratory

CASES = load_cases()


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    """One service for all of them; started anew where one makes it large."""
    with Laboratory() as laboratory:
        yield laboratory


@pytest.mark.parametrize("name", CASES)
def test_a_case_neither_holds_nor_fills_the_service(laboratory: Laboratory, name: str) -> None:
    """No step of it is long, and memory does not grow out of proportion."""
    verdict = laboratory.confirm(CASES[name])
    assert not verdict.is_bad, f"{verdict}\n{verdict.step or ''}\n{verdict.turn or ''}"
