"""Port schemas: real JSON Schema, checked before a handler sees a value and before its emissions leave."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.handler import Handler, Message, Outcome
from engine.cooperative.slices import at_once
from engine.errors import WorkersBusyError
from engine.schemas import port_schemas as schema_module
from engine.schemas import tasks as schema_tasks
from engine.schemas import validating_handler as validating_module
from engine.schemas.port_schemas import check_opaque_schemas, check_schemas, compile_schemas
from engine.schemas.validating_handler import ValidatingHandler
from proto.codec import encode
from proto.component import Code, ComponentDefinition, Port, Ports
from tests.engine.builtin.harness import JSON_VALUES
from workers.bounds import PoolBounds
from workers.pool import Pool, open_pool


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


@pytest.mark.parametrize("text", [b"1e999", b'"\\ud8"', b"[" * 201 + b"]" * 201])
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


async def test_half_a_surrogate_pair_is_judged_as_any_other_character() -> None:
    """A port that wants text takes half an emoji, and one that wants a number says that this is none."""
    handler, echo = validating({}, {"type": "object", "properties": {"a": {"type": "string", "maxLength": 1}}})
    fits, misfits = b'{"a":"\\ud83d"}', b'{"a":"x\\ud83d"}'
    outcomes = await handler.process([Message(0, fits), Message(0, misfits)])
    assert echo.seen == [fits]
    assert outcomes[1].error is not None
    assert outcomes[1].error.name == "SchemaMismatch"


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
async def test_a_bad_schema_is_a_problem_at_its_port(schema: dict[str, Any]) -> None:
    """What is no JSON Schema, or refers to another document, is refused where it stands."""
    bad = definition(schema, {})
    async with open_pool() as workers:
        (problem,) = at_once(check_schemas(bad)) or await check_opaque_schemas(bad, workers, "")
    assert problem.code == "component.invalid_schema"
    assert problem.path == "ports.outputs[0].schema"


async def test_a_catastrophic_pattern_is_harmless() -> None:
    """A pattern that would backtrack for years elsewhere is matched in linear time."""
    handler, _ = validating({}, {"type": "string", "pattern": "^(a+)+$"})
    (outcome,) = await handler.process([Message(0, b'"' + b"a" * 100_000 + b'!"')])
    assert outcome.error is not None


def judged(schema: dict[str, Any], workers: Pool | None = None) -> tuple[ValidatingHandler, Echo]:
    echo = Echo()
    schemas = compile_schemas(definition({}, schema), ("out", "error"))
    return ValidatingHandler(echo, schemas, ("in",), ("out", "error"), workers=workers), echo


async def test_large_values_are_judged_aside_alike() -> None:
    """What is too much for the event loop goes to a worker, which says the same, in the same words."""
    schema = {"type": "array", "items": {"type": "integer"}}
    large = b"[" + b"1," * 50_000 + b'"no"]'
    async with open_pool() as workers:
        handler, echo = judged(schema, workers)
        outcomes = await handler.process(
            [
                Message(0, b"[1,2]"),
                Message(0, large),
                Message(0, large.replace(b'"no"', b"1")),
                Message(0, b'["no"]'),
            ]
        )
        assert workers.statistics().done == 3
    errors = [outcome.error for outcome in outcomes]
    assert [error is None for error in errors] == [True, False, True, False]
    assert errors[1] is not None
    assert errors[3] is not None
    assert errors[1].name == errors[3].name == "SchemaMismatch"
    assert '"no" is not of type "integer" [50000]' in errors[1].message
    assert '"no" is not of type "integer" [0]' in errors[3].message
    assert len(echo.seen) == 2


async def test_a_large_value_that_cannot_be_read_is_its_own_error() -> None:
    """A worker says of a text what the event loop would say of it."""
    async with open_pool() as workers:
        handler, _ = judged({"items": {"type": "integer"}}, workers)
        (outcome,) = await handler.process([Message(0, b"[" + b"1," * 50_000 + b"1e999]")])
    assert outcome.error is not None
    assert outcome.error.name == "MalformedJson"


@pytest.mark.parametrize("name", ["PoolBusyError", "no workers"])
async def test_what_nobody_can_check_is_not_let_through(name: str) -> None:
    """Without a worker at hand, a large value is an error that says so, and the handler never sees it."""
    large = Message(0, b"[" + b"1," * 50_000 + b"1]")
    async with open_pool(PoolBounds(owner_waiting_tasks=0)) as busy:
        handler, echo = judged({"items": {"type": "integer"}}, busy if name == "PoolBusyError" else None)
        (outcome,) = await handler.process([large])
    assert echo.seen == []
    assert outcome.error is not None
    assert outcome.error.name == ("WorkersBusy" if name == "PoolBusyError" else "SchemaTooCostly")


async def test_what_is_given_out_later_is_checked_too() -> None:
    """``vet`` holds what a handler releases against its output's schema."""
    handler, _ = validating({"type": "number"}, {})
    assert (await handler.vet(Outcome(((0, b"1"),)))).error is None
    assert (await handler.vet(Outcome(((0, b'"x"'),)))).error is not None


