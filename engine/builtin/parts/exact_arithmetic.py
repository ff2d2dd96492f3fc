"""Arithmetic expressions with ``{placeholders}``, parsed once and computed in exact fractions. Pure.

The grammar is that of school: numbers, placeholders, ``+ - * /``, signs and brackets. There is no name, call or
power in it, so nothing can be reached, and what a computation may cost is known beforehand: an expression has a
bounded length, and every intermediate fraction a bounded size, which is checked at each step.
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import add, mul, sub, truediv

import msgspec

EXPRESSION_LIMIT_CHARACTERS = 1_000
"""Length of an expression; so it has at most some 500 operations."""

FRACTION_LIMIT_BITS = 2_048
"""Numerator and denominator of a number together: some 600 digits, and beyond what a 64-bit float can say."""

RESULT_LIMIT_CHARACTERS = 400
"""An exact result that would be longer is rounded to a 64-bit float, as one without an end is."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|\{(?P<field>[^{}]*)\}|(?P<sign>[-+*/()]))",
    re.ASCII,
)
_NUMBER = re.compile(r"(?P<whole>\d*+)(?:\.(?P<part>\d*+))?(?:[eE](?P<exponent>[+-]?\d++))?", re.ASCII)
_EXPONENT_DIGITS = 5
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3}
_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {"+": add, "-": sub, "*": mul, "/": truediv}


class ExpressionError(ValueError):
    """The text is no expression; the message says why, and where."""


