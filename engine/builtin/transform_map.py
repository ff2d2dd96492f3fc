"""``symbia.transform.map`` reshapes an object: each new field takes the text of an old one, digit by digit."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed_state import object_of
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
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
            description='New field to old field, `{"new": "old"}`; a dotted path such as `a.b` reaches inside. '
            "What is absent stays absent; without any mapping the object passes unchanged.",
            default={},
        )
    },
    stateless=True,
)


class FieldMap(Builtin):
    """The map of fields, which checks the mapping: a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        mapping = config["mapping"]
        if len(mapping) > MAPPED_FIELDS:
            return [Problem("config.invalid", "mapping", f"A mapping has at most {MAPPED_FIELDS} fields")]
        return [
            Problem("config.invalid", f"mapping.{new}", f"The old field of {new} must be named by a string")
            for new, old in mapping.items()
            if not isinstance(old, str)
        ]


class MapFields(OneByOne):
    """Each new name with the field that it takes."""

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
    return MapFields(context.config["mapping"])


FIELD_MAP = FieldMap(DEFINITION, _make)
