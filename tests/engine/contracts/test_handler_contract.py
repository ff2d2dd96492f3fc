"""What all handlers owe to the engine, whoever wrote them and in whatever they are written."""

from collections.abc import Mapping
from typing import Any

import pytest
import trio

from engine.builtin.io_http_request import open_client
from engine.components import config as configuration
from engine.components.registry import Registry
from engine.components.sandboxed import open_sandboxes
from engine.components.source import no_source
from engine.contracts.component import input_names, output_names
from engine.contracts.handler import InstanceContext
from engine.limits import EngineLimits
from tests.checks import CASES, LANGUAGES, Language, check_contract, definition

BUILTIN: dict[str, Mapping[str, Any]] = {
    "symbia.core.passthrough": {},
    "symbia.core.logger": {},
    "symbia.core.delay": {"delay": 1},
    "symbia.core.filter": {"predicate": "value > 1"},
    "symbia.core.map": {"expression": "[value]"},
    "symbia.core.merge": {},
    "symbia.core.split": {"condition": "value > 1"},
    "symbia.core.accumulator": {},
    "symbia.core.each": {},
    "symbia.core.gather": {},
    "symbia.core.group": {"count": 2, "overlap": 1, "key": "a"},
    "symbia.core.join": {"key": "a"},
    "symbia.core.throttle": {"intervalMs": 10},
    "symbia.core.debounce": {"ms": 1},
    "symbia.core.dedupe": {},
    "symbia.data.json-transform": {"path": "a"},
    "symbia.data.template": {"template": "It is {}"},
    "symbia.data.csv": {"mode": "format"},
    "symbia.data.xml": {},
    "symbia.data.base64": {},
    "symbia.data.hash": {},
    "symbia.data.compress": {},
    "symbia.data.validate": {"schema": {"type": "number"}},
    "symbia.data.sample": {"share": 0.5},
    "symbia.data.sequence": {"field": "a"},
    "symbia.data.sort": {"field": "a", "count": 2},
    "symbia.data.aggregate": {"aggregates": {"n": {"op": "sum", "field": "a"}}},
    "symbia.data.enrich": {"key": "a", "table": {"1": {}}},
    "symbia.io.passthrough": {},
    "symbia.io.collect": {},
    "symbia.io.log": {"message": "Seen:"},
    "symbia.io.delay": {"ms": 1},
    "symbia.transform.map": {"mapping": {"b": "a"}},
    "symbia.logic.filter": {"field": "a", "op": "contains", "value": 1},
    "symbia.logic.switch": {"field": "a"},
    "symbia.compute.arithmetic": {"expression": "{value} * 2 / 3"},
    "symbia.state.latest": {"keyField": "a"},
    "symbia.state.join": {"select": {"x": 1}, "keyField": "a"},
    "symbia.state.window": {"field": "a"},
    "symbia.state.rollup": {"expected": ["k"]},
    "symbia.source.timer": {},
    "symbia.sink.metric": {"name": "m", "valueField": "a"},
    "symbia.sink.log": {},
    "symbia.routine.say": {"content": "Hi"},
    "symbia.routine.ask": {},
    "symbia.routine.think": {},
    "symbia.routine.remember": {"key": "k"},
    "symbia.routine.recall": {"key": "k"},
    "symbia.routine.wait": {"ms": 1},
    "symbia.routine.check": {"condition": "value > 1"},
    "symbia.routine.call": {"_routine": "r"},
    "symbia.routine.repeat": {"times": 2},
    "symbia.routine.stop": {},
}
"""Without symbia.io.http-request, whose outcomes are the network's."""

VALUES = (b"1", b"2", b'{"a": [1, "\xc3\xa9"]}', b"null", b'"text"', b"12345678901234567890")


async def check(registry: Registry, component_id: str, config: Mapping[str, Any]) -> None:
    """One component, opened as the engine opens it."""
    component = registry.of("")[component_id]
    inputs, outputs = input_names(component.definition), output_names(component.definition)
    complete = configuration.complete(config, component.definition.config)
    assert list(await component.check(complete)) == []
    context = InstanceContext("e", "n", "i", complete, inputs, outputs, 0, trio.lowlevel.checkpoint)
    await check_contract(component.create(context), VALUES, len(outputs))


@pytest.mark.parametrize("component_id", BUILTIN)
async def test_a_built_in_component_keeps_the_contract(component_id: str, autojump_clock: object) -> None:
    """One outcome for each message, declared ports, JSON text; nothing for nothing."""
    del autojump_clock
    async with open_sandboxes(None) as host:
        await check(Registry(host, EngineLimits(), open_client, no_source), component_id, BUILTIN[component_id])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
async def test_a_strangers_component_keeps_the_contract(case: str, language: Language) -> None:
    """As built-in ones do, also where it throws, spins and never settles."""
    async with open_sandboxes(None) as host:
        registry = Registry(host, EngineLimits(), open_client, no_source)
        registered = await registry.register(definition(CASES[case], language))
        await check(registry, registered.id, CASES[case].config)
