"""Routine definitions at a real runtime: what is valid loads, what is loaded runs."""

from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given, settings

from engine.contracts.observer import FlowObserver
from engine.errors import InvalidRoutineError, QuotaError
from engine.limits import EngineLimits
from engine.routine.loading import judge, load, preview
from engine.runtime import Runtime, open_runtime
from proto.codec import decode, encode
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.routine.definitions import DOCUMENTS, definition, routine, step, without_tuples

GREETING = definition(
    routine(
        "Main",
        step("remember", "name", key="name", field="customer.name"),
        step("say", "hello", content="Hello {name}"),
        step("check", "adult", condition="value.age >= 18"),
        step("call", "offer", routineName="Offer"),
        step("wait", "moment", ms=500),
        step("recall", "back", key="name"),
    ),
    routine("Offer", step("say", "offer", content="{name}, have a {drink}"), step("repeat", "again", times=2)),
    variables={"drink": {"type": "string", "default": "beer"}},
)


class Outputs(FlowObserver):
    """What was emitted, by node and port."""

    def __init__(self) -> None:
        self.values: list[tuple[str, Any]] = []

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        self.values.append((f"{node_id}:{port}", decode(value)))


async def run(runtime: Runtime, document: Any, *values: Any) -> tuple[list[tuple[str, Any]], str]:
    """What the first routine emits by ports that lead nowhere, or its error; and the state at the end."""
    _, graphs = await load(runtime.library, document)
    execution = await runtime.execute(graphs[0].id, ExecuteOptions(completion="manual"))
    entry = graphs[0].definition.nodes[0].id
    joined = {str(edge.source) for edge in graphs[0].definition.edges}
    seen = Outputs()
    with runtime.execution(execution.id).watch(seen):
        messages = [Injection(entry, "input", msgspec.Raw(encode(value))) for value in values]
        await runtime.execution(execution.id).inject(messages, final=True)
        finished = await runtime.execution(execution.id).wait_finished()
    left = [item for item in seen.values if item[0] not in joined]
    if finished.error is not None:
        left.append(("error", finished.error.message))
    return left, finished.state


async def test_a_routine_runs(autojump_clock: trio.testing.MockClock) -> None:
    """Words leave by said, variables and defaults are known, called steps run, and a repeat repeats the rest."""
    del autojump_clock
    value = {"customer": {"name": "Ann"}, "age": 20}
    async with open_runtime() as runtime:
        left, state = await run(runtime, GREETING, value)
    end = {"value": "Ann", "variables": {"name": "Ann"}}
    assert (left, state) == (
        [
            ("main-hello:said", {"type": "say", "content": "Hello Ann"}),
            ("main-offer.offer:said", {"type": "say", "content": "Ann, have a beer"}),
            ("main-exit:output", end),
            ("main-exit:output", end),
        ],
        "completed",
    )


async def test_two_messages_share_no_variable(autojump_clock: trio.testing.MockClock) -> None:
    """Whatever one remembers, the next one knows nothing of; a check that fails ends one way and not the other."""
    del autojump_clock
    steps = [
        step("say", content="{name}"),
        step("remember", key="name", field="n"),
        step("check", condition="value.n"),
    ]
    async with open_runtime() as runtime:
        left, _ = await run(runtime, definition(routine("Main", *steps)), {"n": "Ann"}, {"m": 0})
    assert [value["content"] for place, value in left if place == "main-say:said"] == ["{name}", "{name}"]
    assert ("main-exit:output", {"value": {"n": "Ann"}, "variables": {"name": "Ann"}}) in left
    assert ("main-check:false", {"value": {"m": 0}, "variables": {"name": None}}) in left


async def test_a_stop_ends_the_way_of_one_message() -> None:
    """What stands behind it never happens, and the execution completes as others do."""
    async with open_runtime() as runtime:
        left, state = await run(runtime, definition(routine("Main", step("stop"), step("say"))), 1, 2)
    assert (left, state) == ([("main-stop:stopped", 1), ("main-stop:stopped", 2)], "completed")


