"""Each step of a routine by itself: what comes in, what leaves, and by which port."""

from typing import Any

import pytest
import trio
import trio.testing

from engine.builtin.parts.routine_step import MODEL_MISSING
from engine.builtin.routine_check import CHECK
from engine.builtin.routine_flow import CALL, REPEAT, REPEAT_LIMIT, STOP, WAIT
from engine.builtin.routine_memory import RECALL, REMEMBER
from engine.builtin.routine_speech import ASK, SAY, THINK
from engine.builtin.routine_steps import ROUTINE_STEPS
from engine.components import config as configuration
from engine.components.sandboxed import ExpressionRunner, open_sandboxes
from engine.contracts.component import Component
from proto.codec import decode
from proto.routine import StepType
from tests.engine.builtin.harness import driven, places

WRAPPED = {"value": {"n": 5}, "variables": {"name": "Ann"}}


async def outputs(component: Component, value: Any, config: dict[str, Any]) -> list[tuple[str, Any]]:
    """What leaves for one value: ports and decoded values; an error by its name."""
    async with driven(component, **config) as driver:
        (outcome,) = await driver.send(value)
        if outcome.error is not None:
            return [("error", outcome.error.name)]
        return [(name, decode(text)) for name, text in driver.texts(outcome)]


def test_there_is_a_component_for_each_step_type() -> None:
    """The components are named as the platform's step types, in their order."""
    named = [component.definition.id for component in ROUTINE_STEPS]
    assert named == [f"symbia.routine.{step_type}" for step_type in StepType.__args__]  # type: ignore[attr-defined]


@pytest.mark.parametrize("component", ROUTINE_STEPS, ids=lambda component: component.definition.id)
def test_params_that_are_not_known_are_taken(component: Component) -> None:
    """Params are the author's: what a step does not read does not refuse the graph."""
    given = {"description": "d", "tone": "kind", "_debug": {"stepId": "s"}}
    assert configuration.check(given, component.definition.config) == []


@pytest.mark.parametrize(
    ("component", "config", "value", "expected"),
    [
        (
            SAY,
            {"content": "Hi {name}"},
            WRAPPED,
            [("said", {"type": "say", "content": "Hi Ann"}), ("output", WRAPPED)],
        ),
        (SAY, {"message": "Hi"}, 1, [("said", {"type": "say", "content": "Hi"}), ("output", 1)]),
        (SAY, {"description": "Greet"}, 1, [("said", {"type": "say", "content": "Greet"}), ("output", 1)]),
        (
            SAY,
            {"content": "{name}", "_variables": {"name": "you"}},
            1,
            [("said", {"type": "say", "content": "you"}), ("output", 1)],
        ),
        (REMEMBER, {"key": "k"}, 7, [("output", {"value": 7, "variables": {"k": 7}})]),
        (
            REMEMBER,
            {"key": "k", "field": "n"},
            WRAPPED,
            [("output", {"value": {"n": 5}, "variables": {"name": "Ann", "k": 5}})],
        ),
        (REMEMBER, {"key": "k", "field": "gone"}, {}, [("output", {"value": {}, "variables": {"k": None}})]),
        (REMEMBER, {"key": "k", "value": [1]}, 7, [("output", {"value": 7, "variables": {"k": [1]}})]),
        (
            REMEMBER,
            {"key": "name", "value": "{name} {n}"},
            WRAPPED,
            [("output", {"value": {"n": 5}, "variables": {"name": "Ann 5"}})],
        ),
        (RECALL, {"key": "name"}, WRAPPED, [("output", {"value": "Ann", "variables": {"name": "Ann"}})]),
        (RECALL, {"key": "gone"}, WRAPPED, [("missing", WRAPPED)]),
        (RECALL, {"key": "gone", "default": 3}, 1, [("output", {"value": 3, "variables": {}})]),
        (RECALL, {"key": "gone", "default": None}, 1, [("output", {"value": None, "variables": {}})]),
        (RECALL, {"key": "gone", "_variables": {"gone": 0}}, 1, [("output", {"value": 0, "variables": {}})]),
        (CALL, {"routineName": "Other", "_routine": "other"}, 1, [("output", 1)]),
        (CALL, {"routineName": "Other"}, 1, [("error", "UnknownRoutine")]),
        (REPEAT, {"times": 3}, 1, [("output", 1)] * 3),
        (REPEAT, {"times": 2.0}, 1, [("output", 1)] * 2),
        (STOP, {}, 1, [("stopped", 1)]),
        (WAIT, {"ms": 0}, 1, [("output", 1)]),
        (WAIT, {"seconds": 0}, 1, [("output", 1)]),
    ],
)
async def test_a_step_runs(component: Component, config: dict[str, Any], value: Any, expected: Any) -> None:
    """What comes in leaves by the documented ports."""
    assert await outputs(component, value, config) == expected


