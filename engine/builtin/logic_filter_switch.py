"""``symbia.logic.filter`` and ``symbia.logic.switch``: routing by a field, without a program."""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.builtin.declare import declare, port
from engine.builtin.parts import javascript_values as javascript
from engine.builtin.parts.bounded_value import bounded_value
from engine.builtin.parts.fields import Field, key_text
from engine.builtin.parts.json_equality import holds, is_same
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.numbers import number_in
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, Refusing, is_strict, strict_field
from engine.builtin.parts.platform_field import PlatformField, bounded_text
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from proto import codec
from proto.component import ERROR_PORT, ConfigField
from proto.long_numbers import Number, encode_whole, read_number
from proto.problem import Problem

SWITCH_PORTS = 100
"""Ports of one switch, as many as a component may declare."""

PORT_NAME_CHARACTERS = 200
"""Characters of the name of a port."""

_PORT_NAME = re.compile(r"[\w$-][\w$.-]{0,63}")  # also 200 and -1.5, for fields that are numbers
_WRITING_COST = 8  # bytes to look through that a byte of an array costs whose text is made
_DEFAULT = "default"
_NAMING_BYTES = 6 * PORT_NAME_CHARACTERS + 2  # of a JSON text that could name a port
_TO_PASS, _TO_FAIL = 0, 1

FILTER_DEFINITION = declare(
    "symbia.logic.filter",
    "Filter by Field",
    "Sends every value one of two ways, by comparing a field.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("pass", "Values for which the comparison holds, unchanged."),
        port("fail", "All others, unchanged."),
    ),
    config={
        "field": ConfigField(
            type="string",
            description="The field to compare, by exactly this name. Without it the whole value is compared.",
            default="",
        ),
        "op": ConfigField(
            type="string",
            description="How: `eq` and `neq` are JavaScript's `===` and `!==`; `gt` and `lt` compare what "
            "`Number` makes of both sides; `contains` looks for a text in the value's text; `exists`, "
            "and any other word, asks whether there is anything but null.",
            default="exists",
            enum=("eq", "neq", "gt", "lt", "contains", "exists"),
        ),
        "value": ConfigField(description="What to compare with; `exists` needs none."),
        "strict": strict_field(
            "A dotted path such as `a.b` reaches inside; `gt` and `lt` compare numbers only, with all their "
            "digits; `contains` looks for an element in an array; objects are compared by what they hold; what "
            "makes no sense refuses the graph."
        ),
    },
    stateless=True,
)

SWITCH_DEFINITION = declare(
    "symbia.logic.switch",
    "Switch by Field",
    "Sends every value to the port that a field of it names.",
    inputs=(port("in", "Any value."),),
    outputs=(port(_DEFAULT, "Values whose field names no listed port, unchanged."),),
    config={
        "field": ConfigField(
            type="string",
            description="The field that names the port, by exactly this name.",
            default="type",
        ),
        "ports": ConfigField(
            type="array",
            description=f"Names of further output ports, at most {SWITCH_PORTS}; a message can name no others.",
            default=[],
        ),
        "strict": strict_field(
            "A dotted path such as `a.b` reaches inside; a number names the port that is spelt like its JSON "
            "text; names that are odd, or stand there twice, refuse the graph."
        ),
    },
    stateless=True,
)


class PlatformFilter(OneByOne):
    """One comparison as JavaScript makes it; what is compared is decoded, the message is not.

    Args:
        field: the name of a field; the whole value is compared where JavaScript takes it for false.
        op: one of the operations; all else asks whether there is anything.
        value: what to compare with.
    """

    def __init__(self, field: Any, op: Any, value: Any) -> None:
        self._field = PlatformField(field, in_text=True) if field or isinstance(field, dict | list) else None
        self._op = op if op in ("eq", "neq", "gt", "lt", "contains") else "exists"
        self._value = value
        self._number = javascript.to_number(value) if op in ("gt", "lt") else math.nan
        self._text = javascript.to_text(value) if op == "contains" else ""
        super().__init__(() if self._field is None else (self._field,))

    def take(self, message: Message, document: Document) -> Outcome:
        text = message.value if self._field is None else self._field.find(document)
        if self._op == "contains" and text is not None and text.lstrip()[:1] == b"[":
            document.scanned_bytes += _WRITING_COST * len(text)
        return Outcome(((_TO_PASS if self._holds(text) else _TO_FAIL, message.value),))

    def _holds(self, text: bytes | None) -> bool:
        if self._op == "exists":
            return text is not None and text.strip() != b"null"
        if self._op == "contains":
            return self._text in ("" if text is None or text.strip() == b"null" else bounded_text(text))
        actual = javascript.ABSENT if text is None else bounded_value(text)
        if self._op in ("eq", "neq"):
            return javascript.is_same(actual, self._value) == (self._op == "eq")
        number = javascript.to_number(actual)
        return number > self._number if self._op == "gt" else number < self._number


class FieldFilter(OneByOne):
    """One comparison as JSON has it; what is compared is decoded, the message is not."""

    def __init__(self, field: str, op: str, value: Any) -> None:
        self._field = Field(field) if field else None
        self._op = op
        self._value = value
        super().__init__(() if self._field is None else (self._field,), len(codec.encode(value)))

    def take(self, message: Message, document: Document) -> Outcome:
        text = message.value if self._field is None else self._field.find(document)
        return Outcome(((_TO_PASS if self._holds(text) else _TO_FAIL, message.value),))

    def _holds(self, text: bytes | None) -> bool:
        if self._op == "exists":
            return text is not None and text.strip() != b"null"
        if text is None:
            return self._op == "neq"
        return compare(bounded_value(text), self._op, self._value)


