"""JMESPath as its standard has it, where the library lets Python show through.

The library works on Python's values with Python's operations, and these mean other things than JSON's: ``True``
is 1, ``int()`` reads ``"1_000"``, ``in`` compares with ``==``, ``dict.update`` takes a list of pairs, and what
cannot be compared raises ``TypeError``. So what compares, searches, reads or adds is replaced here; how text is
parsed and how a tree is walked stays the library's. ``tests/engine/builtin/parts/test_jmespath_standard.py`` says
which of its answers are wrong, and fails when the library changes one of them
(docs/decisions/0152-values-are-json-s-not-python-s.md).

One extension of the library is kept: two strings may be compared with ``<``, by code points.
"""

import json
import math
import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, NoReturn

import jmespath.exceptions
import jmespath.functions
import jmespath.lexer
import jmespath.parser
import jmespath.visitor
from jmespath.functions import signature

from engine.builtin.parts.json_equality import holds, is_same
from engine.builtin.parts.numbers import exact_sum
from proto.long_numbers import INTEGER_DIGITS, Number, encode_whole, read_fraction, read_integer, read_number

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LARGEST = 10**INTEGER_DIGITS

_LibraryLexer: Any = jmespath.lexer.Lexer
_LibraryParser: Any = jmespath.parser.Parser
_LibraryInterpreter: Any = jmespath.visitor.TreeInterpreter
"""All untyped, because their insides are used, of which the stubs say nothing."""

_TYPES = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    Decimal: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


class NumberTooLargeError(jmespath.exceptions.JMESPathError):
    """The result of a function is a number that cannot be computed with, or not be written."""

    def __init__(self, function: str) -> None:
        super().__init__(f"The function {function}() meets or makes a number too large to be computed with")


def type_of(value: Any) -> str:
    """Return the standard's name of a value's type; ``expression`` for what stands behind ``&``."""
    return _TYPES.get(type(value), "expression")


class _Lexer(_LibraryLexer):  # type: ignore[misc]
    """Reads literals as JSON does: no ``NaN``, and numbers of any size."""

    def _consume_literal(self) -> dict[str, Any]:
        start = self._position
        lexeme = self._consume_until("`").replace("\\`", "`")
        try:
            value = _json(lexeme)
        except (ValueError, InvalidOperation):  # an old form: a text without its quotes
            try:
                value = _json(f'"{lexeme.lstrip()}"')
            except ValueError:
                raise jmespath.exceptions.LexerError(
                    lexer_position=start, lexer_value=self._expression[start:], message=f"Bad token {lexeme}"
                ) from None
        return {"type": "literal", "value": value, "start": start, "end": self._position - start}


