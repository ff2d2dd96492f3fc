"""Expressions in JSONata as JavaScript: paths, operators, conditions, constructors, functions and blocks. Pure.

What goes further (regular expressions, sorting and grouping by ``^`` and ``{}``, wildcards, formats of dates) is
refused, and the report says that it is to be written by hand. ``programs/jsonata.js`` has what the result calls.
"""

import re
from collections.abc import Callable

import msgspec

MOST_CHARACTERS = 5_000
"""Characters of an expression; what flows have is a line or two."""

MOST_DEPTH = 40
"""Levels of brackets in brackets."""

_TOKEN = re.compile(
    r"\s+|/\*.*?\*/|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]*`)"
    r"|(?P<variable>\$\$|\$[A-Za-z_][\w]*|\$)|(?P<name>[A-Za-z_][\w]*)"
    r"|(?P<mark>:=|!=|<=|>=|\.\.|[-+*/%&=<>.,:;?()\[\]{}])",
    re.DOTALL,
)

FUNCTIONS = frozenset(
    (
        *("string", "number", "boolean", "not", "exists", "length", "uppercase", "lowercase", "trim", "substring"),
        *(
            "substringBefore",
            "substringAfter",
            "contains",
            "split",
            "join",
            "replace",
            "sum",
            "count",
            "max",
            "min",
        ),
        *("average", "round", "floor", "ceil", "abs", "power", "sqrt", "now", "millis", "merge", "append", "keys"),
        *(
            "lookup",
            "map",
            "filter",
            "reduce",
            "type",
            "reverse",
            "distinct",
            "flowContext",
            "globalContext",
            "env",
        ),
        *("fromMillis", "toMillis", "pad", "formatBase", "random", "sort"),
    )
)
"""Functions that the program beside it has."""

_BINDING = {
    "or": 25,
    "and": 30,
    "in": 40,
    "=": 40,
    "!=": 40,
    "<": 40,
    "<=": 40,
    ">": 40,
    ">=": 40,
    "&": 50,
    "+": 50,
    "-": 50,
    "*": 60,
    "/": 60,
    "%": 60,
    ".": 75,
    "[": 80,
    "(": 80,
    "?": 20,
}
_NAMED = {"true": "true", "false": "false", "null": "null"}
_END = ("end", "")


class NotTranslatedError(ValueError):
    """The expression has something that has no translation; the message says what."""


class _Code(msgspec.Struct, frozen=True):
    """JavaScript, and the name of the function where it is one that stands for itself."""

    text: str
    function: str = ""


def javascript_of(expression: str) -> str:
    """Return an expression in JSONata as one in JavaScript, which sees ``msg``, ``given`` and ``J``.

    Raises:
        NotTranslatedError: it cannot be said.
    """
    if len(expression) > MOST_CHARACTERS:
        raise NotTranslatedError(f"it has more than {MOST_CHARACTERS} characters")
    if not expression.strip():
        return "undefined"
    translation = _Translation(_tokens(expression))
    text = translation.expression(0).text
    translation.expect("end")
    return f"((c) => {text})(msg)"


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise NotTranslatedError(f"{expression[at]} at character {at + 1} is beyond what is translated")
        if match.lastgroup:
            tokens.append((match.lastgroup, match[0]))
        at = match.end()
    return [*tokens, _END]


