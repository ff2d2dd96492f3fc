"""Calls come to an end, and their number is known before anything is built."""

from itertools import pairwise
from typing import Any

import pytest

from engine.routine.calls import check_calls
from engine.routine.limits import CALL_DEPTH_LIMIT, NODES_LIMIT
from engine.routine.validation import validate
from proto.problem import Problem
from tests.engine.routine.definitions import definition, routine, step


def calling(name: str, *targets: str) -> dict[str, object]:
    """A routine that calls others."""
    return routine(name, *(step("call", f"c{place}", routineName=target) for place, target in enumerate(targets)))


def problems(*routines: dict[str, object]) -> list[Problem]:
    return validate(definition(*routines))[1].errors


def test_a_routine_that_calls_itself_is_refused() -> None:
    """The call is named, and the round that it makes."""
    (problem,) = problems(calling("A", "B", "A"), calling("B"))
    assert (problem.code, problem.path) == ("CALL_CYCLE", "routines[0].steps[1].params.routineName")
    assert problem.message == "Routines call each other without end: A -> A"


def test_a_round_of_calls_is_refused_once() -> None:
    """Whoever calls into the round is not blamed, and the round is told in its order."""
    (problem,) = problems(calling("Outside", "A"), calling("A", "B"), calling("B", "C"), calling("C", "A"))
    assert problem.message.endswith("A -> B -> C -> A")
    assert problem.path == "routines[3].steps[0].params.routineName"


def test_a_routine_may_be_called_by_many() -> None:
    """Calling twice is no round."""
    assert problems(calling("A", "B", "C", "C"), calling("B", "C"), calling("C")) == []


@pytest.mark.parametrize("backwards", [False, True])
def test_depth_is_bounded(backwards: bool) -> None:
    """One call too deep is refused, wherever the walk begins; one at the bound is not."""
    names = [f"R{number}" for number in range(CALL_DEPTH_LIMIT + 2)]
    chain = [calling(name, following) for name, following in pairwise(names)]
    last = calling(names[-1])
    routines = [last, *reversed(chain)] if backwards else [*chain, last]
    assert {problem.code for problem in problems(*routines)} == {"CALL_TOO_DEEP"}
    shorter = [each for each in routines if each["name"] != names[0]]
    assert problems(*shorter) == []


def test_multiplying_calls_are_refused_before_they_multiply() -> None:
    """Thirty calls in each of sixteen layers would be more nodes than any machine holds; it takes no time."""
    names = [f"R{number}" for number in range(16)]
    layers = [calling(name, *[following] * 30) for name, following in pairwise(names)]
    (problem,) = problems(*layers, calling(names[-1]))
    assert (problem.code, problem.path) == ("TOO_MANY_NODES", "routines")


def test_the_bound_of_nodes_is_the_number_that_is_built() -> None:
    """Steps, entries and exits of all graphs count, called routines in each."""
    steps = [step("stop", f"s{number}") for number in range(500)]
    fitting = NODES_LIMIT - 500 - 2 - 2 - 500 * 2 - 2
    routines = [routine("Big", *steps), calling("A", "Big", "Big"), routine("Rest", *steps[: fitting - 2])]
    document = definition(*routines)
    assert check_calls_of(document) == []
    routines[2] = routine("Rest", *steps[: fitting - 1])
    assert [problem.code for problem in check_calls_of(definition(*routines))] == ["TOO_MANY_NODES"]


def check_calls_of(document: dict[str, object]) -> list[Problem]:
    valid, found = validate(document)
    return found.errors if valid is None else check_calls(valid)


LONG = "x" * 20_000


@pytest.mark.parametrize(
    "fields",
    [{"llm": {"systemPrompt": LONG}}, {"variables": {"v": {"type": "string", "default": LONG}}}],
)
def test_what_stands_once_and_comes_out_often_is_bounded(fields: dict[str, Any]) -> None:
    """A long prompt, default or param that many nodes would repeat is refused before it is repeated."""
    steps = [step("say", f"s{number}") for number in range(500)]
    found = validate(definition(routine("A", *steps), **fields))[1].errors
    assert [(problem.code, problem.path) for problem in found] == [("GRAPHS_TOO_LARGE", "routines")]
    assert validate(definition(routine("A", *steps[:300]), **fields))[1].errors == []


def test_a_long_param_is_counted_wherever_its_routine_is_called() -> None:
    """Thirty calls of a step of half a megabyte would be fifteen megabytes."""
    big = routine("Big", step("stop", note="x" * 500_000))
    assert [problem.code for problem in problems(calling("A", *["Big"] * 30), big)] == ["GRAPHS_TOO_LARGE"]
    assert problems(calling("A", *["Big"] * 10), big) == []
