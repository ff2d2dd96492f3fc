"""``symbia.state.rollup`` aggregates the latest numbers of an expected set of keys, and says what is missing.

A total that lacks something must not pass for the total: it is apocryphal as long as a key is missing.
"""

import math
from collections.abc import Container, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import msgspec

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.fields import Field, number_json
from engine.builtin.parts.javascript_values import number_json as javascript_json
from engine.builtin.parts.javascript_values import to_text
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import KeptNumber, distinct, key_bytes, lane_of, number_kept, number_of
from engine.builtin.parts.numbers import exact_sum
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, Refusing, is_strict, strict_field
from engine.builtin.parts.platform_field import PlatformField, coerced, given
from engine.contracts.handler import Handler, InstanceContext, Kept, Message, Outcome
from engine.contracts.lanes import APOCRYPHAL, NAMES
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

EXPECTED_KEYS = 1_000
"""Keys of one rollup: all of them are looked at for every message."""

ROLLUPS_AT_ONCE = 8
"""Messages of a batch, for the same reason."""

OPERATIONS = ("sum", "mean", "min", "max")

DEFINITION = declare(
    "symbia.state.rollup",
    "Rollup of an Expected Set",
    "Aggregates the latest numbers of an expected set of keys, and says which are missing.",
    inputs=(port("in", "An object with a key and a number.", {"type": "object"}),),
    outputs=(
        port(
            "out",
            "`{value, op, coverage, present, missing}` after every message; `coverage` is the share of keys that "
            "have come.",
            {"type": "object"},
            lane="conditional",
            lane_note="apocryphal as long as an expected key is missing, and where one of the numbers is",
        ),
        error_port("An expected key without a number, with the message."),
    ),
    config={
        "expected": ConfigField(
            type="array",
            description=f"The keys that make it complete, at most {EXPECTED_KEYS}.",
            required=True,
        ),
        "op": ConfigField(
            type="string", description="How the numbers are aggregated.", default="sum", enum=OPERATIONS
        ),
        "keyField": ConfigField(type="string", description="The field that holds the key.", default="key"),
        "valueField": ConfigField(type="string", description="The field that holds the number.", default="value"),
        "strict": strict_field(
            "Dotted paths such as `a.b` reach inside; an expected key without a number is an error; integers keep "
            "all their digits, and sums are exact and rounded once; keys that make no sense refuse the graph."
        ),
    },
)


class RollupBuiltin(PlatformBuiltin):
    """The rollup component, which checks the expected keys: a schema cannot."""

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        expected = config.get("expected")
        if isinstance(expected, list | tuple) and len(expected) > EXPECTED_KEYS:
            return [Problem("config.invalid", "expected", f"At most {EXPECTED_KEYS} keys can be expected")]
        return ()

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        expected = config["expected"]
        if len(expected) > EXPECTED_KEYS:
            return self.bound_problems(config)
        problems = []
        seen: set[str] = set()
        for index, key in enumerate(expected):
            place = f"expected[{index}]"
            if isinstance(key, bool) or not isinstance(key, str | int | float):
                problems.append(Problem("config.invalid", place, "An expected key must be a string or a number"))
            elif _text_of(key) in seen:
                problems.append(Problem("config.invalid", place, f"Key {key} is expected twice"))
            else:
                seen.add(_text_of(key))
        return problems


def _text_of(key: str | float) -> str:
    return key if isinstance(key, str) else encode(key).decode()


class PlatformRollup(OneByOne):
    """The latest number of each expected key, with its lane; what is no number changes nothing.

    Args:
        expected: keys; one that stands there twice counts twice.
        op: how they are aggregated; ``sum`` where it is no word that is known.
        key_field: where the key stands.
        value_field: where the number stands.
    """

    batch_messages = ROLLUPS_AT_ONCE

    def __init__(
        self, expected: Sequence[str], op: str, key_field: PlatformField, value_field: PlatformField
    ) -> None:
        self._expected = expected
        self._numbers: dict[str, tuple[float, int] | None] = dict.fromkeys(expected)
        self._op = op
        self._key_field = key_field
        self._value_field = value_field
        super().__init__((self._key_field, self._value_field))

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key_field.key(document)
        if key is not None and key in self._numbers:
            number = coerced(self._value_field.find(document))
            if math.isfinite(number):
                self._numbers[key] = (number, message.lane)
        present = [entry for key in self._expected if (entry := self._numbers[key]) is not None]
        missing = [key for key in self._expected if self._numbers[key] is None]
        lane = APOCRYPHAL if missing else max([message.lane, *(lane for _, lane in present)])
        rollup = {
            "value": self._value([number for number, _ in present]),
            "op": self._op,
            "coverage": len(present) / len(self._expected) if self._expected else 1,
            "present": len(present),
            "missing": missing,
        }
        return Outcome(((0, encode(rollup)),), lanes=(lane,))

    def _value(self, numbers: Sequence[float]) -> msgspec.Raw | None:
        if not numbers:
            return None
        if self._op in ("min", "max"):
            return msgspec.Raw(javascript_json(min(numbers) if self._op == "min" else max(numbers)))
        total = reduce(add, numbers, 0.0)  # in this order, and rounded each time, as the platform's is
        return msgspec.Raw(javascript_json(total / len(numbers) if self._op == "mean" else total))

    def take_over(self, former: Handler) -> None:
        if not isinstance(former, PlatformRollup):
            return
        if former._numbers.keys() == self._numbers.keys():  # noqa: SLF001 - one of us
            self._numbers = former._numbers  # noqa: SLF001 - one of us
        else:
            self._numbers = {key: former._numbers.get(key) for key in self._numbers}  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Kept | None:
        del now
        return _kept(self._numbers)

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._numbers.update(_restored(kept, self._numbers))

    def state(self) -> dict[str, bytes]:
        return _told(self._numbers)