@pytest.mark.parametrize("step_type", ["ask", "think", "check", "remember", "recall", "call", "repeat"])
async def test_a_missing_model_fails_the_execution_and_says_so(step_type: str) -> None:
    """A step in plain words loads, and its first message ends the execution with the reason."""
    document = definition(routine("Main", {**step(step_type), "llm": {"model": "m-1"}}))
    async with open_runtime() as runtime:
        verdict = await judge(runtime.library, document)
        assert (verdict.valid, [each.code for each in verdict.warnings]) == (True, ["NEEDS_LANGUAGE_MODEL"])
        left, state = await run(runtime, document, 1)
    assert state == "failed"
    assert f"Node main-{step_type} failed: LanguageModelMissing: A {step_type} step" in left[-1][1]
    assert "this runtime has none" in left[-1][1]


async def test_a_preview_is_what_would_be_loaded() -> None:
    """Nothing is stored; but for what says where nodes come from, the graphs are those that are loaded."""
    async with open_runtime() as runtime:
        seen = await preview(runtime.library, GREETING)
        assert runtime.library.graphs() == []
        loaded, graphs = await load(runtime.library, GREETING)
    assert (seen.source_hash, seen.node_count, seen.edge_count) == (loaded.source_hash, 14, 12)
    for before, after in zip(seen.routines, graphs, strict=True):
        nodes = [
            {**node, "config": {key: value for key, value in node["config"].items() if key != "_debug"}}
            for node in before.graph["nodes"]
        ]
        assert nodes == without_tuples(after.definition.nodes)


@pytest.mark.parametrize(
    ("broken", "code", "path"),
    [
        (step("check", condition="value >"), "INVALID_EXPRESSION", "params.condition"),
        (step("wait", ms="long"), "INVALID_PARAM", "params.ms"),
        (step("say", content="a", message="b"), "INVALID_PARAM", "params.message"),
        (step("say", "s" * 200), "INVALID_GRAPH", "id"),
    ],
)
async def test_what_a_graph_is_refused_for_is_said_of_the_step(
    broken: dict[str, Any], code: str, path: str
) -> None:
    """Validation, preview and loading refuse the same, once, at the step, though it stands in two graphs."""
    document = definition(routine("Main", step("call", routineName="Sub")), routine("Sub", broken))
    async with open_runtime() as runtime:
        verdict = await judge(runtime.library, document)
        assert not verdict.valid
        for attempt in (preview, load):
            with pytest.raises(InvalidRoutineError) as refused:
                await attempt(runtime.library, document)
            assert refused.value.problems == verdict.errors
        assert runtime.library.graphs() == []
    place = {"INVALID_GRAPH": "routines[1].steps[0]"}.get(code, f"routines[1].steps[0].{path}")
    assert [(problem.code, problem.path) for problem in verdict.errors] == [(code, place)]


async def test_the_quota_takes_all_graphs_or_none() -> None:
    """Three routines do not fit where two graphs may be, and leave nothing behind."""
    document = definition(routine("A"), routine("B"), routine("C"))
    async with open_runtime(limits=EngineLimits(owner_graphs=2)) as runtime:
        assert (await judge(runtime.library, document)).valid
        with pytest.raises(QuotaError):
            await load(runtime.library, document)
        assert runtime.library.graphs() == []


async def test_a_wide_definition_lets_others_run() -> None:
    """While a definition of a megabyte is hashed, another task has its turn again and again."""
    document = definition(routine("A"), capabilities=["x"] * 150_000)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await load(runtime.library, document)
        nursery.cancel_scope.cancel()
    assert turns > 100


@settings(max_examples=60)
@given(DOCUMENTS)
def test_whatever_is_valid_loads(document: Any) -> None:
    """A verdict is given on anything; what is valid loads, and what is not is refused for the same reasons."""

    async def attempt() -> None:
        async with open_runtime() as runtime:
            verdict = await judge(runtime.library, document)
            assert verdict.valid == (not verdict.errors)
            if verdict.valid:
                _, graphs = await load(runtime.library, document)
                assert len(graphs) == len(document["routines"])
                return
            with pytest.raises(InvalidRoutineError) as refused:
                await load(runtime.library, document)
            assert refused.value.problems == verdict.errors

    trio.run(attempt)
