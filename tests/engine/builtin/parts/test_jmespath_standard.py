"""JMESPath by its standard: what Python would say differently, and where the library still says it."""

from decimal import Decimal
from typing import Any

import jmespath
import jmespath.exceptions
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.builtin.parts.jmespath_meter import BudgetSpentError, Path, PathSyntaxError
from engine.builtin.parts.jmespath_search import search
from engine.builtin.parts.jmespath_standard import NumberTooLargeError
from proto.codec import encode
from tests.engine.builtin.harness import JSON_VALUES

LONG = "7" * 5_000


def found(text: str, value: Any = None) -> Any:
    return Path(text).search(value, steps=100_000)


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        # Only numbers have an order; two strings as well, which is the library's extension.
        ("a > `5`", {"a": "10"}, None),
        ("a <= `5`", {"a": True}, None),
        ("a < b", {"a": "1", "b": "2"}, True),
        ("a < b", {"a": None, "b": None}, None),
        ("a >= b", {"a": [1], "b": [1]}, None),
        ("items[?price > `5`].n", {"items": [{"n": 1, "price": "10"}, {"n": 2, "price": 10}]}, [2]),
        # true is not 1, at any depth.
        ("contains(@, `true`)", [1, 2], False),
        ("contains(@, `1`)", [True, [1]], False),
        ("contains(@, `[true]`)", [[1]], False),
        ("contains(@, `1`)", [1.0], True),
        ("@ == `[true]`", [1], False),
        ('@ == `{"a": false}`', {"a": 0}, False),
        ("@ != `[0]`", [False], True),
        ("`1` == `1.0`", None, True),
        # A string contains strings only.
        ("contains('a1b', `1`)", None, False),
        ("contains('null', `null`)", None, False),
        # A text is a number as JSON spells it.
        ("to_number('1_000')", None, None),
        ("to_number(' 10 ')", None, None),
        ("to_number('Infinity')", None, None),
        ("to_number('nan')", None, None),
        ("to_number('\u0661\u0662')", None, None),
        ("to_number('0x10')", None, None),
        ("to_number('+1')", None, None),
        ("to_number('007')", None, None),
        ("to_number('.5')", None, None),
        ("to_number('-1.5e2')", None, -150.0),
        ("to_number('10')", None, 10),
        ("to_number(`true`)", None, None),
        # Texts are written as everywhere else.
        ("to_string(@)", {"é": [1, None]}, '{"é":[1,null]}'),
        # What only looks like an object is none.
        ("`NaN`", None, "NaN"),
        ("type(`Infinity`)", None, "string"),
        ("!`0`", None, False),
        ("![]", [0.0], False),
        # Sums are exact, and the same in every version of Python.
        ("sum(@)", [0.1] * 10, 1.0),
        ("sum(@)", [2**53, 1, 0.0, -(2**53)], 1.0),
        ("sum(@)", [], 0),
        ("avg(@)", [], None),
        ("max_by(@, &a).a", [{"a": 1}, {"a": 2}], 2),
        ("type(sort_by(@, &a))", [], "array"),
    ],
)
def test_values_are_those_of_json(text: str, value: Any, result: Any) -> None:
    """No operation means what Python's operator of the same name would."""
    answer = found(text, value)
    assert (answer, type(answer)) == (result, type(result))


@pytest.mark.parametrize(
    ("text", "value", "complaint"),
    [
        ("max_by(@, &a)", [{"a": 1}, {"a": "x"}], "The function max_by() takes number, not string"),
        ("min_by(@, &a)", [{"a": "x"}, {"a": 1}], "The function min_by() takes string, not number"),
        ("sort_by(@, &a)", [{"a": "x"}, {"a": 1}], "The function sort_by() takes string, not number"),
        ("sort_by(@, &a)", [{"a": None}], "The function sort_by() takes number or string, not null"),
        ("sort(@)", [None], "The function sort() takes array-string or array-number, not null"),
        ("sort(@)", [1, True], "The function sort() takes array-string or array-number, not boolean"),
        ("max(@)", ["a", 1], "The function max() takes array-number or array-string, not number"),
        ("sum(@)", [True], "The function sum() takes array-number, not boolean"),
        ("merge(`{}`, @)", [["a", 1]], "The function merge() takes object, not array"),
        ("to_string(&a)", 1, "The function to_string() takes any value, not expression"),
        ("not_null(`null`, &a)", 1, "The function not_null() takes any value, not expression"),
        ("contains(@, &a)", [1], "The function contains() takes any value, not expression"),
    ],
)
def test_a_wrong_type_is_named_as_the_standard_names_it(text: str, value: Any, complaint: str) -> None:
    """Nothing ends in a TypeError, and no name of a Python type is seen."""
    answer = search(Path(text), encode(value), 10_000)
    assert (answer.name, answer.message) == ("PathError", complaint)


