"""Fields of components: those that mean something, those that are free, and slips, which are refused."""

from copy import deepcopy
from typing import Any

import pytest

from engine.components.definition import parse_component
from engine.components.fields import without_unknown_fields
from engine.errors import InvalidComponentError
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.problem import Problem

LIMITS = EngineLimits()
GOOD: dict[str, Any] = {
    "id": "custom.a",
    "name": "A",
    "version": "1.0.0",
    "ports": {"inputs": ["in", {"name": "other"}], "outputs": [{"name": "out"}]},
    "config": {"size": {"type": "number"}},
    "execution": {"type": "javascript", "source": "return {}"},
}
PLACES: dict[str, Any] = {
    "": lambda document: document,
    "ports": lambda document: document["ports"],
    "ports.inputs[1]": lambda document: document["ports"]["inputs"][1],
    "ports.outputs[0]": lambda document: document["ports"]["outputs"][0],
    "config.size": lambda document: document["config"]["size"],
    "execution": lambda document: document["execution"],
}


def with_field(place: str, key: str, value: object = 1) -> dict[str, Any]:
    """The component with one more field, somewhere."""
    document = deepcopy(GOOD)
    PLACES[place](document)[key] = value
    return document


def problems_of(document: object) -> list[Problem]:
    return parse_component(document, LIMITS)[1]


@pytest.mark.parametrize(
    ("place", "key", "message"),
    [
        ("", "stateles", "A component has no field stateles; did you mean stateless?"),
        ("ports", "output", "The object ports has no field output; did you mean outputs?"),
        ("ports.inputs[1]", "shema", "A port has no field shema; did you mean schema?"),
        ("ports.outputs[0]", "lan", "A port has no field lan; did you mean lane?"),
        ("config.size", "defualt", "A configuration key has no field defualt; did you mean default?"),
        ("execution", "entryPoint", "The object execution has no field entryPoint; did you mean entrypoint?"),
    ],
)
def test_a_slip_is_refused_with_what_was_meant(place: str, key: str, message: str) -> None:
    """At its place, wherever in the document it is."""
    path = f"{place}.{key}" if place else key
    assert problems_of(with_field(place, key)) == [Problem("component.unknown_field", path, message)]


def test_a_slip_is_told_beside_the_field_that_it_leaves_lacking() -> None:
    """Whoever wrote exection wants to hear of that, and not only that execution is missing."""
    document = {key: value for key, value in GOOD.items() if key != "execution"} | {"exection": {}}
    missing, slip = problems_of(document)
    assert (missing.code, slip.message) == (
        "component.missing_field",
        "A component has no field exection; did you mean execution?",
    )


@pytest.mark.parametrize("place", PLACES)
def test_what_begins_with_x_is_free(place: str) -> None:
    """Everywhere, whatever its value."""
    assert problems_of(with_field(place, "x-note", {"deep": [1]})) == []


@pytest.mark.parametrize("key", ["inputs", "outputs", "lanes", "emitsApocryphal", "metadata", "$schema", "orgId"])
def test_a_reply_can_be_posted_again(key: str) -> None:
    """Names of our own replies and of the platform's clients mean nothing and disturb nobody."""
    assert problems_of(with_field("", key, [])) == []


@pytest.mark.parametrize("place", PLACES)
def test_of_published_components_slips_are_left_out(place: str) -> None:
    """Nothing else is gone, and the document itself stays as it was."""
    document = with_field(place, "slip")
    before = deepcopy(document)
    assert without_unknown_fields(document) == GOOD
    assert document == before


@pytest.mark.parametrize(
    "document", [None, 3, [], {}, {"ports": 1, "config": 1, "execution": 1}, {"ports": {"inputs": 1}}]
)
def test_whatever_the_shape_nothing_breaks(document: object) -> None:
    """Neither where slips are looked for nor where they are left out."""
    assert without_unknown_fields(document) == document
    assert problems_of(document)


async def test_a_misspelt_limit_is_not_left_out_of_published_code() -> None:
    """A misspelt limit would silently not hold: it refuses the component, wherever that comes from."""
    limited = with_field("execution", "limits", {"cpuMS": 5})
    assert without_unknown_fields(limited) == limited
    async with open_runtime() as runtime:
        (problem,) = await _refusals(runtime, limited)
        assert problem.path == "execution.limits"


async def _refusals(runtime: Any, document: object) -> tuple[Problem, ...]:

    with pytest.raises(InvalidComponentError) as caught:
        await runtime.library.register_component(document)
    return caught.value.problems