class Rollup(OneByOne):
    """The latest number of each expected key, with its lane, as strict nodes have it."""

    batch_messages = ROLLUPS_AT_ONCE

    def __init__(self, expected: Sequence[str | float], op: str, key_field: str, value_field: str) -> None:
        self._numbers: dict[str, tuple[float | int, int] | None] = dict.fromkeys(map(_text_of, expected))
        self._op = op
        self._key_field = Field(key_field)
        self._value_field = Field(value_field)
        super().__init__((self._key_field, self._value_field))

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key_field.key(document)
        if key is not None and key in self._numbers:
            self._numbers[key] = (self._value_field.number(document), message.lane)
        present = [entry for entry in self._numbers.values() if entry is not None]
        missing = [name for name, entry in self._numbers.items() if entry is None]
        lane = APOCRYPHAL if missing else max([message.lane, *(lane for _, lane in present)])
        value = aggregate([number for number, _ in present], self._op)
        rollup = {
            "value": None if value is None else number_json(value),
            "op": self._op,
            "coverage": len(present) / len(self._numbers) if self._numbers else 1,
            "present": len(present),
            "missing": missing,
        }
        return Outcome(((0, encode(rollup)),), lanes=(lane,))

    def take_over(self, former: Handler) -> None:
        if not isinstance(former, Rollup):
            return
        if list(former._numbers) == list(self._numbers):  # noqa: SLF001 - one of us
            self._numbers = former._numbers  # noqa: SLF001 - one of us
        else:
            self._numbers = {key: former._numbers.get(key) for key in self._numbers}  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Kept | None:
        del now
        return _kept(self._numbers)

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._numbers.update(_restored(kept, self._numbers))

    def state(self) -> dict[str, bytes]:
        return _told(self._numbers)


def _told(numbers: Mapping[str, tuple[float, int] | None]) -> dict[str, bytes]:
    return {
        key: encode({"value": entry[0], "lane": NAMES[entry[1]]})
        for key, entry in numbers.items()
        if entry is not None
    }


def _kept(numbers: Mapping[str, tuple[float, int] | None]) -> Kept | None:
    entries = [
        (key_bytes(key), number_kept(each[0]), each[1]) for key, each in numbers.items() if each is not None
    ]
    return Kept(rest=entries) if entries else None


def _restored(kept: Kept, expected: Container[str]) -> Mapping[str, tuple[float, int]]:
    entries = msgspec.convert(kept.rest, list[tuple[bytes, KeptNumber, int]])
    names = distinct(key for key, _, _ in entries)
    return {
        name: (number_of(number), lane_of(lane))
        for name, (_, number, lane) in zip(names, entries, strict=True)
        if name in expected
    }


def aggregate(numbers: Sequence[float | int], op: str) -> float | int | None:
    """Compute ``sum``, ``mean``, ``min`` or ``max``; None of nothing. Sums are exact, and floats rounded once."""
    if not numbers:
        return None
    if op in ("min", "max"):
        return min(numbers) if op == "min" else max(numbers)
    total = exact_sum(numbers)
    return total if op == "sum" else total / len(numbers)


def _make(context: InstanceContext) -> Handler:
    config = context.config
    expected = given(config, "expected", [])
    names = given(config, "keyField", "key"), given(config, "valueField", "value")
    if is_strict(config):
        return Rollup(expected, config["op"], *names)
    if not isinstance(expected, list | tuple):
        return Refusing("config.expected is no array of keys")
    key_field, value_field = map(PlatformField, names)
    return PlatformRollup(
        [to_text(key) for key in expected], to_text(given(config, "op", "sum")), key_field, value_field
    )


ROLLUP = RollupBuiltin(DEFINITION, _make)