def compare(actual: Any, op: str, wanted: Any) -> bool:
    """Return whether a comparison holds: ``eq``, ``neq``, ``gt``, ``lt`` or ``contains``."""
    if op in ("eq", "neq"):
        return is_same(actual, wanted) == (op == "eq")
    if op == "contains":
        if isinstance(actual, list):
            return holds(actual, wanted)
        return actual is not None and not isinstance(actual, dict) and _text_of(wanted) in _text_of(actual)
    left, right = _number(actual), _number(wanted)
    if left is None or right is None:
        return False
    return left > right if op == "gt" else left < right


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else encode_whole(value).decode()


def _number(value: Any) -> Number | None:
    """Return a number, or the one that a text says."""
    if isinstance(value, str):
        text = number_in(value)
        try:
            return None if text is None else read_number(text)
        except InvalidOperation:
            return None
    return value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


class FilterBuiltin(PlatformBuiltin):
    """The filter component, which checks that there is something to compare with where it is strict."""

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        op = config["op"]
        if op != "exists" and "value" not in config:
            return [Problem("config.missing_key", "value", f"{op} needs a value to compare with")]
        if op in ("gt", "lt") and _number(config["value"]) is None:
            return [Problem("config.invalid", "value", f"{op} compares numbers, and this is none")]
        return ()


class PlatformSwitch(OneByOne):
    """Port names by the text that JavaScript makes of a field; the first is for everything else."""

    def __init__(self, field: Any, listed: Sequence[Any], outputs: Sequence[str]) -> None:
        self._field = PlatformField(field, in_text=True)
        self._ports = {name: outputs.index(name) for name in listed if name in outputs}
        super().__init__((self._field,))

    def take(self, message: Message, document: Document) -> Outcome:
        found = self._field.find(document)
        index = 0
        if found is not None and found != b"null" and len(found) <= _NAMING_BYTES:
            index = self._ports.get(bounded_text(found), 0)
        return Outcome(((index, message.value),))


class Switch(OneByOne):
    """Port names by their JSON text; the first is for everything else."""

    def __init__(self, field: str, outputs: Sequence[str]) -> None:
        self._field = Field(field)
        self._ports = {name: index for index, name in enumerate(outputs) if name not in (_DEFAULT, ERROR_PORT)}
        super().__init__((self._field,))

    def take(self, message: Message, document: Document) -> Outcome:
        found = self._field.find(document)
        index = 0
        if found is not None and len(found) <= _NAMING_BYTES and found[:1] not in (b"{", b"["):
            index = self._ports.get(key_text(found, self._field.name), 0)
        return Outcome(((index, message.value),))


class SwitchBuiltin(PlatformBuiltin):
    """The switch, whose nodes have the ports that their configuration lists."""

    def outputs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        listed = config.get("ports")
        # More of them refuse the graph; that is no reason to look at all of them before.
        first = listed[:SWITCH_PORTS] if isinstance(listed, list | tuple) else []
        names = [name for name in first if isinstance(name, str) and name]
        own = dict.fromkeys(name for name in names if name not in (_DEFAULT, ERROR_PORT))
        return (_DEFAULT, *own, ERROR_PORT)

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        names = config["ports"]
        if not isinstance(names, list | tuple):
            return ()  # each message will be an error
        if len(names) > SWITCH_PORTS:
            return [Problem("config.invalid", "ports", f"A switch has at most {SWITCH_PORTS} ports")]
        message = f"A port is named by at most {PORT_NAME_CHARACTERS} characters"
        return [
            Problem("config.invalid", f"ports[{index}]", message)
            for index, name in enumerate(names)
            if isinstance(name, str) and len(name) > PORT_NAME_CHARACTERS
        ]

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        names = config["ports"]
        if len(names) > SWITCH_PORTS:
            return self.bound_problems(config)
        problems = []
        before: set[str] = set()
        for index, name in enumerate(names):
            path = f"ports[{index}]"
            if not isinstance(name, str) or not _PORT_NAME.fullmatch(name):
                message = "A port is named by at most 64 letters, digits, _ $ . or -"
                problems.append(Problem("config.invalid", path, message))
            elif name == ERROR_PORT:
                message = f"{ERROR_PORT} is the port of errors, and cannot be switched to"
                problems.append(Problem("config.invalid", path, message))
            elif name in before:
                problems.append(Problem("config.invalid", path, f"Port {name} is listed twice"))
            else:
                before.add(name)
        return problems


def _make_filter(context: InstanceContext) -> Handler:
    config = context.config
    if is_strict(config):
        return FieldFilter(config["field"], config["op"], config.get("value"))
    return PlatformFilter(config["field"], config["op"], config.get("value", javascript.ABSENT))


def _make_switch(context: InstanceContext) -> Handler:
    config = context.config
    if is_strict(config):
        return Switch(config["field"], context.outputs)
    ports = config["ports"]
    if not isinstance(ports, list | tuple):
        return Refusing("config.ports is no array of names")
    return PlatformSwitch(config["field"], ports, context.outputs)


FIELD_FILTER = FilterBuiltin(FILTER_DEFINITION, _make_filter)
SWITCH = SwitchBuiltin(SWITCH_DEFINITION, _make_switch)
