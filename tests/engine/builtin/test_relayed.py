"""Components that say that they only hand on do that, and nothing else."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from engine.builtin.catalogue import builtins
from engine.builtin.core_merge import MERGE
from engine.contracts.component import Builtin, input_names
from engine.contracts.handler import NOTHING, Handler, Message, Outcome
from tests.engine.builtin.harness import JSON_VALUES, Driver, completed

RELAYS = [each for each in builtins() if isinstance(each, Builtin) and each.relayed(completed(each, {}))]


def test_these_are_known() -> None:
    """Merges, as long as they take any value, and what only passes on."""
    assert [each.definition.id for each in RELAYS] == [
        "symbia.core.passthrough",
        "symbia.core.merge",
        "symbia.io.passthrough",
        "symbia.io.collect",
    ]
    assert not any(MERGE.relayed({"mode": mode}) for mode in ("zip", "all", "${param.mode}"))


@pytest.mark.parametrize("component", RELAYS, ids=lambda each: str(each.definition.id))
@given(value=JSON_VALUES)
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
async def test_each_value_leaves_at_once_by_the_output_of_its_input(component: Builtin, value: object) -> None:
    """As it came, on each input; nothing is said or kept, at the beginning, on the way and at the end."""
    handler = Driver(component, {}).handler
    text = b" " + msgspec.json.encode(value)
    relayed = component.relayed(completed(component, {}))
    assert len(relayed) == len(input_names(component.definition))
    batch = [Message(port, text) for port in range(len(relayed))]
    assert await handler.initialize() == NOTHING
    assert list(await handler.process(batch)) == [Outcome(((output, text),)) for output in relayed]
    assert await handler.conclude() == NOTHING
    assert (handler.keeps, type(handler).due, handler.is_source) == ("", Handler.due, False)