async def test_others_have_their_turn_in_a_batch_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the values of one batch, other tasks run."""
    monkeypatch.setattr(validating_module, "TURN_SECONDS", 0)
    turns = 0

    async def count_turn() -> None:
        nonlocal turns
        turns += 1

    echo = Echo()
    schemas = compile_schemas(definition({}, {"type": "integer"}), ("out", "error"))
    handler = ValidatingHandler(echo, schemas, ("in",), ("out", "error"), between_turns=count_turn)
    await handler.process([Message(0, b"1")] * 20)
    assert turns == 20


def test_a_schema_is_compiled_once_for_all_nodes() -> None:
    """A graph of a thousand nodes with the same component compiles its schemas once."""
    one = definition({"type": "number"}, {"type": "integer"})
    first, second = compile_schemas(one, ("out",)), compile_schemas(one, ("out",))
    assert first.inputs[0] is second.inputs[0]
    assert first.outputs[0] is second.outputs[0]


def test_compiled_schemas_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not asked for for longest makes room."""
    monkeypatch.setattr(schema_module, "_KEPT_BYTES", 100)
    monkeypatch.setattr(schema_module, "_kept", schema_module._Kept())
    one, two = definition({"enum": ["x" * 70]}, {}), definition({"enum": ["y" * 70]}, {})
    first = compile_schemas(one, ("out",)).outputs[0]
    assert compile_schemas(one, ("out",)).outputs[0] is first
    compile_schemas(two, ("out",))
    assert compile_schemas(one, ("out",)).outputs[0] is not first


async def test_opaque_schemas_are_compiled_aside() -> None:
    """What cannot be reckoned is compiled in a worker; without one it is refused, and too much is an overload."""
    good = definition({}, {"unevaluatedProperties": False})
    assert at_once(check_schemas(good)) == []
    async with open_pool() as workers:
        assert await check_opaque_schemas(good, workers, "") == []
        (problem,) = await check_opaque_schemas(
            definition({}, {"type": "strin", "unevaluatedItems": {}}), workers, ""
        )
        assert problem.code == "component.invalid_schema"
    assert len(await check_opaque_schemas(good, None, "")) == 1
    async with open_pool(PoolBounds(owner_waiting_tasks=0)) as workers:
        with pytest.raises(WorkersBusyError, match="0 tasks of this owner"):
            await check_opaque_schemas(good, workers, "")


_SCHEMAS: list[dict[str, Any]] = [
    {"type": "integer"},
    {"items": {"type": "integer"}},
    {"anyOf": [{"type": "string"}, {"items": {"$ref": "#"}}]},
    {"properties": {"a": {"minLength": 2}}, "additionalProperties": False},
]


@given(st.sampled_from(_SCHEMAS), JSON_VALUES)
def test_here_and_aside_say_the_same(schema: dict[str, Any], value: Any) -> None:
    """Whether a value fits, and what is wrong first, does not depend on where it is found out."""
    port = compile_schemas(definition({}, schema), ()).inputs[0]
    assert port is not None
    text = encode(value)
    judgement = msgspec.json.decode(schema_tasks.judge_aside(port.request(text)), type=schema_tasks.Judgement)
    complaint = msgspec.json.decode(
        schema_tasks.explain_aside(port.request(text)), type=schema_tasks.Complaint | None
    )
    assert judgement.fits == port.validator.is_valid(value) == (complaint is None)
    assert complaint == schema_tasks.explain(port.validator, value)
