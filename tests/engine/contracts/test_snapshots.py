"""Every built-in component says what it keeps, so that a new handler goes on where another one was.

The components are those of the catalogue. A snapshot is taken at a random point of random messages, encoded and
read, and given to a new handler: from there on both must do the same. One that keeps nothing is a new one at any
moment, and is held to the same.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from engine.builtin.catalogue import builtins
from engine.builtin.core_expressions import ExpressionComponent
from engine.builtin.io_http_request import open_client
from engine.components import config as configuration
from engine.components.registry import Registry
from engine.components.sandboxed import open_sandboxes
from engine.components.source import no_source
from engine.contracts.component import Component, inputs_of, outputs_of
from engine.contracts.groups import GatheringHandler, Group, GroupedMessage, Opener, Place
from engine.contracts.handler import Handler, InstanceContext, Kept, Message
from engine.limits import EngineLimits
from tests.checks import kept_by, seen_of
from tests.engine.contracts.test_handler_contract import BUILTIN

RECEIVING = [component for component in builtins() if component.definition.ports.inputs]
"""Without those that only produce: what they keep is their position (tests/engine/execution/test_producing.py)."""

CATALOGUE = [component.definition.id for component in RECEIVING]

BUILT_IN: Mapping[str, Component] = {
    component.definition.id: component for component in RECEIVING if not isinstance(component, ExpressionComponent)
}

SEEDS = range(8)

VARIANTS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "symbia.core.accumulator": ({"count": 3, "timeoutMs": 700, "bytes": 60}, {"count": 5}),
    "symbia.core.delay": ({"ms": 800}, {"ms": 0}),
    "symbia.core.merge": ({"mode": "zip"}, {"mode": "all", "inputs": ["a", "b", "c"]}),
    "symbia.core.gather": ({"timeoutMs": 900}, {"ordered": False, "onItemError": "collect"}),
    "symbia.core.group": (
        {"count": 3, "overlap": 2, "key": "k"},
        {"ms": 900, "everyMs": 300, "key": "k"},
        {"ms": 500, "count": 4},
    ),
    "symbia.core.join": ({"key": "k", "ms": 600}, {"key": "k", "ms": 600, "alone": "error"}),
    "symbia.core.throttle": ({"count": 2, "intervalMs": 600, "key": "k"}, {"intervalMs": 500, "excess": "drop"}),
    "symbia.core.debounce": (
        {"ms": 400, "key": "k", "maxWaitMs": 900},
        {"ms": 400, "key": "k", "edge": "leading"},
    ),
    "symbia.core.dedupe": ({"key": "k", "ms": 800, "count": 2}, {"count": 3}),
    "symbia.data.sample": ({"every": 3}, {"share": 0.5}, {"share": 0.5, "key": "k"}),
    "symbia.data.sequence": ({"field": "n", "key": "k"}, {"field": "n", "first": 1}),
    "symbia.data.sort": (
        {"field": "n", "count": 2, "ms": 700},
        {"field": "k", "ms": 300, "order": "descending"},
    ),
    "symbia.data.aggregate": (
        {"sizeMs": 900, "key": "k", "aggregates": {"a": {"op": "last", "field": "n"}}},
        {
            "window": "sliding",
            "sizeMs": 4,
            "everyMs": 2,
            "time": "n",
            "lateMs": 3,
            "aggregates": {
                "sum": {"op": "sum", "field": "n"},
                "least": {"op": "min", "field": "n"},
                "kinds": {"op": "distinct", "field": "k"},
            },
        },
        {"window": "session", "sizeMs": 300, "aggregates": {"mean": {"op": "mean", "field": "n"}}},
    ),
    "symbia.data.enrich": ({"key": "k", "table": {"1": {"a": 1}}}, {"key": "k", "table": {"two": {}}, "into": ""}),
    "symbia.io.delay": ({"ms": 300},),
    "symbia.routine.wait": ({"ms": 300},),
    "symbia.state.latest": ({"keyField": "k"}, {"keyField": "k", "strict": True}),
    "symbia.state.join": (
        {"select": {"x": 1, "y": "two"}, "keyField": "k", "valueField": "n"},
        {"select": {"x": 1, "y": "two"}, "keyField": "k", "valueField": "n", "strict": True},
    ),
    "symbia.state.window": ({"field": "n", "size": 3}, {"field": "n", "size": 3, "strict": True}),
    "symbia.state.rollup": (
        {"expected": ["1", "two"], "keyField": "k", "valueField": "n"},
        {"expected": [1, "two"], "keyField": "k", "valueField": "n", "strict": True, "op": "max"},
    ),
    "symbia.io.http-request": ({"url": "http://127.0.0.1:1/"},),
    "symbia.source.timer": ({"intervalMs": 300},),
}

VALUES = (
    b'{"k": 1, "n": 2}',
    b'{"k": "two", "n": 0.1}',
    b'{"k": "two", "n": 123456789012345678901234567890}',
    b'{"k": "\\ud800", "n": -7}',
    b'{"k": 1, "n": "3"}',
    b'"text"',
    b"4",
    b"null",
)


class Play:
    """One random run of two handlers: the first from the beginning, the second from a snapshot on."""

    def __init__(self, seed: int, handler: Handler, inputs: Sequence[int], clock: MockClock) -> None:
        self._random = random.Random(seed)
        self.handlers = [handler]
        self._inputs = inputs
        self._clock = clock
        self._opener = Opener((0,))
        self._groups: list[Group] = []
        self._sequence = 0

    async def step(self) -> None:
        """Do one thing with each handler, and see that all of them have done the same."""
        choose = self._random
        act: Callable[[Handler], Any] = self._release
        if choose.random() < 0.6:
            batch = [self._message() for _ in range(choose.randint(1, 3))]
            act = lambda handler: self._process(handler, batch)  # noqa: E731
        elif isinstance(self.handlers[0].innermost(), GatheringHandler):
            act = self._group_step()
        else:
            self._clock.jump(choose.choice((0.1, 0.25, 0.5)))
        await self._do(act)
        await self._do(self._release)

    async def end(self) -> None:
        """Let the handlers give out what they hold."""
        await self._do(lambda handler: handler.conclude())

    async def _do(self, act: Callable[[Handler], Any]) -> None:
        seen = [(await act(handler), seen_of(handler)) for handler in self.handlers]
        assert all(each == seen[0] for each in seen)

    def _message(self) -> Message:
        choose = self._random
        self._sequence += 1
        fields = (choose.choice(self._inputs), choose.choice(VALUES), self._sequence, 0, choose.choice((0, 0, 1)))
        if not self._groups or choose.random() < 0.3:
            return Message(*fields)
        return GroupedMessage(*fields, Place(choose.choice(self._groups), choose.randint(0, 3)))

    @staticmethod
    async def _process(handler: Handler, batch: Sequence[Message]) -> list[Any]:
        outcomes: list[Any] = []
        while len(outcomes) < len(batch):
            outcomes += await handler.process(batch[len(outcomes) :])
        return outcomes

    @staticmethod
    async def _release(handler: Handler) -> Any:
        due = handler.due()
        given = []
        while due is not None and due <= trio.current_time():
            given.append(await handler.vet(handler.release(trio.current_time())))
            due = handler.due()
        return given

    def _group_step(self) -> Callable[[Handler], Any]:
        if not self._groups or self._random.random() < 0.5:
            group = Group(self._opener, self._random.choice((0, 1)), None)
            self._groups.append(group)
            return lambda handler: self._open(handler, group)
        group = self._random.choice(self._groups)
        self._groups.remove(group)
        return lambda handler: self._complete(handler, group)

    @staticmethod
    async def _open(handler: Handler, group: Group) -> None:
        gathering = handler.innermost()
        assert isinstance(gathering, GatheringHandler)
        gathering.open(group)

    @staticmethod
    async def _complete(handler: Handler, group: Group) -> Any:
        gathering = handler.innermost()
        assert isinstance(gathering, GatheringHandler)
        return gathering.complete(group), gathering.complete_groups(), gathering.take_closed()


async def play(component: Component, config: Mapping[str, Any], clock: MockClock, seed: int) -> Kept | None:
    """Run a component's handler, and a second one from a random point on; return what was kept there."""
    complete = configuration.complete(config, component.definition.config)
    inputs = inputs_of(component, complete)
    declared = [port.name for port in component.definition.ports.inputs]
    context = _context(component, config)
    handler = component.create(context)
    assert (await handler.initialize()).error is None
    moves = Play(seed, handler, [declared.index(name) for name in inputs], clock)
    choose = random.Random(seed)
    for _ in range(choose.randint(0, 12)):
        await moves.step()
    kept = kept_by(handler)
    heir = component.create(context)
    if kept is not None:
        heir.restore(kept, trio.current_time())
    await heir.initialize()
    moves.handlers.append(heir)
    for _ in range(12):
        await moves.step()
    await moves.end()
    for each in moves.handlers:
        await each.cleanup()
    return kept