class _Translation:
    """A parser by binding powers, whose result is the text itself. ``c`` is what a path begins at."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._bound: list[str] = ["$A", "$I", "$N"]

    def expression(self, binding: int) -> _Code:
        """Read an expression up to an operator that binds no more than ``binding``."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise NotTranslatedError(f"it is nested more than {MOST_DEPTH} levels deep")
        left = self._first(*self._next())
        while _BINDING.get(self._tokens[self._at][1], 0) > binding and self._tokens[self._at][0] in (
            "mark",
            "name",
        ):
            left = self._further(left, self._next()[1])
        self._depth -= 1
        return left

    def expect(self, text: str) -> None:
        """Read what must stand here."""
        kind, found = self._next()
        if text not in (found, kind):
            raise NotTranslatedError(f"{found or 'its end'} stands where {text} is expected")

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _is(self, text: str) -> bool:
        """Return whether this stands here, and pass it by."""
        if self._tokens[self._at][1] != text or self._tokens[self._at][0] == "string":
            return False
        self._at += 1
        return True

    def _first(self, kind: str, text: str) -> _Code:
        starts: dict[str, Callable[[], _Code]] = {
            "(": self._block,
            "[": self._array,
            "{": self._object,
            "-": self._negative,
            "function": self._function,
        }
        if kind in ("mark", "name") and text in starts:
            return starts[text]()
        makes: dict[str, Callable[[str], _Code]] = {
            "number": _Code,
            "string": lambda quoted: _Code(_quoted(_unescaped(quoted[1:-1]))),
            "quoted": lambda quoted: _Code(f"J.step(c, {_quoted(quoted[1:-1])})"),
            "variable": self._variable,
            "name": lambda name: _Code(_NAMED.get(name) or f"J.step(c, {_quoted(name)})"),
        }
        if kind not in makes:
            raise NotTranslatedError(f"{text or 'its end'} stands where a value is expected")
        return makes[kind](text)

    def _negative(self) -> _Code:
        return _Code(f"J.op('-', 0, {self.expression(70).text})")

    def _variable(self, text: str) -> _Code:
        if text in ("$", "$$"):
            return _Code("c" if text == "$" else "msg")
        if text in self._bound:
            return _Code(f"given.{text[1:]}" if text in ("$A", "$I", "$N") else f"v_{text[1:]}")
        if text[1:] in FUNCTIONS:
            return _Code(f"J.{text[1:]}", text[1:])
        raise NotTranslatedError(f"the function or variable {text} is not known")

    def _function(self) -> _Code:
        self.expect("(")
        names: list[str] = []
        while not self._is(")"):
            kind, text = self._next()
            if kind != "variable" or len(text) < 2:
                raise NotTranslatedError("a function's parameters are variables")
            names.append(text)
            self._is(",")
        self.expect("{")
        self._bound += names
        body = self.expression(0).text
        del self._bound[len(self._bound) - len(names) :]
        self.expect("}")
        return _Code(f"(({', '.join(f'v_{name[1:]}' for name in names)}) => {body})")

    def _block(self) -> _Code:
        """Read ``( $x := ...; ...; value )``."""
        before = len(self._bound)
        steps: list[str] = []
        last = "undefined"
        while not self._is(")"):
            kind, text = self._tokens[self._at]
            if kind == "variable" and self._tokens[self._at + 1][1] == ":=":
                self._at += 2
                value = self.expression(0).text
                self._bound.append(text)
                steps.append(f"const v_{text[1:]} = {value}; ")
                last = f"v_{text[1:]}"
            else:
                last = self.expression(0).text
            if not self._is(";") and self._tokens[self._at][1] != ")":
                raise NotTranslatedError(f"{self._tokens[self._at][1] or 'its end'} stands where ) is expected")
        del self._bound[before:]
        return _Code(f"(() => {{ {''.join(steps)}return {last}; }})()" if steps else f"({last})")

    def _array(self) -> _Code:
        items: list[str] = []
        while not self._is("]"):
            item = self.expression(0).text
            items.append(
                f"...J.range({item}, {self.expression(0).text})" if self._is("..") else f"...J.items({item})"
            )
            if not self._is(",") and self._tokens[self._at][1] != "]":
                raise NotTranslatedError("an array's items stand between commas")
        return _Code(f"[{', '.join(items)}]")

    def _object(self) -> _Code:
        fields: list[str] = []
        while not self._is("}"):
            key = self.expression(0).text
            self.expect(":")
            fields.append(f"[{key}, {self.expression(0).text}]")
            if not self._is(",") and self._tokens[self._at][1] != "}":
                raise NotTranslatedError("an object's fields stand between commas")
        return _Code(f"J.object([{', '.join(fields)}])")

    def _further(self, left: _Code, mark: str) -> _Code:
        match mark:
            case ".":
                return self._step(left)
            case "[":
                inside = self.expression(0).text
                self.expect("]")
                return _Code(f"J.pick({left.text}, (c) => {inside})")
            case "(":
                return self._call(left)
            case "?":
                yes = self.expression(0).text
                no = self.expression(0).text if self._is(":") else "undefined"
                return _Code(f"(J.boolean({left.text}) ? {yes} : {no})")
            case "and" | "or":
                joined = "&&" if mark == "and" else "||"
                right = self.expression(_BINDING[mark]).text
                return _Code(f"(J.boolean({left.text}) {joined} J.boolean({right}))")
        return _Code(f"J.op({_quoted(mark)}, {left.text}, {self.expression(_BINDING[mark]).text})")

    def _step(self, left: _Code) -> _Code:
        kind, text = self._tokens[self._at]
        if kind in ("name", "quoted", "string"):
            self._at += 1
            name = text if kind == "name" else text[1:-1]
            return _Code(f"J.step({left.text}, {_quoted(name)})")
        if text in ("*", "%"):
            raise NotTranslatedError(f"the step .{text} is beyond what is translated")
        return _Code(f"J.each({left.text}, (c) => {self.expression(_BINDING['.']).text})")

    def _call(self, left: _Code) -> _Code:
        arguments: list[str] = []
        while not self._is(")"):
            arguments.append(self.expression(0).text)
            if not self._is(",") and self._tokens[self._at][1] != ")":
                raise NotTranslatedError("arguments stand between commas")
        if left.function and not arguments and left.function not in ("now", "millis", "random"):
            arguments = ["c"]
        return _Code(f"{left.text}({', '.join(arguments)})")


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _unescaped(text: str) -> str:
    letters = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
    return re.sub(
        r"\\(?:u([0-9a-fA-F]{4})|(.))",
        lambda match: chr(int(match[1], 16)) if match[1] else letters.get(match[2], match[2]),
        text,
        flags=re.DOTALL,
    )
