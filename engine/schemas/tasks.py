"""Compiling a JSON Schema, and asking it: on the event loop where that is quick, in a worker process otherwise.

Imported by worker processes, so it knows nothing of the engine's event loop. Schemas are untrusted: references to
other documents are refused instead of fetched, and patterns run on an engine without backtracking, whose time is
linear in the text.
"""

import functools
import struct
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import msgspec

from proto import codec
from proto.half_pairs import mended
from workers.task import Task

Validator = jsonschema_rs.Validator

COMPILE = Task("engine.schemas.tasks:compile_aside")
JUDGE = Task("engine.schemas.tasks:judge_aside")
EXPLAIN = Task("engine.schemas.tasks:explain_aside")

_MAX_QUOTED_CHARACTERS = 200

_KEPT_VALIDATORS = 16
"""Compiled schemas that a worker keeps. One with large patterns takes up to 10 MB."""

MAX_ELEMENTS = 2_000_000
"""Elements of a value that a worker decodes: some 160 MB of its memory."""

_SCHEMA_LENGTH = struct.Struct("!I")


class Judgement(msgspec.Struct, frozen=True):
    """A worker's verdict on a value.

    Attributes:
        fits: whether it does.
        malformed: why the value cannot be read, where it cannot.
    """

    fits: bool = False
    malformed: str = ""


class Complaint(msgspec.Struct, frozen=True):
    """The first misfit of a value, as a sentence, and its place."""

    text: str
    place: str = ""


def compile_schema(rules: Mapping[str, Any]) -> Validator:
    """Compile a schema to its validator.

    Raises:
        ValueError: it is no JSON Schema, or refers to another document; the first line says why.
    """
    return jsonschema_rs.validator_for(
        dict(rules), retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
    )


def explain(validator: Validator, value: Any) -> Complaint | None:
    """Explain what does not fit first. That can take a thousand times the work of judging."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        place = "".join(f"[{step!r}]" for step in error.instance_path)
        return Complaint(error.message[:_MAX_QUOTED_CHARACTERS], place[:_MAX_QUOTED_CHARACTERS])
    return None


def request(schema: bytes, text: bytes = b"") -> bytes:
    """Return the payload of the tasks: the schema as JSON text, and the value."""
    return b"".join((_SCHEMA_LENGTH.pack(len(schema)), schema, text))


def compile_aside(payload: bytes) -> bytes:
    """Compile as a task: nothing, or why the schema is none."""
    schema, _ = _opened(payload)
    try:
        _validator(schema)
    except ValueError as error:
        return (str(error).splitlines() or [""])[0].encode("utf-8", "replace")
    return b""


def judge_aside(payload: bytes) -> bytes:
    """Judge as a task: a ``Judgement`` as JSON text."""
    schema, text = _opened(payload)
    try:
        value = mended(codec.decode(text, MAX_ELEMENTS))
    except codec.MalformedJsonError as error:
        return codec.encode(Judgement(malformed=str(error)))
    return codec.encode(Judgement(_validator(schema).is_valid(value)))


def explain_aside(payload: bytes) -> bytes:
    """Explain as a task: a ``Complaint``, or null, as JSON text."""
    schema, text = _opened(payload)
    return codec.encode(explain(_validator(schema), mended(codec.decode(text, MAX_ELEMENTS))))


def _opened(payload: bytes) -> tuple[bytes, bytes]:
    (length,) = _SCHEMA_LENGTH.unpack_from(payload)
    start = _SCHEMA_LENGTH.size
    return payload[start : start + length], payload[start + length :]


@functools.lru_cache(maxsize=_KEPT_VALIDATORS)
def _validator(schema: bytes) -> Validator:
    return compile_schema(codec.decode(schema))


def _refuse(uri: str) -> Any:
    raise ValueError(f"references to other documents are not followed: {uri}")