@pytest.mark.parametrize("component", [ASK, THINK, SAY, REMEMBER, RECALL, CALL, REPEAT])
async def test_without_params_a_language_model_is_missing(component: Component) -> None:
    """A step that only a model could carry out refuses the message and says what is missing."""
    async with driven(component, llm={"provider": "anthropic", "model": "m-1"}) as driver:
        (outcome,) = await driver.send(1)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.emissions) == (MODEL_MISSING, ())
    assert (
        "needs a language model (it asks for anthropic, m-1), and this runtime has none" in outcome.error.message
    )


@pytest.mark.parametrize(
    ("component", "config", "path"),
    [
        (SAY, {"content": "a", "message": "b"}, "message"),
        (REMEMBER, {"key": "k", "field": "a b"}, "field"),
        (REMEMBER, {"key": "k", "field": "a", "value": 1}, "value"),
        (WAIT, {"ms": 1, "seconds": 1}, "seconds"),
    ],
)
async def test_contradictions_refuse_the_graph(component: Component, config: dict[str, Any], path: str) -> None:
    """Where two params say the same, or one says nothing, the graph is refused at the param."""
    assert await places(component, **config) == [path]


@pytest.mark.parametrize(
    ("component", "config"),
    [(WAIT, {"ms": -1}), (WAIT, {"seconds": 3601}), (REPEAT, {"times": 0}), (REPEAT, {"times": REPEAT_LIMIT + 1})],
)
def test_numbers_are_bounded(component: Component, config: dict[str, Any]) -> None:
    """A number out of its bounds refuses the graph."""
    problems = configuration.check(config, component.definition.config)
    assert [problem.code for problem in problems] == ["config.out_of_range"]


@pytest.mark.parametrize(("config", "seconds"), [({"ms": 250}, 0.25), ({"seconds": 2}, 2), ({}, 1)])
async def test_wait_holds_a_message(
    config: dict[str, Any], seconds: float, autojump_clock: trio.testing.MockClock
) -> None:
    """A message leaves when its time has come, which is a second where none is given."""
    del autojump_clock
    async with driven(WAIT, **config) as driver:
        assert driver.values(*await driver.send(1)) == []
        assert driver.handler.due() == trio.current_time() + seconds


@pytest.mark.parametrize("component", [SAY, REMEMBER, RECALL])
async def test_broken_json_is_an_error_of_its_own_message(component: Component) -> None:
    """A text that is no JSON harms none of those that came with it."""
    async with driven(component, key="k", default=0, content="{value.a}") as driver:
        broken, whole = await driver.send(b'{"a', b"1")
    assert broken.error is not None
    assert (broken.error.name, whole.error) == ("MalformedJson", None)


async def test_what_is_too_much_is_refused() -> None:
    """Words and variables beyond their bounds are errors with their own names."""
    async with driven(SAY, content="{value}" * 100) as driver:
        (outcome,) = await driver.send("x" * 10_000)
        assert outcome.error is not None
        assert outcome.error.name == "ContentTooLong"
    async with driven(REMEMBER, key="k") as driver:
        (outcome,) = await driver.send("x" * 300_000)
        assert outcome.error is not None
        assert outcome.error.name == "TooManyVariables"