class ComputationError(ValueError):
    """The expression has no value for these numbers.

    Args:
        name: ``DivisionByZero`` or ``NumberTooLarge``.
        message: one sentence.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Expression(msgspec.Struct, frozen=True):
    """A parsed expression.

    Attributes:
        fields: what the placeholders name, in the order of their first standing.
        texts: what stands before, between and after the placeholders.
        slots: for each placeholder its index in ``fields``.
        steps: postfix: a number, the index of a field, or an operator.
    """

    fields: tuple[str, ...]
    texts: tuple[str, ...]
    slots: tuple[int, ...]
    steps: tuple[Fraction | int | str, ...]

    def filled(self, numbers: Sequence[str]) -> str:
        """Fill the numbers, as texts by field, into the text in the place of the placeholders."""
        pieces = [self.texts[0]]
        for slot, text in zip(self.slots, self.texts[1:], strict=True):
            pieces += (numbers[slot], text)
        return "".join(pieces)

    def compute(self, numbers: Sequence[Fraction]) -> Fraction:
        """Compute the exact value.

        Raises:
            ComputationError: there is a division by zero, or a number becomes too large.
        """
        stack: list[Fraction] = []
        for step in self.steps:
            if isinstance(step, Fraction):
                stack.append(step)
            elif isinstance(step, int):
                stack.append(numbers[step])
            elif step == "neg":
                stack.append(-stack.pop())
            else:
                right, left = stack.pop(), stack.pop()
                if step == "/" and not right:
                    raise ComputationError("DivisionByZero", "division by zero")
                stack.append(bounded(_OPERATIONS[step](left, right)))
        return stack[0]


def bounded(number: Fraction) -> Fraction:
    """Return the number itself.

    Raises:
        ComputationError: it is too large.
    """
    if number.numerator.bit_length() + number.denominator.bit_length() > FRACTION_LIMIT_BITS:
        raise ComputationError("NumberTooLarge", "a number has more digits than can be computed with")
    return number


def exact_number(text: str) -> Fraction:
    """Read a JSON number, or one as an expression may write it, without any loss.

    Raises:
        ComputationError: it is too large.
        ValueError: it is no number.
    """
    match = _NUMBER.fullmatch(text.removeprefix("-"))
    part = match["part"] or "" if match else ""
    if match is None or not (match["whole"] or part):
        raise ValueError(f"{text[:50]} is no number")
    exponent = match["exponent"] or "0"
    if len(text) > FRACTION_LIMIT_BITS or len(exponent) > _EXPONENT_DIGITS:
        raise ComputationError("NumberTooLarge", "a number has more digits than can be computed with")
    digits, shift = int(match["whole"] + part), int(exponent) - len(part)
    if not digits:
        return Fraction(0)
    if abs(shift) > FRACTION_LIMIT_BITS:
        raise ComputationError("NumberTooLarge", "a number has more digits than can be computed with")
    number = Fraction(digits * 10**shift) if shift >= 0 else Fraction(digits, 10**-shift)
    return bounded(-number if text.startswith("-") else number)


def number_text(number: Fraction) -> tuple[str, bool]:
    """Return a number as JSON text, and whether the text says it exactly.

    Raises:
        ComputationError: it has no end, and is larger than a 64-bit float can be.
    """
    exact = _decimal_text(number)
    if exact is not None and len(exact) <= RESULT_LIMIT_CHARACTERS:
        return exact, True
    try:
        return repr(float(number)), False
    except OverflowError:
        raise ComputationError("NumberTooLarge", "the result has more digits than can be written") from None


def _decimal_text(number: Fraction) -> str | None:
    """Return the decimal expansion; None where it has no end."""
    rest, counts = number.denominator, {2: 0, 5: 0}
    for prime in counts:
        while rest % prime == 0:
            rest //= prime
            counts[prime] += 1
    if rest != 1:
        return None
    places = max(counts.values())
    digits = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def parse(text: str) -> Expression:
    """Parse an expression from its text, by precedence: signs, then ``* /``, then ``+ -``, each from the left.

    Raises:
        ExpressionError: it is none.
    """
    if len(text) > EXPRESSION_LIMIT_CHARACTERS:
        raise ExpressionError(f"it is longer than {EXPRESSION_LIMIT_CHARACTERS} characters")
    return _Parser(text).parse()


class _Parser:
    """Dijkstra's shunting yard: operators wait on a stack until one that binds less comes. Nothing recurses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._fields: dict[str, int] = {}
        self._texts: list[str] = []
        self._slots: list[int] = []
        self._steps: list[Fraction | int | str] = []
        self._waiting: list[str] = []
        self._is_operand_next = True

    def parse(self) -> Expression:
        place = text_from = 0
        while self._text[place:].strip():
            match = _TOKEN.match(self._text, place)
            if match is None:
                at = place + len(self._text[place:]) - len(self._text[place:].lstrip())
                raise ExpressionError(f"{self._text[at]!r} at {at + 1} is not understood; {ACCEPTED}")
            if match["field"] is not None:
                self._texts.append(self._text[text_from : match.start("field") - 1])
                text_from = match.end()
            self._take(match)
            place = match.end()
        if self._is_operand_next:
            raise ExpressionError("it ends where a number or a {placeholder} is missing")
        while self._waiting:
            if self._waiting[-1] == "(":
                raise ExpressionError("a bracket is opened and not closed")
            self._steps.append(self._waiting.pop())
        texts = (*self._texts, self._text[text_from:])
        return Expression(tuple(self._fields), texts, tuple(self._slots), tuple(self._steps))

    def _take(self, match: re.Match[str]) -> None:
        sign = match["sign"]
        if sign is None or sign == "(":
            self._expect(match, is_operand=True)
            self._take_operand(match)
        elif sign == ")":
            self._expect(match, is_operand=False)
            self._close(match)
        elif self._is_operand_next:
            if sign in "*/":
                self._expect(match, is_operand=False)
            if sign == "-":
                self._waiting.append("neg")
        else:
            self._shift(sign)
            self._is_operand_next = True

    def _take_operand(self, match: re.Match[str]) -> None:
        if match["sign"] == "(":
            self._waiting.append("(")
            return
        self._is_operand_next = False
        if match["number"] is not None:
            try:
                self._steps.append(exact_number(match["number"]))
            except ComputationError as error:
                raise ExpressionError(f"{error}: {match['number'][:50]}") from None
            return
        name = match["field"].strip()
        if not name:
            raise ExpressionError(f"the placeholder at {match.start('field')} has no name")
        slot = self._fields.setdefault(name, len(self._fields))
        self._slots.append(slot)
        self._steps.append(slot)

    def _shift(self, sign: str) -> None:
        while self._waiting and self._waiting[-1] != "(" and _PRECEDENCE[self._waiting[-1]] >= _PRECEDENCE[sign]:
            self._steps.append(self._waiting.pop())
        self._waiting.append(sign)

    def _close(self, match: re.Match[str]) -> None:
        while self._waiting and self._waiting[-1] != "(":
            self._steps.append(self._waiting.pop())
        if not self._waiting:
            raise ExpressionError(f"the bracket at {match.start('sign') + 1} closes nothing")
        self._waiting.pop()

    def _expect(self, match: re.Match[str], *, is_operand: bool) -> None:
        if self._is_operand_next != is_operand:
            wanted = "a number, a {placeholder} or a bracket" if self._is_operand_next else "an operator"
            at = match.start() + len(match[0]) - len(match[0].lstrip()) + 1
            raise ExpressionError(f"{match[0].strip()!r} at {at} stands where {wanted} is expected")


ACCEPTED = "use numbers, + - * / ( ) and fields of the message as {name}"
"""The words for what an expression may be made of, for people who have tried something else."""
