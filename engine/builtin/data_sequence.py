"""``symbia.data.sequence`` watches numbers that should follow one another, and tells what lacks or comes again."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.declare import declare, port
from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import KeptNumber, distinct, key_bytes, number_kept, number_of
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey, refuse_key
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import Emission, Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

_OUT, _GAP, _REPEATED = 0, 1, 2
_KEY_BYTES = 200
"""The bytes of a key beside its text."""

DEFINITION = declare(
    "symbia.data.sequence",
    "Sequence",
    "Watches numbers that should follow one another, and tells what lacks or comes again.",
    inputs=(port("in", "An object with a whole number."),),
    outputs=(
        port("out", "Values that go on, unchanged, also those behind a gap."),
        port(
            "gap",
            "`{expected, found, missing}` before a value that comes too early, with the `key` where there is one.",
            {"type": "object"},
        ),
        port("repeated", "Values whose number has passed already, unchanged."),
    ),
    config={
        "field": ConfigField(
            type="string",
            description="The field that holds the number; a dotted path reaches inside.",
            default="sequence",
        ),
        "first": ConfigField(
            type="any",
            description="The number that the first value should have; null where it may have any.",
            default=None,
        ),
        "key": ConfigField(
            type="string",
            description="The field by which streams are told apart, each with its own numbers; a dotted path "
            'reaches inside. `""` for one stream.',
            default="",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
    },
)


class Following(Keyed):
    """The number that each stream should go on with.

    Args:
        field: that holds the number.
        first: of a stream, where it is known.
        key: of a message.
    """

    keeps = "state"
    is_pure = True

    def __init__(self, field: Field, first: int | None, key: MessageKey) -> None:
        self._field = field
        self._first = first
        self._key = key
        self._next: OrderedDict[str, int] = OrderedDict()
        self._keys_bytes = 0
        OneByOne.__init__(self, (field, *key.fields))
        self.keys = (key,)

    def take(self, message: Message, document: Document) -> Outcome:
        number = self._field.number(document)
        if isinstance(number, float):
            if not number.is_integer():
                raise RefusedError("NotWhole", f'field "{self._field.name}" is no whole number')
            number = int(number)
        key = self._key.of(document)
        expected = self._next.get(key)
        if expected is None:
            refuse_key(len(self._next))
            self._keys_bytes += len(key) + _KEY_BYTES
            expected = number if self._first is None else self._first
            self._next[key] = expected
        if number < expected:
            return Outcome(((_REPEATED, message.value),))
        self._next[key] = number + 1
        passed: Emission = (_OUT, message.value)
        if number == expected:
            return Outcome((passed,))
        told = {"expected": expected, "found": number, "missing": number - expected}
        whose = {"key": key} if self._key.exists else {}
        texts = {name: msgspec.Raw(str(value).encode()) for name, value in told.items()}
        return Outcome(((_GAP, encode({**whose, **texts})), passed))

    def take_over(self, former: Handler) -> None:
        if isinstance(former, Following):
            self._next = former._next  # noqa: SLF001 - one of us
            self._keys_bytes = former._keys_bytes  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Snapshot | None:
        del now
        if not self._next:
            return None
        following = tuple(self._next.items())
        return lambda: Kept(rest=[(key_bytes(key), number_kept(at)) for key, at in following])

    def restore(self, kept: Kept, now: float) -> None:
        del now
        entries = msgspec.convert(kept.rest, list[tuple[bytes, KeptNumber]])
        numbers = [number_of(at) for _, at in entries]
        if not all(isinstance(number, int) for number in numbers):
            raise ValueError("what follows is a whole number")
        names = distinct(key for key, _ in entries)
        self._next = OrderedDict((name, int(number)) for name, number in zip(names, numbers, strict=True))
        self._keys_bytes = sum([len(name) + _KEY_BYTES for name in names])

    def held_bytes(self) -> int:
        return self._keys_bytes

    def state(self) -> Mapping[str, bytes]:
        if not self._next:
            return {}
        if self._key.exists:
            return {"streams": encode(len(self._next))}
        return {"next": str(self._next[""]).encode()}


class SequenceComponent(Builtin):
    """The component, which checks what a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        first = config["first"]
        if first is None or (isinstance(first, int) and not isinstance(first, bool)):
            return []
        return [Problem("config.invalid", "first", "first is a whole number, or null")]


def _make(context: InstanceContext) -> Handler:
    config = context.config
    key = MessageKey(config["key"], is_computed=KEY_EXPRESSION in config)
    return Following(Field(config["field"]), config["first"], key)


SEQUENCE = SequenceComponent(DEFINITION, _make)
