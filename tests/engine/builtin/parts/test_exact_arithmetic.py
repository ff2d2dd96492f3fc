"""The arithmetic parser against Python's own, its exactness against fractions, and its bounds."""

import ast
import contextlib
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.exact_arithmetic import (
    EXPRESSION_LIMIT_CHARACTERS,
    FRACTION_LIMIT_BITS,
    RESULT_LIMIT_CHARACTERS,
    ComputationError,
    ExpressionError,
    exact_number,
    number_text,
    parse,
)

SPACES = st.sampled_from(["", " ", "  "])
LITERALS = st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,4})?|\.[0-9]{1,4}", fullmatch=True, alphabet="0123456789.")


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.builds("".join, st.tuples(inner, SPACES, st.sampled_from("+-*/"), SPACES, inner))
    return binary | st.builds("({})".format, inner) | st.builds("{}{}".format, st.sampled_from("+-"), inner)


EXPRESSIONS = st.recursive(LITERALS, _grown, max_leaves=12)


def oracle(text: str) -> Fraction:
    """The value as Python's grammar reads the text, in fractions of its literals as they are written.

    Python's decimal literals may not begin with zeros where they are whole, so these are cut off before.
    """
    source = text.strip()

    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant():
                segment = ast.get_source_segment(source, node)
                assert segment is not None
                return Fraction(segment)
            case ast.UnaryOp(op=ast.USub()):
                return -value(node.operand)
            case ast.UnaryOp(op=ast.UAdd()):
                return value(node.operand)
            case ast.BinOp():
                left, right = value(node.left), value(node.right)
                match node.op:
                    case ast.Add():
                        return left + right
                    case ast.Sub():
                        return left - right
                    case ast.Mult():
                        return left * right
                    case ast.Div():
                        return left / right
        raise AssertionError(ast.dump(node))

    return value(ast.parse(source, mode="eval").body)


def plain(text: str) -> bool:
    """Whether Python reads the text as we do: ``007``, ``//`` and ``**`` are its own."""
    try:
        ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return False
    return "//" not in text and "**" not in text


@given(EXPRESSIONS.filter(plain))
def test_expressions_have_the_value_that_python_finds(text: str) -> None:
    """Precedence, signs, brackets and order are those of everybody, and the value is exact."""
    try:
        expected = oracle(text)
    except ZeroDivisionError:
        with pytest.raises(ComputationError, match="division by zero"):
            parse(text).compute(())
        return
    assert parse(text).compute(()) == expected


@given(st.text(alphabet="0123456789.eE+-*/(){}abc \n", max_size=40) | st.text(max_size=20))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    """Whatever the text is, it parses, or the one documented error says why not."""
    with contextlib.suppress(ExpressionError, ComputationError):
        expression = parse(text)
        expression.compute([Fraction(1)] * len(expression.fields))


@given(EXPRESSIONS, st.integers(0, 60))
def test_a_damaged_expression_is_refused_or_another(text: str, place: int) -> None:
    """A letter put anywhere into an expression is never read over."""
    with pytest.raises(ExpressionError):
        parse(text[:place] + "x" + text[place:])


@given(st.fractions(), st.fractions())
def test_placeholders_take_numbers_as_they_are(left: Fraction, right: Fraction) -> None:
    """A field's number is computed with exactly, and the filled text shows the numbers as they came."""
    expression = parse("({a} - {b.c}) * {a}")
    assert expression.fields == ("a", "b.c")
    assert expression.compute([left, right]) == (left - right) * left
    assert expression.filled(["1.50", "-2"]) == "(1.50 - -2) * 1.50"


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30))
def test_a_json_number_is_read_without_loss(number: float) -> None:
    """What JSON writes is taken digit by digit."""
    assert exact_number(json.dumps(number)) == Fraction(json.dumps(number))


@given(st.fractions(), st.booleans())
def test_a_result_is_json_and_says_whether_it_is_exact(number: Fraction, is_negative: bool) -> None:
    """The text is a JSON number; exact where the flag says so, and otherwise the nearest 64-bit float."""
    number = -number if is_negative else number
    text, is_exact = number_text(number)
    assert json.loads(text) is not None
    assert Fraction(text) == number if is_exact else float(text) == float(number)
    assert len(text) <= RESULT_LIMIT_CHARACTERS


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "missing"),
        ("1 +", "missing"),
        ("(1", "not closed"),
        ("1)", "closes nothing"),
        ("1 2", "'2' at 3"),
        ("* 2", "'*' at 1"),
        ("2 ** 3", "'*' at 4"),
        ("value.pages / 2", "'v' at 1"),
        ("{} + 1", "no name"),
        ("()", "')' at 2"),
        ("1e99999", "digits"),
        ("1" * (EXPRESSION_LIMIT_CHARACTERS + 1), "longer"),
        ("__import__('os')", "'_' at 1"),
        ("٣ + 1", "at 1"),
    ],
)
def test_a_refusal_says_where(text: str, place: str) -> None:
    """What is no expression is refused, with its place and what would be accepted."""
    with pytest.raises(ExpressionError, match=r".") as caught:
        parse(text)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("{a} * {a}", [Fraction(2**1025)]),
        ("1 / {a}", [Fraction(0)]),
        ("1 / (2 - {a} - {a})", [Fraction(1)]),
    ],
)
def test_what_cannot_be_computed_is_an_error(text: str, numbers: list[Any]) -> None:
    """A number that grows beyond its bound, and a division by zero, end the computation."""
    with pytest.raises(ComputationError):
        parse(text).compute(numbers)


def test_the_longest_expression_of_the_largest_numbers_is_soon_refused() -> None:
    """Repeated squaring cannot run away: the bound is met at the step that passes it."""
    expression = parse("*".join(["{a}"] * 200))
    with pytest.raises(ComputationError) as caught:
        expression.compute([Fraction(2 ** (FRACTION_LIMIT_BITS // 3), 3)])
    assert caught.value.name == "NumberTooLarge"


def test_brackets_nest_as_deep_as_an_expression_is_long() -> None:
    """Nothing recurses."""
    depth = EXPRESSION_LIMIT_CHARACTERS // 2 - 1
    assert parse("(" * depth + "7" + ")" * depth).compute(()) == 7
