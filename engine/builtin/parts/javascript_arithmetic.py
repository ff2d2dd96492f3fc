"""Arithmetic in 64-bit floats, with the signs and the precedence of JavaScript. Pure.

The text is what an expression has become once its placeholders are filled in, so ``3-{n}`` may be ``3--5``: as in
JavaScript that is no subtraction, and refused. Comments count as space. Nothing recurses, nothing can be named.
"""

import math
import re
from collections.abc import Callable
from operator import add, mul, sub

from engine.builtin.parts.javascript_values import SPACE

_TOKEN = re.compile(
    rf"(?P<space>[{SPACE}]++|/\*(?s:.*?)\*/|//[^\n\r\u2028\u2029]*+(?=[\n\r\u2028\u2029]))"
    r"|(?P<number>(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)"
    r"|(?P<sign>\*\*|\+\+|--|[-+*/()])"
)
_NEGATE, _KEEP = "neg", "pos"
_SIGNS = (_NEGATE, _KEEP)
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, _NEGATE: 3, _KEEP: 3, "**": 4}


class ArithmeticSyntaxError(ValueError):
    """The text is no arithmetic; the message says why."""


def divided(left: float, right: float) -> float:
    """Divide as IEEE 754 has it: by zero, too."""
    if right:
        return left / right
    if not left or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def power(base: float, exponent: float) -> float:
    """Raise to a power as JavaScript's ``**`` does."""
    is_odd = exponent % 2 == 1
    try:
        if math.isinf(exponent) and abs(base) == 1:
            return math.nan
        return math.nan if math.isnan(exponent) else math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and is_odd else math.inf
    except ValueError:
        if base:
            return math.nan
        return math.copysign(math.inf, base) if is_odd else math.inf


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": divided,
    "**": power,
}


def compute(text: str) -> float:
    """Return the value of a text of numbers, signs and brackets.

    Raises:
        ArithmeticSyntaxError: it has none.
    """
    return _Machine(text).run()


class _Machine:
    """Dijkstra's shunting yard, which computes as it goes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._values: list[float] = []
        self._waiting: list[str] = []
        self._is_operand_next = True

    def run(self) -> float:
        place = 0
        while place < len(self._text):
            match = _TOKEN.match(self._text, place)
            if match is None:
                raise ArithmeticSyntaxError(f"{self._text[place]!r} at {place + 1} is not understood")
            if match["space"] is None:
                self._take(match[0], place)
            place = match.end()
        if self._is_operand_next:
            raise ArithmeticSyntaxError("it ends where a number is missing")
        while self._waiting:
            if self._waiting[-1] == "(":
                raise ArithmeticSyntaxError("a bracket is opened and not closed")
            self._apply()
        return self._values[0]

    def _take(self, token: str, place: int) -> None:
        is_operand = token == "(" or token[0] in ".0123456789"  # noqa: S105 - no password
        is_sign = self._is_operand_next and token in ("+", "-")
        if is_operand != self._is_operand_next and not is_sign:
            wanted = "a number" if self._is_operand_next else "an operator"
            raise ArithmeticSyntaxError(f"{token!r} at {place + 1} stands where {wanted} is expected")
        if token == "(":  # noqa: S105 - no password
            self._waiting.append(token)
        elif is_operand:
            self._values.append(float(token))
            self._is_operand_next = False
        elif is_sign:
            self._waiting.append(_NEGATE if token == "-" else _KEEP)  # noqa: S105 - no password
        elif token == ")":  # noqa: S105 - no password
            self._close(place)
        else:
            self._shift(token, place)

    def _shift(self, token: str, place: int) -> None:
        if token not in _OPERATIONS:
            raise ArithmeticSyntaxError(f"{token!r} at {place + 1} counts something up or down")
        if token == "**":  # noqa: S105 - no password
            if self._waiting and self._waiting[-1] in _SIGNS:
                raise ArithmeticSyntaxError(f"a sign stands before the base of '**' at {place + 1}; use brackets")
        else:
            while (
                self._waiting and self._waiting[-1] != "(" and _PRECEDENCE[self._waiting[-1]] >= _PRECEDENCE[token]
            ):
                self._apply()
        self._waiting.append(token)
        self._is_operand_next = True

    def _close(self, place: int) -> None:
        while self._waiting and self._waiting[-1] != "(":
            self._apply()
        if not self._waiting:
            raise ArithmeticSyntaxError(f"the bracket at {place + 1} closes nothing")
        self._waiting.pop()

    def _apply(self) -> None:
        operation = self._waiting.pop()
        if operation in _SIGNS:
            if operation == _NEGATE:
                self._values[-1] = -self._values[-1]
            return
        right = self._values.pop()
        self._values[-1] = _OPERATIONS[operation](self._values[-1], right)