@pytest.mark.parametrize("component_id", BUILT_IN)
async def test_a_handler_goes_on_from_a_snapshot(component_id: str, mock_clock: MockClock) -> None:
    """From a random point on: emissions, lanes, places, logs, errors, what is due and what is held."""
    await check(BUILT_IN[component_id], mock_clock)


async def test_an_expression_goes_on_from_a_snapshot(mock_clock: MockClock) -> None:
    """The same of those that are given to the sandbox."""
    async with open_sandboxes(None) as host:
        components = Registry(host, EngineLimits(), open_client, no_source).of("")
        for component_id in CATALOGUE:
            if component_id not in BUILT_IN:
                await check(components[component_id], mock_clock)


async def check(component: Component, clock: MockClock) -> None:
    """Hold a component to it, in all its kinds."""
    component_id = component.definition.id
    for config in VARIANTS.get(component_id, ()) or (BUILTIN[component_id],):
        kept = [await play(component, config, clock, seed) for seed in SEEDS]
        handler = component.create(_context(component, config)).innermost()
        assert type(handler).snapshot is not Handler.snapshot or not any(each is not None for each in kept)


def _context(component: Component, config: Mapping[str, Any]) -> InstanceContext:
    complete = configuration.complete(config, component.definition.config)
    inputs, outputs = inputs_of(component, complete), outputs_of(component, complete)
    context = InstanceContext("e", "n", "i", complete, inputs, outputs, 0, trio.lowlevel.checkpoint)
    return msgspec.structs.replace(context, timestamp=lambda: "2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize("component_id", sorted(VARIANTS))
async def test_a_time_that_has_passed_has_passed(component_id: str, mock_clock: MockClock) -> None:
    """What is due keeps its time of day: restored ten minutes later, it is due ten minutes earlier."""
    component = BUILT_IN[component_id]
    context = _context(component, VARIANTS[component_id][0])
    handler, heir = component.create(context), component.create(context)
    await handler.initialize()
    if not isinstance(handler, GatheringHandler):
        await handler.process([Message(0, b'{"k": 1, "n": 2}', 1)])
    due, kept = handler.due(), kept_by(handler)
    if kept is not None:
        heir.restore(kept, trio.current_time() - 600)
        assert due is None or heir.due() == pytest.approx(due - 600)
    assert (due is None) or kept is not None
    mock_clock.jump(1)
    await handler.cleanup()


NONSENSE: Sequence[Any] = (
    None,
    1,
    [],
    [[]],
    ["x", 2],
    {"a": 1},
    [[["k", 1.0]], [["l", 1.0]]],
    [[1], 5, 9.0],
    [[[b"k", 7, [1.0]]], []],
    [{"a": 7, "b": 1}, 0],
    [["nowhere"], True, 0],
    [[b"k", b"1", 9]],
    [["one", 3]],
    [[b"k", 0.0, ["a", "b"]]],
)


@pytest.mark.parametrize("component_id", sorted(VARIANTS))
def test_what_cannot_have_been_kept_is_refused(component_id: str) -> None:
    """Whatever stands in a checkpoint, a handler takes it or raises what the engine catches."""
    component = BUILT_IN[component_id]
    for config in VARIANTS[component_id]:
        refused = 0
        for rest in NONSENSE:
            handler = component.create(_context(component, config))
            try:
                handler.restore(Kept((Message(0, b"1"),), rest=rest), 0.0)
            except (ValueError, TypeError, LookupError, msgspec.MsgspecError):
                refused += 1
        assert refused >= len(NONSENSE) - 2
