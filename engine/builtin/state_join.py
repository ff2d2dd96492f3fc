"""``symbia.state.join`` joins the latest values of chosen keys of a stream into one object."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.fields import Field
from engine.builtin.parts.javascript_values import ABSENT, is_same
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed_state import KeyedState, object_of
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, is_strict, strict_field
from engine.builtin.parts.platform_field import PlatformField, entries, given
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.handler import NOTHING, Handler, InstanceContext, Kept, Message, Outcome
from engine.contracts.lanes import APOCRYPHAL
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

SELECTED_FIELDS = 1_000
"""Fields of one join, as many as a node keeps keys."""

JOINS_AT_ONCE = 8
"""Messages of a batch: each may make an object as large as the whole state, or a list of all that is missing."""

_OUT, _PENDING = 0, 1

DEFINITION = declare(
    "symbia.state.join",
    "Join Latest",
    "Joins the latest values of chosen keys into one object, once all have come.",
    inputs=(port("in", "An object with a key and a value.", {"type": "object"}),),
    outputs=(
        port("out", "The joined object, on every update once it is complete.", {"type": "object"}),
        port(
            "pending",
            "`{have, need}`, as long as values are missing; with `strict` also `missing`.",
            {"type": "object"},
            lane="apocryphal",
            lane_note="it says how far the join is, and must not pass for the join; without `strict` it has the "
            "lane of its message",
        ),
        error_port("A chosen key without a value, or more values than are kept, with the message."),
    ),
    config={
        "select": ConfigField(
            type="object",
            description=f'Field of the joined object to key, `{{"x": "key.one"}}`; 1 to {SELECTED_FIELDS} fields.',
            required=True,
        ),
        "keyField": ConfigField(type="string", description="The field that holds the key.", default="key"),
        "valueField": ConfigField(type="string", description="The field that holds the value.", default="value"),
        "strict": strict_field(
            "Dotted paths such as `a.b` reach inside; a number is the key that is spelt so, too; a chosen key "
            "without a value is an error; `pending` names what is missing, and is apocryphal; a choice that makes "
            "no sense refuses the graph."
        ),
    },
)


class JoinBuiltin(PlatformBuiltin):
    """The join component, which checks what is selected: a schema cannot."""

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if len(entries(config.get("select"))) > SELECTED_FIELDS:
            return [Problem("config.invalid", "select", f"A join has at most {SELECTED_FIELDS} fields")]
        return ()

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        select = config["select"]
        if not 1 <= len(select) <= SELECTED_FIELDS:
            return [Problem("config.invalid", "select", f"A join has 1 to {SELECTED_FIELDS} fields")]
        return [
            Problem("config.invalid", f"select.{name}", f"The key of field {name} must be a string or a number")
            for name, key in select.items()
            if isinstance(key, bool) or not isinstance(key, str | int | float)
        ]


class PlatformJoin(OneByOne):
    """The latest value of each field of the joined object; a field whose value is absent is missing again."""

    keeps = "state"
    batch_messages = JOINS_AT_ONCE

    def __init__(self, select: Mapping[str, Any], key_field: PlatformField, value_field: PlatformField) -> None:
        self._select = select
        self._key_field = key_field
        self._value_field = value_field
        self._values = KeyedState()
        super().__init__((self._key_field, self._value_field))

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key_field.value(document)
        fields = [name for name, wanted in self._select.items() if key is not ABSENT and is_same(key, wanted)]
        if fields:
            value = self._value_field.find(document)
            if value is None:
                self._values.drop_all(fields)
            else:
                self._values.put_all(fields, value, message.lane)
        have, need = len(self._values), len(self._select)
        if have < need:
            return Outcome(((_PENDING, encode({"have": have, "need": need})),))
        if not fields:
            return NOTHING
        joined = object_of((name, self._values[name]) for name in self._select)
        return Outcome(((_OUT, joined),), lanes=(self._values.lane,))

    def take_over(self, former: Handler) -> None:
        if not isinstance(former, PlatformJoin):
            return
        before = former._select  # noqa: SLF001 - one of us
        if before == self._select:
            self._values = former._values  # noqa: SLF001 - one of us
            return
        kept = [name for name, key in self._select.items() if name in before and is_same(before[name], key)]
        self._values.adopt(former._values, kept)  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Kept | None:
        del now
        return self._values.snapshot()

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._values.restore(kept)

    def held_bytes(self) -> int:
        return self._values.held_bytes

    def state(self) -> dict[str, bytes]:
        return dict(self._values.texts())


class Join(OneByOne):
    """The latest value of each field of the joined object, as strict nodes have it."""

    keeps = "state"
    batch_messages = JOINS_AT_ONCE

    def __init__(self, select: Mapping[str, str | float], key_field: str, value_field: str) -> None:
        self._fields_of: dict[str, list[str]] = {}
        for name, key in select.items():
            text = key if isinstance(key, str) else encode(key).decode()
            self._fields_of.setdefault(text, []).append(name)
        self._names = tuple(select)
        self._key_field = Field(key_field)
        self._value_field = Field(value_field)
        self._values = KeyedState()
        super().__init__((self._key_field, self._value_field))

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key_field.key(document)
        fields = self._fields_of.get(key, ()) if key is not None else ()
        if fields:
            value = self._value_field.find(document)
            if value is None:
                text = f'the message of key {key} has no field "{self._value_field.name}"'
                raise RefusedError("MissingValue", text)
            self._values.put_all(fields, value, message.lane)
        missing = [name for name in self._names if name not in self._values]
        if missing:
            have = len(self._names) - len(missing)
            pending = encode({"have": have, "need": len(self._names), "missing": missing})
            return Outcome(((_PENDING, pending),), lanes=(APOCRYPHAL,))
        if not fields:
            return NOTHING
        joined = object_of((name, self._values[name]) for name in self._names)
        return Outcome(((_OUT, joined),), lanes=(self._values.lane,))

    def take_over(self, former: Handler) -> None:
        if not isinstance(former, Join):
            return
        if former._fields_of == self._fields_of:  # noqa: SLF001 - one of us
            self._values = former._values  # noqa: SLF001 - one of us
            return
        for key, fields in self._fields_of.items():  # of a field that means another key now, nothing is known
            self._values.adopt(former._values, set(fields) & set(former._fields_of.get(key, ())))  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Kept | None:
        del now
        return self._values.snapshot()

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._values.restore(kept)

    def held_bytes(self) -> int:
        return self._values.held_bytes

    def state(self) -> dict[str, bytes]:
        return dict(self._values.texts())


def _make(context: InstanceContext) -> Handler:
    config = context.config
    names = given(config, "keyField", "key"), given(config, "valueField", "value")
    if is_strict(config):
        return Join(config["select"], *names)
    key_field, value_field = map(PlatformField, names)
    return PlatformJoin(entries(config.get("select")), key_field, value_field)


JOIN = JoinBuiltin(DEFINITION, _make, own_lanes=frozenset({"pending"}))
