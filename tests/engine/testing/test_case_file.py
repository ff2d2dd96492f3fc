"""Components tested as data, on the real workbench: every kind of expectation, met and missed."""

from typing import Any

import msgspec
import pytest
from trio.testing import MockClock

from engine.testing.case_file import parse_case_file
from engine.testing.run_cases import UnusableSubjectError
from tests.engine.testing.playing import complaints_of

COUNTER = {
    "id": "custom.counter",
    "name": "Counter",
    "version": "1.0.0",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "execution": {
        "type": "javascript",
        "source": """return { process: async (ctx, port, value) => {
            if (value === 'boom') throw new TypeError('no booms here');
            const count = (ctx.getState('count') ?? 0) + 1;
            ctx.setState('count', count);
            ctx.log('info', `count ${count}`);
            ctx.emit('out', count);
        } }""",
    },
}


async def verdicts(clock: MockClock, component: Any, *cases: dict[str, Any]) -> list[tuple[str, ...]]:
    return await complaints_of(clock, {"component": component}, *cases)


async def test_a_case_that_is_met_has_no_complaints(mock_clock: MockClock) -> None:
    """Emissions, logs, state and errors as expected make no complaint; each case has an instance of its own."""
    met = {"send": [{"in": 1}, {"in": 1}], "expect": {"out": [1, 2]}, "logs": ["count 1", "count 2"]}
    failing = {"send": [{"in": "boom"}], "error": "TypeError: no booms", "state": {}}
    assert await verdicts(
        mock_clock, COUNTER, {**met, "state": {"count": 2}}, {**met, "state": {"count": 2}}, failing
    ) == [
        (),
        (),
        (),
    ]


async def test_each_missed_expectation_is_told(mock_clock: MockClock) -> None:
    """Whatever differs is named with what was expected and what was got."""
    (complaints,) = await verdicts(
        mock_clock,
        COUNTER,
        {"send": [{"in": 1}], "expect": {"out": [7]}, "logs": [], "state": {}, "error": "Nope"},
    )
    assert complaints == (
        "port out: expected [7], got [1]",
        "expected an error with 'Nope', and none occurred",
        'logs: expected [], got ["count 1"]',
        'state: expected {}, got {"count":1}',
    )


async def test_an_unexpected_error_is_told(mock_clock: MockClock) -> None:
    """An error that no expectation names fails the case."""
    ((complaint,),) = await verdicts(mock_clock, COUNTER, {"send": [{"in": "boom"}]})
    assert complaint == "unexpected error: TypeError: no booms here"


async def test_a_built_in_component_is_tested_by_its_id(mock_clock: MockClock) -> None:
    """A case file may name a built-in component; held data comes out when the case says flush."""
    assert await verdicts(
        mock_clock,
        "symbia.core.accumulator",
        {
            "config": {"count": 2},
            "send": [{"in": 1}, {"in": 2}, {"in": 3}],
            "expect": {"out": [[1, 2], [3]]},
            "flush": True,
        },
    ) == [()]


async def test_an_unknown_component_and_a_wrong_config_are_refused(mock_clock: MockClock) -> None:
    """What cannot be opened is an error of the engine's, with its problems."""
    with pytest.raises(UnusableSubjectError, match=r"custom\.unknown"):
        await verdicts(mock_clock, "custom.unknown", {})
    ((complaint,),) = await verdicts(mock_clock, "symbia.core.filter", {})
    assert "predicate" in complaint


def test_a_file_of_another_shape_is_refused() -> None:
    """A misspelt key is refused with its place."""
    with pytest.raises(msgspec.ValidationError, match="csaes"):
        parse_case_file({"component": "x", "csaes": []})
