"""A short form of ``make crash``, and the judge that it relies on."""

import gc
from pathlib import Path
from typing import Any

import pytest

from tests.crash.judge import Sent, complaints
from tests.crash.run import Crash


# httpx leaves the body of a request half read whose server is killed.
@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
@pytest.mark.timeout(120)
async def test_a_kill_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """One kill under load: each acknowledged message is there once, in order, and states and sums are exact."""
    report = await Crash(1, tmp_path, lambda _: None, faulty=False).run(1, 1)
    gc.collect()  # what that left behind is told of here, and in no other test
    assert report.complaints == []
    assert report.messages > 0


def _output(n: int, count: int, total: int) -> dict[str, Any]:
    return {"c": 0, "n": n, "count": count, "sum": total}


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([_output(1, 1, 1), _output(2, 2, 3)], []),
        ([_output(1, 1, 1), _output(2, 2, 3), _output(3, 3, 6)], []),
        ([_output(1, 1, 1)], ["client 0: acknowledged and lost: [2] (1)"]),
        ([_output(2, 1, 2), _output(1, 2, 3)], ["client 0: out of order: [1] (1)"]),
        ([_output(1, 1, 1), _output(2, 2, 3), _output(2, 3, 5)], ["client 0: there twice: [2] (1)"]),
        ([_output(1, 1, 1), _output(2, 2, 3), _output(4, 3, 7)], ["client 0: refused and there: [4] (1)"]),
        ([_output(1, 1, 1), _output(2, 2, 3), _output(5, 3, 8)], ["client 0: never sent: [5] (1)"]),
        ([_output(1, 2, 1), _output(2, 3, 3)], ["output 1 says {'c': 0, 'n': 1, 'count': 2, 'sum': 1}"]),
    ],
)
def test_the_judge_sees_what_is_wrong(outputs: list[dict[str, Any]], said: list[str]) -> None:
    """Numbers 1 and 2 are acknowledged, 3 is unknown, 4 was refused."""
    found = complaints({0: Sent({1, 2}, {3}, {4})}, outputs)
    assert len(found) == len(said)
    assert all(each.startswith(start) for each, start in zip(found, said, strict=True))
