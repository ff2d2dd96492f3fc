"""``symbia.transform.map`` reshapes an object: each new field takes the text of an old one, digit by digit."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed_state import object_of
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, is_strict, strict_field
from engine.builtin.parts.platform_field import PlatformField, entries
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from proto.component import ConfigField
from proto.problem import Problem

MAPPED_FIELDS = 1_000
"""Fields of one mapping: each is looked for in every message."""

_FIELD_BYTES = 256
"""The cost of a mapping's field beside looking through the message, as bytes of it."""

DEFINITION = declare(
    "symbia.transform.map",
    "Map Fields",
    "Reshapes an object: every field of the mapping takes the value of another field.",
    inputs=(port("in", "An object.", {"type": "object"}),),
    outputs=(
        port("out", "The object with the fields of the mapping, in its order.", {"type": "object"}),
        error_port("A value that is no object, with the value."),
    ),
    config={
        "mapping": ConfigField(
            type="object",
            description='New field to old field, `{"new": "old"}`, by exactly its name; of an array an index is a '
            "field, too. What is absent stays absent; without any mapping the object passes unchanged.",
            default={},
        ),
        "strict": strict_field(
            "A dotted path such as `a.b` reaches inside; an array is an error; a mapping that is none refuses the "
            "graph."
        ),
    },
    stateless=True,
)


class FieldMap(PlatformBuiltin):
    """The map of fields, which checks the mapping: a schema cannot."""

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if len(entries(config["mapping"])) > MAPPED_FIELDS:
            return [Problem("config.invalid", "mapping", f"A mapping has at most {MAPPED_FIELDS} fields")]
        return ()

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        mapping = config["mapping"]
        return self.bound_problems(config) or [
            Problem("config.invalid", f"mapping.{new}", f"The old field of {new} must be named by a string")
            for new, old in mapping.items()
            if not isinstance(old, str)
        ]


class PlatformMapFields(OneByOne):
    """Each new name with the field that it takes, of an object or of an array."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._fields = [(new, PlatformField(old)) for new, old in mapping.items()]
        super().__init__((field for _, field in self._fields), _FIELD_BYTES * len(mapping))

    def take(self, message: Message, document: Document) -> Outcome:
        text = message.value
        if text.lstrip()[:1] not in (b"{", b"["):
            raise RefusedError("NotAnObject", "map expects an object")
        if not self._fields:
            return Outcome(((0, text),))
        found = ((new, field.find(document)) for new, field in self._fields)
        return Outcome(((0, object_of((new, old) for new, old in found if old is not None)),))


class MapFields(OneByOne):
    """Each new name with the field, or the dotted path, that it takes."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._fields = [(new, Field(old)) for new, old in mapping.items()]
        super().__init__((field for _, field in self._fields), _FIELD_BYTES * len(mapping))

    def take(self, message: Message, document: Document) -> Outcome:
        text = message.value
        if text.lstrip()[:1] != b"{":
            raise RefusedError("NotAnObject", "map expects an object")
        if not self._fields:
            return Outcome(((0, text),))
        found = ((new, field.find(document)) for new, field in self._fields)
        return Outcome(((0, object_of((new, old) for new, old in found if old is not None)),))


def _make(context: InstanceContext) -> Handler:
    mapping = context.config["mapping"]
    return MapFields(mapping) if is_strict(context.config) else PlatformMapFields(entries(mapping))


FIELD_MAP = FieldMap(DEFINITION, _make)
