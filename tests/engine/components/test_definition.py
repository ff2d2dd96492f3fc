"""Component definitions that owners register: every problem with its code and its place."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.components.definition import MAX_PORTS, parse_component
from engine.limits import EngineLimits

LIMITS = EngineLimits(name_characters=30, source_bytes=100)

GOOD: dict[str, Any] = {
    "id": "custom.math.square",
    "name": "Square",
    "version": "1.0.0",
    "ports": {"inputs": [{"name": "in", "schema": {"type": "number"}}], "outputs": [{"name": "out"}]},
    "execution": {"type": "javascript", "entrypoint": "handler", "source": "return {}"},
}


def problems_of(**changes: Any) -> list[tuple[str, str]]:
    _, problems = parse_component({**GOOD, **changes}, LIMITS)
    return [(problem.code, problem.path) for problem in problems]


def with_inputs(*names: Any) -> dict[str, Any]:
    return {"ports": {"inputs": list(names), "outputs": []}}


def with_code(**changes: Any) -> dict[str, Any]:
    return {"execution": {**GOOD["execution"], **changes}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"name": ""}, [("component.missing_field", "name")]),
        ({"name": 3}, [("component.wrong_type", "name")]),
        ({"id": "a b"}, [("component.invalid_id", "id")]),
        ({"id": "a" * 31, "version": "1" * 31}, [("component.name_too_long", key) for key in ("id", "version")]),
        (with_inputs("in", "in"), [("component.duplicate_port", "ports.inputs[1].name")]),
        (with_inputs("", "ok", "1st"), [("component.invalid_port", f"ports.inputs[{i}].name") for i in (0, 2)]),
        (with_inputs("p" * 65), [("component.invalid_port", "ports.inputs[0].name")]),
        (with_inputs("error"), [("component.reserved_port", "ports.inputs")]),
        (with_inputs(*(f"p{i}" for i in range(MAX_PORTS + 1))), [("component.too_many_ports", "ports.inputs")]),
        (with_inputs(3), [("component.wrong_type", "ports.inputs[0]")]),
        ({"ports": ["in"]}, [("component.wrong_type", "ports")]),
        (with_code(type="builtin"), [("component.unsupported_type", "execution.type")]),
        (with_code(type="cobol"), [("component.wrong_type", "execution.type")]),
        (with_code(source="  "), [("component.missing_source", "execution.source")]),
        (with_code(source="é" * 51), [("component.source_too_large", "execution.source")]),
        ({"config": {"a": {"type": "strng"}}}, [("component.unknown_type", "config.a.type")]),
        (
            {"id": "a b", **with_inputs("1st")},
            [
                ("component.invalid_id", "id"),
                ("component.invalid_port", "ports.inputs[0].name"),
            ],
        ),
    ],
)
def test_a_problem_has_its_code_and_its_place(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Each thing that can be wrong is reported with its code and its path, and nothing else is."""
    assert problems_of(**changes) == expected


def test_bare_names_are_ports() -> None:
    """A port may be written as its name alone."""
    definition, problems = parse_component(
        {**GOOD, "ports": {"inputs": ["in"], "outputs": ["out", "error"]}}, LIMITS
    )
    assert problems == []
    assert definition is not None
    assert [port.name for port in definition.ports.outputs] == ["out", "error"]


def test_everything_that_is_missing_is_named() -> None:
    """One sentence lists all the fields that are missing."""
    definition, (problem,) = parse_component({}, LIMITS)
    assert definition is None
    assert problem.message == "Invalid component definition: missing id, name, version, ports, execution"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*GOOD, "inputs", "outputs", "type", "source", "schema", "config"]), inner
        )
    ),
    max_leaves=15,
)


@given(st.fixed_dictionaries({}, optional={key: st.just(value) | JSON for key, value in GOOD.items()}) | JSON)
def test_any_json_value_is_a_component_or_has_problems(document: Any) -> None:
    """Whatever JSON comes, it is a definition, or there are problems that say what and where."""
    definition, problems = parse_component(document, LIMITS)
    assert problems or definition is not None
    if not problems:
        assert msgspec.to_builtins(definition)["id"] == document["id"]