async def test_a_missing_word_is_logged() -> None:
    """What nothing could fill is said in the log, and the words leave all the same."""
    async with driven(SAY, content="Hi {name}") as driver:
        (outcome,) = await driver.send(1)
    assert [(line.level, line.message) for line in outcome.logs] == [("warn", "Nothing fills {name}")]
    assert ("said", b'{"type":"say","content":"Hi {name}"}') in driver.texts(outcome)


@pytest.mark.parametrize(
    ("config", "value", "port"),
    [
        ({"condition": "value > 4"}, 5, "true"),
        ({"condition": "value > 4"}, 4, "false"),
        ({"condition": "value.n > 4 && variables.name === 'Ann'"}, WRAPPED, "true"),
        ({"condition": "variables.name"}, {"value": 1, "variables": {}, "more": 1}, "false"),
        ({"condition": "variables.name === 'you'", "_variables": {"name": "you"}}, 1, "true"),
        ({"condition": "variables.name === 'you'", "_variables": {"name": "you"}}, WRAPPED, "false"),
        ({"condition": "true // whatever"}, 1, "true"),
        ({"field": "n"}, WRAPPED, "true"),
        ({"field": "constructor"}, {}, "false"),
        ({"field": "n.deeper.still"}, WRAPPED, "false"),
        ({"field": "n", "value": 5}, WRAPPED, "true"),
        ({"field": "n", "value": "5"}, WRAPPED, "false"),
        ({"op": "neq", "value": 5}, 5, "false"),
        ({"field": "n", "op": "gt", "value": "4"}, WRAPPED, "true"),
        ({"op": "gt", "value": 4}, " 10 ", "true"),
        ({"op": "gt", "value": 4}, "0x10", "false"),
        ({"op": "gt", "value": 4}, "Infinity", "false"),
        ({"op": "lt", "value": 4}, "", "false"),
        ({"op": "lt", "value": 4}, None, "false"),
        ({"op": "lt", "value": 4}, [3], "false"),
        ({"op": "lt", "value": 4}, True, "false"),
        ({"op": "lt", "value": 4}, 5, "false"),
        ({"op": "contains", "value": "ell"}, "hello", "true"),
        ({"op": "contains", "value": 2}, [1, 2], "true"),
        ({"op": "contains", "value": "null"}, None, "false"),
        ({"op": "exists"}, None, "false"),
    ],
)
async def test_a_check_goes_one_of_two_ways(config: dict[str, Any], value: Any, port: str) -> None:
    """An expression sees value and variables, a comparison is JavaScript's; the message is unchanged."""
    async with open_sandboxes(None) as host:
        assert await outputs(ExpressionRunner(CHECK, host), value, config) == [(port, value)]


async def test_a_check_that_says_nothing_needs_a_model() -> None:
    """Without condition or comparison it is refused at run time; what throws is an error by its own name."""
    async with open_sandboxes(None) as host:
        runner = ExpressionRunner(CHECK, host)
        assert await outputs(runner, 1, {"description": "Is he friendly?"}) == [("error", MODEL_MISSING)]
        assert await outputs(runner, 1, {"condition": "nobody.knows"}) == [("error", "ReferenceError")]


@pytest.mark.parametrize("condition", ["value >", "1), (2", "", "value } {", "(value) => {", "value => value"])
async def test_a_condition_that_is_no_expression_refuses_the_graph(condition: str) -> None:
    """It is read by itself, so that nothing can close what is put around it."""
    async with open_sandboxes(None) as host:
        runner = ExpressionRunner(CHECK, host)
        assert [problem.path for problem in await runner.check({"condition": condition})] == ["condition"]


@pytest.mark.parametrize(
    ("component", "key"), [(SAY, "content"), (SAY, "message"), (SAY, "description"), (REMEMBER, "value")]
)
async def test_words_beyond_all_bounds_refuse_the_graph(component: Component, key: str) -> None:
    """A megabyte of placeholders would keep every other graph waiting at each message; it is not loaded."""
    for text in ("{a}" * 300_000, "{ }" * 300_000, "x" * 100_000):
        assert [problem.path for problem in await component.check({key: text})] == [key]
    assert not await component.check({key: "{a}" * 200})
