"""Clients that ask for too much, or for nonsense: refused in words, and never at the cost of others."""

from typing import Any

import pytest

from service.live.limits import NAMES
from tests.service.live.desk import chain, open_office

pytestmark = pytest.mark.usefixtures("autojump_clock")


@pytest.mark.parametrize(
    ("selection", "path"),
    [
        ({"maxPerSecond": 0}, "maxPerSecond"),
        ({"maxPerSecond": -5}, "maxPerSecond"),
        ({"maxValueBytes": -1}, "maxValueBytes"),
        ({"nodes": ["a"] * (NAMES + 1)}, "nodes"),
        ({"edges": [0] * (NAMES + 1)}, "edges"),
        ({"events": ["port:emit"] * (NAMES + 1)}, "events"),
    ],
)
async def test_a_start_chooses_within_the_bounds_of_a_subscription(selection: dict[str, Any], path: str) -> None:
    """What execution:subscribe refuses of a selection, execution:start refuses too, and starts nothing."""
    async with open_office() as office:
        desk = office.open_desk()
        answer = await desk.say("execution:start", graphId=await office.load(chain("a", "b")), **selection)
        (problem,) = answer["problems"]
        assert problem["path"] == path
        assert office.runtime.executions() == []
