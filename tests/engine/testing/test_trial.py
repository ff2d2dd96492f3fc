"""Trials: a component on sample messages, step by step, and on its cases."""

from typing import Any

import pytest
import trio

from engine.testing import trial
from engine.testing.simulated_time import SimulatedTime
from engine.testing.trial import TRIAL_STEPS, try_component
from proto.trial import TrialEmission, TrialLine, TrialReply, TrialRequest

COUNTER = """return {
  initialize: (ctx) => ctx.setState('n', 0),
  process: (ctx, port, value) => {
    ctx.log('info', 'got ' + value);
    if (value === 0) throw new RangeError('no zero');
    ctx.setState('n', ctx.getState('n') + value);
    ctx.emit('out', ctx.getState('n'));
  },
  flush: (ctx) => ctx.emit('out', 'last'),
}"""


def component(source: str, **execution: Any) -> dict[str, Any]:
    return {
        "id": "own.counter",
        "name": "Counter",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "entrypoint": "handler", "source": source, **execution},
    }


def tried(**request: Any) -> TrialReply:
    time = SimulatedTime()
    return trio.run(try_component, TrialRequest(**request), time, clock=time.clock)


def test_each_step_says_what_came_of_it() -> None:
    reply = tried(component=component(COUNTER), send=({"in": 2}, {"in": 0}, {"in": 3}))
    assert reply.valid
    first, second, third, last = reply.steps
    assert (first.moment, first.index, first.port) == ("send", 0, "in")
    assert first.emissions == (TrialEmission("out", 2),)
    assert first.logs == (TrialLine("info", "got 2"),)
    assert second.error is not None
    assert (second.error.name, second.error.message, second.error.line) == ("RangeError", "no zero", 5)
    assert third.emissions == (TrialEmission("out", 5),)
    assert (last.moment, last.emissions) == ("flush", (TrialEmission("out", "last"),))
    assert reply.state == {"n": 5}
    assert reply.memory_bytes > 0


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [("return {\n process: (ctx) => {\n  ctx.emit('out', );; +\n }}", 4, 2), ("return {\n  process: ;\n}", 2, 12)],
)
def test_what_cannot_be_compiled_has_its_line(source: str, line: int, column: int) -> None:
    reply = tried(component=component(source))
    assert not reply.valid
    assert [(each.path, each.line, each.column) for each in reply.problems] == [("execution.source", line, column)]


def test_a_failing_initialize_is_a_step_with_its_line() -> None:
    reply = tried(component=component("return {\n initialize: () => { null.x },\n process: () => 1 }"))
    assert reply.valid
    (step,) = reply.steps
    assert step.moment == "initialize"
    assert step.error is not None
    assert step.error.line == 2


def test_time_passes_when_a_step_says_so() -> None:
    delay = {"component": "symbia.core.delay", "config": {"ms": 5000}}
    reply = tried(**delay, send=({"in": 1}, {"advance": "4s"}, {"advance": "1s"}), flush=False)
    assert [(each.moment, each.index, len(each.emissions)) for each in reply.steps] == [
        ("send", 0, 0),
        ("advance", 2, 1),
    ]


def test_a_wrong_configuration_is_a_problem_of_its_key() -> None:
    reply = tried(component="symbia.core.map", config={"expression": "value +"}, send=({"in": 1},))
    assert [each.path for each in reply.problems] == ["config.expression"]


@pytest.mark.parametrize("step", [{}, {"no": 1}, {"advance": "soon"}])
def test_a_wrong_step_is_a_problem(step: dict[str, Any]) -> None:
    reply = tried(component="symbia.core.passthrough", send=(step,))
    assert [(each.code, each.path) for each in reply.problems] == [("trial.step", "send")]


def test_too_many_steps_are_refused_before_any_is_taken() -> None:
    reply = tried(component="symbia.core.passthrough", send=({"in": 1},) * (TRIAL_STEPS + 1))
    assert [each.code for each in reply.problems] == ["trial.too_many"]


def test_cases_have_their_verdicts() -> None:
    good = {"name": "adds", "send": [{"in": 2}, {"in": 3}], "expect": {"out": [2, 5]}}
    bad = {**good, "name": "is wrong", "expect": {"out": [2, 6]}}
    frozen = {"name": "frozen", "send": [], "snapshot": True}
    reply = tried(component=component(COUNTER), cases=(good, bad, frozen, {"name": "odd", "sned": []}))
    assert [(each.name, each.passed) for each in reply.cases] == [
        ("adds", True),
        ("is wrong", False),
        ("frozen", False),
        ("odd", False),
    ]
    assert reply.cases[1].complaints == ("port out: expected [2,6], got [2,5]",)


def test_no_request_leaves() -> None:
    request = {"component": "symbia.io.http-request", "config": {"url": "http://127.0.0.1:1/"}}
    reply = tried(**request, send=({"in": {}},))
    assert any(each.error is not None or each.emissions for each in reply.steps)
    assert "stand-in" in str(reply.steps)


def test_what_the_reply_has_no_room_for_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "REPLY_BYTES", 1000)
    reply = tried(component="symbia.core.passthrough", send=({"in": "x" * 2000}, {"in": 1}))
    assert reply.steps[0].emissions == (TrialEmission("out", omitted_bytes=2002),)
    assert reply.steps[1].emissions == (TrialEmission("out", 1),)
    assert reply.truncated


def test_an_instance_may_not_emit_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "ROOM_BYTES", 1000)
    reply = tried(component="symbia.core.passthrough", send=({"in": "x" * 800},) * 2)
    assert reply.steps[0].error is None
    assert reply.steps[1].error is not None
    assert reply.steps[1].error.name == "OutputLimitExceeded"
