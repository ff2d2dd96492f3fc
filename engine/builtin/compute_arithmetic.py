"""``symbia.compute.arithmetic`` computes an expression from fields of each message.

It does so in 64-bit floats, as the platform's does: the numbers are filled in, and what that makes is computed.
Where it is strict, the expression is parsed when the graph is loaded, and computed in exact fractions.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.exact_arithmetic import (
    ACCEPTED,
    EXPRESSION_LIMIT_CHARACTERS,
    ComputationError,
    ExpressionError,
    exact_number,
    number_text,
    parse,
)
from engine.builtin.parts.fields import Field, quoted
from engine.builtin.parts.javascript_arithmetic import ArithmeticSyntaxError, compute
from engine.builtin.parts.javascript_values import SPACE, number_json, to_text
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.numbers import number_said_by
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, is_strict, strict_field
from engine.builtin.parts.platform_field import PlatformField, coerced, given
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

STEPS_AT_ONCE = 2_000
"""Operations of one batch: some milliseconds, where every number is as large as it may be."""

_PLACEHOLDER = re.compile(r"\{([0-9A-Za-z_]+)\}")
_ARITHMETIC = re.compile(rf"[0-9+\-*/().{SPACE}]+")

WHOLE = "value"
"""The placeholder that stands for a message which is a number itself."""

DEFINITION = declare(
    "symbia.compute.arithmetic",
    "Arithmetic",
    "Computes an expression from fields of the message.",
    inputs=(port("in", "An object with the fields that the expression names, or a number for `{value}`."),),
    outputs=(
        port(
            "out",
            "`{result, method, expression, exact}`: the expression with its numbers filled in; `exact` is true, "
            "but false where `strict` had to round the result to a 64-bit float.",
            {"type": "object"},
            lane="canonical",
            lane_note="whoever has the expression and its numbers computes the same",
        ),
        error_port("Absent or non-numeric fields, a division by zero, a number too large, with the value."),
    ),
    config={
        "expression": ConfigField(
            type="string",
            description="Numbers, `+ - * / ( )`, and fields of the message as `{name}`; at most "
            f"{EXPRESSION_LIMIT_CHARACTERS} characters.",
            required=True,
        ),
        "strict": strict_field(
            "The result is exact, `{a.b}` reaches inside, `{value}` is a message that is a number itself, only "
            "numbers and texts that say one are taken, and what is no expression refuses the graph."
        ),
    },
    stateless=True,
)


class ArithmeticBuiltin(PlatformBuiltin):
    """The arithmetic component, which checks the expression's length, and its syntax where it is strict."""

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if len(to_text(config.get("expression"))) <= EXPRESSION_LIMIT_CHARACTERS:
            return ()
        message = f"An expression has at most {EXPRESSION_LIMIT_CHARACTERS} characters"
        return [Problem("config.invalid", "expression", message)]

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        try:
            parse(config["expression"])
        except ExpressionError as error:
            return [Problem("config.invalid", "expression", f"The expression is refused: {error}")]
        return ()


class PlatformArithmetic(OneByOne):
    """The text of an expression, and the fields that it names."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces = _PLACEHOLDER.split(text)  # text and names in turn
        self._fields = [PlatformField(name, in_text=True) for name in self._pieces[1::2]]
        self.batch_messages = max(1, STEPS_AT_ONCE // max(1, len(text)))
        super().__init__(self._fields)

    def take(self, _message: Message, document: Document) -> Outcome:
        found = [field.find(document) for field in self._fields]
        lacking = [text is None or text == b"null" for text in found]
        if any(lacking):
            named = [(field.name, lacks) for field, lacks in zip(self._fields, lacking, strict=True)]
            raise RefusedError(
                "InputsAbsent",
                "expression refused: inputs absent",
                missing=[name for name, lacks in named if lacks],
                present=[name for name, lacks in named if not lacks],
                expression=self._text,
            )
        pieces = list(self._pieces)
        pieces[1::2] = [to_text(coerced(text)) for text in found]
        return self._computed("".join(pieces))

    def _computed(self, filled: str) -> Outcome:
        if not _ARITHMETIC.fullmatch(filled):
            text = "expression refused: non-arithmetic characters"
            raise RefusedError("ExpressionRefused", text, expression=filled, accepts=ACCEPTED)
        try:
            result = compute(filled)
        except ArithmeticSyntaxError as error:
            raise RefusedError("ExpressionRefused", f"expression refused: {error}", expression=filled) from None
        if not math.isfinite(result):
            text = "expression refused: result is not finite"
            raise RefusedError("NotFinite", text, result=to_text(result), expression=filled)
        payload = {"result": msgspec.Raw(number_json(result)), "method": "arithmetic"}
        return Outcome(((0, encode({**payload, "expression": filled, "exact": True})),))


class Arithmetic(OneByOne):
    """A parsed expression, and the fields that it reads, to be computed exactly."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._expression = parse(text)
        self._fields = [Field(name) for name in self._expression.fields]
        super().__init__(self._fields)
        self.batch_messages = max(1, STEPS_AT_ONCE // len(self._expression.steps))

    def take(self, message: Message, document: Document) -> Outcome:
        texts = self._texts_in(message.value, document)
        filled = self._expression.filled(texts)
        try:
            value = self._expression.compute([exact_number(text) for text in texts])
            result, is_exact = number_text(value)
        except ComputationError as error:
            raise RefusedError(error.name, f"expression refused: {error}", expression=filled) from None
        payload = {"result": msgspec.Raw(result.encode()), "method": "arithmetic"}
        return Outcome(((0, encode({**payload, "expression": filled, "exact": is_exact})),))

    def _texts_in(self, message: bytes, document: Document) -> list[str]:
        """Return the numbers of the fields, as texts in the order of the expression."""
        found = {field.name: self._find(field, message, document) for field in self._fields}
        missing = [name for name, text in found.items() if text is None or text == b"null"]
        if missing:
            present = [name for name in found if name not in missing]
            text = f"expression refused: inputs absent: {', '.join(missing)}"
            raise RefusedError("InputsAbsent", text, missing=missing, present=present, expression=self._text)
        return [self._number(name, text) for name, text in found.items() if text is not None]

    @staticmethod
    def _find(field: Field, message: bytes, document: Document) -> bytes | None:
        if field.name == WHOLE and message.lstrip()[:1] not in (b"{", b"["):
            return message.strip()
        return field.find(document)

    def _number(self, name: str, text: bytes) -> str:
        """Return the text of a number; one in a string counts (``engine.builtin.parts.numbers``)."""
        number = number_said_by(text)
        if number is None:
            message = f"expression refused: field {name} is not numeric; {ACCEPTED}"
            raise RefusedError("NotNumeric", message, got=quoted(text), expression=self._text)
        try:
            exact_number(number)
        except ComputationError as error:
            raise RefusedError(error.name, f"expression refused: {name}: {error}", expression=self._text) from None
        return number


def _make(context: InstanceContext) -> Handler:
    if is_strict(context.config):
        return Arithmetic(context.config["expression"])
    return PlatformArithmetic(to_text(given(context.config, "expression", "")))


ARITHMETIC = ArithmeticBuiltin(DEFINITION, _make)
