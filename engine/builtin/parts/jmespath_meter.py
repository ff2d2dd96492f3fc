"""JMESPath with a bound on its work.

JMESPath has no loops, yet it can explode: ``[@,@] | [@,@] | ...`` doubles its value at every pipe, so a line of
text asks for more memory than there is. Bounding the expression's length does not help, nor does bounding the
input. The library evaluates a syntax tree recursively, in Python, through overridable ``visit`` methods, so work
is counted there, in steps:

- every visit of a node of the syntax tree, which covers each element of a projection or filter;
- every element of a value that is put together (multi-selects), quoted (literals), flattened, compared, or given
  to a function. Such values are weighed as trees: shared parts count as often as they occur, because that is how
  often they will be written.

As only these can make a value appear twice, no value ever outweighs the larger of input and budget, and whatever
the uncounted operations cost is linear in that.
"""

from typing import Any

import jmespath.exceptions

from engine.builtin.parts.jmespath_standard import Functions, Interpreter, Parser

PATH_LIMIT_CHARACTERS = 1_000
"""Length of an expression. Parser and evaluation recurse on it; longer programs belong into a map."""

CHARACTERS_PER_STEP = 16
"""Text that counts as one step: it is copied in bulk, so it is cheaper than elements, but not free."""


class BudgetSpentError(Exception):
    """The expression needs more steps than it may take on this value."""


class PathSyntaxError(ValueError):
    """The text is no JMESPath expression; the message says what is wrong, and where."""


class Path:
    """A compiled JMESPath expression; immutable, and shared by nobody's state."""

    def __init__(self, text: str) -> None:
        """Compile ``text``.

        Raises:
            PathSyntaxError: it is empty, too long, no JMESPath, or cannot have a value: it calls a function that
                does not exist, slices in steps of 0, or is a reference to an expression.
        """
        if len(text) > PATH_LIMIT_CHARACTERS:
            raise PathSyntaxError(f"It has {len(text)} characters; {PATH_LIMIT_CHARACTERS} are allowed")
        try:
            self._tree = Parser().parse(text).parsed
        except (jmespath.exceptions.JMESPathError, RecursionError) as error:
            raise PathSyntaxError(_syntax_message(text, error)) from error
        if complaint := _complaint(self._tree):
            raise PathSyntaxError(complaint)

    def search(self, value: Any, *, steps: int) -> Any:
        """Return what the expression finds in a decoded JSON value; None for nothing.

        Args:
            value: made of builtins; it is not changed.
            steps: the budget.

        Raises:
            BudgetSpentError: more than ``steps`` would be taken.
            jmespath.exceptions.JMESPathError: a function was given what it does not take.
            Exception: the library stumbled over a strange value or expression; it is not written defensively.
        """
        return _MeteredInterpreter(steps).visit(self._tree, value)


class _MeteredInterpreter(Interpreter):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._charge(1)
        return super().visit(node, *args, **kwargs)

    def _charge(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise BudgetSpentError

    def _weigh(self, value: Any) -> None:
        """Charge one step for each element of the value as a tree, and for each stretch of text."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                self._charge(1 + len(item) // CHARACTERS_PER_STEP)
            elif isinstance(item, list):
                self._charge(1 + len(item))
                waiting.extend(item)
            elif isinstance(item, dict):
                self._charge(1 + len(item))
                waiting.extend(item)
                waiting.extend(item.values())

    def visit_literal(self, node: Any, value: Any) -> Any:
        literal = super().visit_literal(node, value)
        self._weigh(literal)
        return literal

    def visit_multi_select_list(self, node: Any, value: Any) -> Any:
        selected = super().visit_multi_select_list(node, value)
        self._weigh(selected)
        return selected

    def visit_multi_select_dict(self, node: Any, value: Any) -> Any:
        selected = super().visit_multi_select_dict(node, value)
        self._weigh(selected)
        return selected

    def visit_flatten(self, node: Any, value: Any) -> Any:
        flat = super().visit_flatten(node, value)
        self._charge(len(flat or ()))
        return flat

    def visit_comparator(self, node: Any, value: Any) -> Any:
        operands = [self.visit(child, value) for child in node["children"]]
        return super().visit_comparator(_with_literals(node, operands), value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        arguments = [self.visit(child, value) for child in node["children"]]
        if node["value"] == "join" and [type(argument) for argument in arguments] == [str, list]:
            glue, parts = arguments  # the only function whose result outgrows its arguments
            self._charge(len(glue) * len(parts) // CHARACTERS_PER_STEP)
        return super().visit_function_expression(_with_literals(node, arguments), value)


def _with_literals(node: Any, values: list[Any]) -> Any:
    """Return the same operation on values that are known already; the library visits, and so weighs, each once."""
    return {**node, "children": [{"type": "literal", "value": value, "children": []} for value in values]}


def _syntax_message(text: str, error: Exception) -> str:
    if isinstance(error, jmespath.exceptions.IncompleteExpressionError):
        return f"It ends too soon, at character {len(text) + 1}"
    if isinstance(error, jmespath.exceptions.LexerError):
        return f"{error.message} at character {error.lexer_position + 1}"
    if isinstance(error, jmespath.exceptions.ParseError):
        if not error.token_value:
            return f"It ends too soon, at character {error.lex_position + 1}"
        return f"Unexpected {error.token_value!r} at character {error.lex_position + 1}"
    if isinstance(error, RecursionError):
        return "It is nested too deeply"
    return str(error)


def _complaint(tree: Any) -> str | None:
    """Return what is wrong with a tree whatever it is given; None where nothing is."""
    waiting = [(tree, False)]
    while waiting:
        node, is_argument = waiting.pop()
        kind = node["type"]
        if kind == "expref" and not is_argument:
            return "An expression behind & can only be an argument of a function"
        if kind == "slice":
            if node["children"][2] == 0:
                return "The step of a slice cannot be 0"
            continue  # its children are numbers
        is_function = kind == "function_expression"
        if is_function and node["value"] not in Functions.FUNCTION_TABLE:
            known = ", ".join(sorted(Functions.FUNCTION_TABLE))
            return f"There is no function {node['value']}(); known are {known}"
        waiting.extend((child, is_function) for child in node["children"])
    return None
