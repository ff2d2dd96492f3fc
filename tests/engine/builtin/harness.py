"""Drives the handlers of built-in components through their public methods, as the engine does."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
from hypothesis import strategies as st

from engine.builtin.parts.json_path import Document
from engine.builtin.parts.one_by_one import OneByOne
from engine.contracts.component import Component, input_names, outputs_of
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from proto.codec import encode

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
"""Values as JSON can say them."""


def taken(handler: OneByOne, message: Message) -> Outcome:
    """What one message leads to."""
    return handler.take(message, Document(message.value))


class Driver:
    """One instance of a component; its messages are numbered as an execution numbers them."""

    def __init__(self, component: Component, config: dict[str, Any]) -> None:
        definition = component.definition
        self.inputs = input_names(definition)
        self.outputs = outputs_of(component, config)
        self.handler: Handler = component.create(
            InstanceContext(
                execution_id="execution",
                node_id="node",
                instance_id="instance",
                config=completed(component, config),
                inputs=self.inputs,
                outputs=self.outputs,
                seed=0,
                on_slice_end=trio.lowlevel.checkpoint,
            )
        )
        self._sequence = 0

    async def send(self, *values: Any, port: str | None = None) -> Sequence[Outcome]:
        """Process one batch of values, given as what JSON says; bytes are taken for JSON text."""
        index = self.inputs.index(port) if port else 0
        texts = [value if isinstance(value, bytes) else encode(value) for value in values]
        batch = [Message(index, text, self._sequence + place) for place, text in enumerate(texts)]
        self._sequence += len(batch)
        outcomes: list[Outcome] = []
        while len(outcomes) < len(batch):  # a handler may return after the first ones
            part = await self.handler.process(batch[len(outcomes) :])
            assert 0 < len(part) <= len(batch) - len(outcomes)
            outcomes += part
        return outcomes

    def texts(self, *outcomes: Outcome) -> list[tuple[str, bytes]]:
        """What outcomes emitted: names of ports and JSON texts."""
        return [(self.outputs[port], value) for outcome in outcomes for port, value in outcome.emissions]

    def values(self, *outcomes: Outcome) -> list[Any]:
        """What outcomes emitted on the first port, decoded."""
        return [
            msgspec.json.decode(value) for outcome in outcomes for port, value in outcome.emissions if port == 0
        ]


def completed(component: Component, config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with the defaults filled in."""
    fields = component.definition.config
    defaults = {key: field.default for key, field in fields.items() if field.default is not msgspec.UNSET}
    return {**defaults, **config}


@asynccontextmanager
async def driven(component: Component, **config: Any) -> AsyncIterator[Driver]:
    """An initialised instance; cleaned up at the end. Its configuration has no problems."""
    assert list(await component.check(completed(component, config))) == []
    driver = Driver(component, config)
    outcome = await driver.handler.initialize()
    assert outcome.error is None
    try:
        yield driver
    finally:
        await driver.handler.cleanup()


async def places(component: Component, **config: Any) -> list[str]:
    """The paths of the problems that a component finds in a configuration."""
    return [problem.path for problem in await component.check(completed(component, config))]


def run(body: Callable[[], Any]) -> Any:
    """Run an async function under Trio, where a property test cannot be one itself."""
    return trio.run(body)
