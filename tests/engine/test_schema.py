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
