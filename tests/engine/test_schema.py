"""Port schemas: real JSON Schema, checked before a handler sees a value and before its emissions leave."""

from collections.abc import Sequence
from typing import Any

import pytest

from engine.handler import Handler, Message, Outcome
from engine.schema import ValidatingHandler, check_schemas, compile_schemas
from proto.component import Code, ComponentDefinition, Port, Ports


class Echo(Handler):
    """Emits on output 0 what it gets, and notes what it got."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self.seen += [message.value for message in batch]
        return [Outcome(((0, message.value),)) for message in batch]


def definition(given: dict[str, Any], taken: dict[str, Any]) -> ComponentDefinition:
    ports = Ports(inputs=(Port("in", taken),), outputs=(Port("out", given),))
    return ComponentDefinition(id="x", name="X", version="1", ports=ports, execution=Code(type="javascript"))


def validating(given: dict[str, Any], taken: dict[str, Any]) -> tuple[ValidatingHandler, Echo]:
    outputs = ("out", "error")
    echo = Echo()
    schemas = compile_schemas(definition(given, taken), outputs)
    return ValidatingHandler(echo, schemas, ("in",), outputs), echo


async def test_a_misfit_never_reaches_the_handler() -> None:
    """A message that does not fit its port's schema is an error; its neighbours are processed in order."""
    handler, echo = validating({}, {"type": "number"})
    outcomes = await handler.process([Message(0, b"1"), Message(0, b'"two"'), Message(0, b"3")])
    assert echo.seen == [b"1", b"3"]
    assert [outcome.emissions for outcome in outcomes] == [((0, b"1"),), (), ((0, b"3"),)]
    assert outcomes[1].error is not None
    assert outcomes[1].error.name == "SchemaMismatch"
    assert "port in" in outcomes[1].error.message


async def test_a_misfitting_emission_fails_its_invocation() -> None:
    """An invocation that emits a value which does not fit the output's schema emits nothing and is an error."""
    handler, _ = validating({"type": "object", "required": ["id"]}, {})
    good, bad = await handler.process([Message(0, b'{"id":1}'), Message(0, b"{}")])
    assert good.error is None
    assert bad.error is not None
    assert "port out" in bad.error.message


@pytest.mark.parametrize("text", [b"1e999", b'"\\ud800"', b"[" * 201 + b"]" * 201])
async def test_a_value_that_cannot_be_read_is_its_own_error(text: bytes) -> None:
    """A text that no schema can be asked about is the error of its message; its neighbours are processed."""
    handler, echo = validating({}, {"type": "number"})
    outcomes = await handler.process([Message(0, b"1"), Message(0, text), Message(0, b"3")])
    assert echo.seen == [b"1", b"3"]
    assert [outcome.emissions for outcome in outcomes] == [((0, b"1"),), (), ((0, b"3"),)]
    assert outcomes[1].error is not None
    assert outcomes[1].error.name == "MalformedJson"
    assert "port in" in outcomes[1].error.message


async def test_an_emission_that_cannot_be_read_is_its_own_error() -> None:
    """An emission that no schema can be asked about fails its own invocation only."""
    handler, _ = validating({"type": "number"}, {})
    first, second, third = await handler.process([Message(0, b"1"), Message(0, b"1e999"), Message(0, b"3")])
    assert first.error is None
    assert second.error is not None
    assert third.error is None


async def test_any_takes_everything() -> None:
    """The specification's ``{"type": "any"}`` and an empty schema admit every value."""
    handler, echo = validating({"type": "any"}, {})
    await handler.process([Message(0, b"null"), Message(0, b"[1]")])
    assert len(echo.seen) == 2


@pytest.mark.parametrize(
    "schema",
    [{"type": "strin"}, {"$ref": "http://127.0.0.1:9/schema"}, {"$ref": "file:///etc/passwd"}, {"pattern": "("}],
    ids=["unknown type", "remote reference", "file reference", "broken pattern"],
)
def test_a_bad_schema_is_a_problem_at_its_port(schema: dict[str, Any]) -> None:
    """What is no JSON Schema, or refers to another document, is refused where it stands."""
    (problem,) = check_schemas(definition(schema, {}))
    assert problem.code == "component.invalid_schema"
    assert problem.path == "ports.outputs[0].schema"


async def test_a_catastrophic_pattern_is_harmless() -> None:
    """A pattern that would backtrack for years elsewhere is matched in linear time."""
    handler, _ = validating({}, {"type": "string", "pattern": "^(a+)+$"})
    (outcome,) = await handler.process([Message(0, b'"' + b"a" * 100_000 + b'!"')])
    assert outcome.error is not None