def _json(text: str) -> Any:
    return json.loads(text, parse_int=read_integer, parse_float=read_fraction, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


class Parser(_LibraryParser):  # type: ignore[misc]
    """The library's parser with the lexer above; it keeps no trees, because whoever parses does."""

    def parse(self, expression: str) -> Any:
        return self._do_parse(expression)

    def _parse(self, expression: str) -> Any:
        self.tokenizer = _Lexer().tokenize(expression)
        self._tokens = list(self.tokenizer)
        self._index = 0
        parsed = self._expression(binding_power=0)
        if self._current_token() != "eof":
            token = self._lookahead_token(0)
            raise jmespath.exceptions.ParseError(token["start"], token["value"], token["type"])
        return jmespath.parser.ParsedResult(expression, parsed)


class Functions(jmespath.functions.Functions):
    """The functions of the standard, on JSON's values."""

    def _type_check(self, actual: Any, signature: Any, function_name: str) -> None:
        for place, value in enumerate(actual):
            wanted = signature[min(place, len(signature) - 1)]["types"]  # a variadic function's last one repeats
            self._check_type(function_name, value, wanted)

    def _check_type(self, function_name: str, value: Any, wanted: list[str]) -> None:
        found = type_of(value)
        if not wanted:
            if found == "expression":
                raise _wrong_type(function_name, value, ["any value"])
            return
        names = ["expression" if name == "expref" else name for name in wanted]
        plain = [name.partition("-")[0] for name in names]
        if found not in plain:
            raise _wrong_type(function_name, value, names)
        inner = [name.partition("-")[2] for name in names if "-" in name]
        if found == "array" and inner and value:
            self._check_items(function_name, value, names, inner)

    @staticmethod
    def _check_items(function_name: str, items: list[Any], names: list[str], inner: list[str]) -> None:
        first = type_of(items[0])
        allowed = first if first in inner else inner[0]
        for item in items:
            if type_of(item) != allowed:
                raise _wrong_type(function_name, item, names)

    @signature({"types": ["number"]})
    def _func_abs(self, arg: Number) -> Number:
        return arg.copy_abs() if isinstance(arg, Decimal) else abs(arg)

    @signature({"types": ["array-number"]})
    def _func_avg(self, arg: list[Number]) -> Number | None:
        if not arg:
            return None
        try:
            return _sum("avg", arg) / len(arg)
        except OverflowError:
            raise NumberTooLargeError("avg") from None

    @signature({"types": ["array-number"]})
    def _func_sum(self, arg: list[Number]) -> Number:
        return _sum("sum", arg)

    @signature({"types": ["number"]})
    def _func_ceil(self, arg: Number) -> Number:
        return arg.to_integral_value(ROUND_CEILING) if isinstance(arg, Decimal) else math.ceil(arg)

    @signature({"types": ["number"]})
    def _func_floor(self, arg: Number) -> Number:
        return arg.to_integral_value(ROUND_FLOOR) if isinstance(arg, Decimal) else math.floor(arg)

    @signature({"types": []})
    def _func_to_string(self, arg: Any) -> str:
        return arg if isinstance(arg, str) else encode_whole(arg).decode()

    @signature({"types": []})
    def _func_to_number(self, arg: Any) -> Number | None:
        if isinstance(arg, str):
            try:
                return read_number(arg) if _JSON_NUMBER.fullmatch(arg) else None
            except InvalidOperation:
                return None
        return arg if type_of(arg) == "number" else None

    @signature({"types": ["array", "string"]}, {"types": []})
    def _func_contains(self, subject: list[Any] | str, search: Any) -> bool:
        if isinstance(subject, list):
            return holds(subject, search)
        return isinstance(search, str) and search in subject

    @signature({"types": []})
    def _func_type(self, arg: Any) -> str:
        return type_of(arg)

    @signature({"types": ["array"]}, {"types": ["expref"]})
    def _func_sort_by(self, array: list[Any], expref: Any) -> list[Any]:
        return sorted(array, key=self._create_key_func(expref, ["number", "string"], "sort_by"))

    def _create_key_func(self, expref: Any, allowed_types: list[str], function_name: str) -> Callable[[Any], Any]:
        types = list(allowed_types)

        def key(item: Any) -> Any:
            nonlocal types
            found = expref.visit(expref.expression, item)
            if type_of(found) not in types:
                raise _wrong_type(function_name, found, types)
            types = [type_of(found)]  # numbers and strings have no common order
            return found

        return key


def _sum(function: str, numbers: list[Number]) -> int | float:
    """Add exactly, and round once where one of the numbers is no integer."""
    short = [number for number in numbers if not isinstance(number, Decimal)]
    try:
        total = exact_sum(short) if len(short) == len(numbers) else _LARGEST
    except OverflowError:
        total = _LARGEST
    if not -_LARGEST < total < _LARGEST:
        raise NumberTooLargeError(function)
    return total


def _wrong_type(function: str, value: Any, wanted: list[str]) -> jmespath.exceptions.JMESPathTypeError:
    return jmespath.exceptions.JMESPathTypeError(function, value, type_of(value), wanted)


class Interpreter(_LibraryInterpreter):  # type: ignore[misc]
    """The library's walk through the tree, with the comparisons of JSON."""

    def __init__(self) -> None:
        super().__init__(jmespath.visitor.Options(custom_functions=Functions()))

    def visit_comparator(self, node: Any, value: Any) -> bool | None:
        left, right = (self.visit(child, value) for child in node["children"])
        name: str = node["value"]
        if name in ("eq", "ne"):
            return is_same(left, right) == (name == "eq")
        types = {type_of(left), type_of(right)}
        if types not in ({"number"}, {"string"}):
            return None
        return bool(self.COMPARATOR_FUNC[name](left, right))

    def visit_not_expression(self, node: Any, value: Any) -> bool:
        return bool(self._is_false(self.visit(node["children"][0], value)))