@pytest.mark.parametrize("text", ["&a", "[&a]", "{a: &b}", "a || &b", "[::0]", "a[1:2:0].b", "max_by(@, [&a])"])
def test_what_can_have_no_value_is_refused_at_once(text: str) -> None:
    """An expression is only an argument, and no slice has the step 0."""
    with pytest.raises(PathSyntaxError):
        Path(text)


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("[0]", f"[{LONG}]", LONG),
        ("[?@ > `1e308`] | [0]", f"[1, {LONG}]", LONG),
        ("[?@ == `1e999`]", "[1e999, 10e998, 1]", "[1E+999,1.0E+999]"),  # the same number twice
        ("sort(@)", f"[{LONG}1, 1.5, -{LONG}, {LONG}]", f"[-{LONG},1.5,{LONG},{LONG}1]"),
        ("max(@)", f"[{LONG}, {LONG}1]", f"{LONG}1"),
        ("abs(@)", f"-{LONG}", LONG),
        ("ceil(@)", f"{LONG}.5", f"{LONG[:-1]}8"),
        ("floor(@)", "1e999", "1E+999"),
        ("type(@)", LONG, '"number"'),
        ("to_string(@)", LONG, f'"{LONG}"'),
        ("to_number(@)", f'"{LONG}"', LONG),
        ("to_number('1e999')", "0", "1E+999"),
        ("`1e999`", "0", "1E+999"),
        ("@.a || 'x'", f'{{"a": false, "b": {LONG}}}', '"x"'),
    ],
)
def test_long_numbers_are_numbers(text: str, value: str, result: str) -> None:
    """They are compared, ordered and written with all their digits."""
    answer = search(Path(text), value.encode(), 100_000)
    assert answer.message == ""
    assert answer.value == result.encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sum(@)", "[1e308, 1e308]"),
        ("avg(@)", "[1e308, 1e308]"),
        ("sum(@)", f"[{LONG}]"),
        ("avg(@)", "[1e999]"),
        ("sum(@)", f"[{'9' * 4_300}, 1]"),
        ("avg(@)", f"[{'9' * 4_000}]"),
        ("sum(@)", f"[{'9' * 4_000}, 0.5]"),
    ],
)
def test_what_is_too_large_to_be_computed_is_an_error(text: str, value: str) -> None:
    """No sum becomes infinite, which would be written as null."""
    assert search(Path(text), value.encode(), 100_000).name == "NumberTooLarge"


@given(JSON_VALUES, JSON_VALUES)
@example(True, 1)
@example([0], [False])
def test_the_library_agrees_but_for_true_and_1(left: Any, right: Any) -> None:
    """Equality and membership are the library's where no boolean stands for a number."""
    both = [left, right]
    assert found("[0] == [1]", both) == found("contains([[0]], [1])", both)
    if "True" not in str(both) and "False" not in str(both):
        assert found("[0] == [1]", both) == jmespath.search("[0] == [1]", both)


@pytest.mark.parametrize(
    ("text", "value", "wrong"),
    [
        ("contains(@, `true`)", [1, 2], True),
        ("@ == `[true]`", [1], True),
        ("to_number('1_000')", None, 1000),
        ("to_number(' 10 ')", None, 10),
        ("to_string('x') && to_string(@)", {"é": 1}, '{"\\u00e9":1}'),
        ("merge(`{}`, @)", [["a", 1]], {"a": 1}),
        ("type(`Infinity`)", None, "number"),
        ("a > `5`", {"a": "10"}, TypeError),
        ("contains('a1b', `1`)", None, TypeError),
        ("max_by(@, &a)", [{"a": 1}, {"a": "x"}], TypeError),
        ("[::0]", [1], ValueError),
    ],
)
def test_the_library_is_still_wrong(text: str, value: Any, wrong: Any) -> None:
    """Each of these is mended on our side; where one fails here, the library has mended it itself."""
    if isinstance(wrong, type):
        with pytest.raises(wrong):
            jmespath.search(text, value)
    else:
        assert jmespath.search(text, value) == wrong


TEXT = st.text(alphabet="ab.[]*?&|<>=!`'\"(){}:,-0123456789@\\ \n\u00e9#%", max_size=24)


@given(TEXT, JSON_VALUES)
@example("a.", None)
@example("[?", None)
@example("`", None)
@example('"\\ud83d"', None)
@example("foo[?`1`", None)
@example("@(", None)
@example("[99999999999999999999]", [1])
@example("[:99999999999999999999]", [1])
def test_any_text_is_an_expression_or_refused(text: str, value: Any) -> None:
    """Wherever it ends; and what an expression raises is one of the standard's errors."""
    try:
        path = Path(text)
    except PathSyntaxError:
        return
    try:
        path.search(value, steps=2_000)
    except (BudgetSpentError, NumberTooLargeError, jmespath.exceptions.JMESPathError):
        return


@given(st.sampled_from(["abs", "ceil", "sum", "avg", "max", "sort", "to_number", "to_string"]), JSON_VALUES)
def test_functions_raise_only_errors_of_the_standard(function: str, value: Any) -> None:
    """Whatever they are given."""
    for argument in (value, [value], [value, Decimal("1e999")]):
        try:
            found(f"{function}(@)", argument)
        except jmespath.exceptions.JMESPathError:
            continue
