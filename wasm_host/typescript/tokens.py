"""Cut JavaScript or TypeScript into tokens: enough of the grammar to know what is text, and nothing more. Pure.

It never fails. What is no program at all, or ends in the middle of a string, still yields tokens that, with the
spaces and comments between them, are the whole text. The one thing that JavaScript does not let a scanner know
is whether a slash divides or begins a regular expression; here it depends on the token before, and on what
stands before the bracket that it closes. That is right for printed code (which is what must be right) and nearly
always for an author's: a mistake costs them columns, see reposition.py.
"""

import re
from array import array
from collections.abc import Iterator

import msgspec

from wasm_host.repetition import repeated
from wasm_host.typescript.steps import Steps

TOKENS_AT_ONCE = 400
"""Looked at in one step: a millisecond."""


class Token(msgspec.Struct, frozen=True, gc=False):
    """A token and where it stands: offsets in characters, ``end`` beyond the last.

    Out of the garbage collector's sight: there are 100,000 of them in a long program, and while it looked at each,
    from whatever thread, the event loop stood still for 400 ms.
    """

    text: str
    start: int
    end: int

    @property
    def key(self) -> str:
        """The same for all spellings of a literal: printing changes quotes, and the form of numbers."""
        first = self.text[0]
        if first in "\"'":
            return "'" + self.text[1:-1].replace('\\"', '"').replace("\\'", "'")
        return "0" if first.isdigit() or (first == "." and self.text[1:2].isdigit()) else self.text


_COMMENT = r"/\*[^*]*+" + repeated(r"\*(?!/)[^*]*+") + r"(?:\*/)?"
_BETWEEN = re.compile(repeated(r"[\s\ufeff]++|//[^\n\r\u2028\u2029]*+|" + _COMMENT), re.DOTALL)
_TEMPLATE = r"[^`\\$]*+" + repeated(r"(?:\\.|\$(?!\{))[^`\\$]*+") + r"(?:`|\$\{)?"
_WORD = repeated(r"[\w$\u200c\u200d]++|\\u(?:[0-9a-fA-F]{4}|\{[0-9a-fA-F]++\})", least=1)
_DOUBLE_QUOTED = r'"[^"\\\n]*+' + repeated(r'\\.[^"\\\n]*+') + '"?'
_SINGLE_QUOTED = r"'[^'\\\n]*+" + repeated(r"\\.[^'\\\n]*+") + "'?"
_TOKEN = re.compile(
    r"""
      (?P<word> \#?"""
    + _WORD
    + r""" )
    | (?P<string> """
    + f"{_DOUBLE_QUOTED} | {_SINGLE_QUOTED}"
    + r""" )
    | (?P<template> `"""
    + _TEMPLATE
    + r""" )
    | (?P<mark> >>>= | \.\.\. | === | !== | \*\*= | <<= | >>= | >>> | &&= | \|\|= | \?\?= | => | == | != | <=
        | >= | && | \|\| | \?\? | \?\.(?!\d) | \+\+ | -- | \+= | -= | \*= | /= | %= | &= | \|= | \^= | \*\*
        | << | >> | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"0[xXbBoO][\da-fA-F_]*n?|(?:\d[\d_]*+(?:\.[\d_]*+)?|\.\d[\d_]*+)(?:[eE][+-]?\d[\d_]*+)?n?")
_MIDDLE_OF_TEMPLATE = re.compile(r"\}" + _TEMPLATE, re.DOTALL)
_CLASS = r"\[[^\]\\\n]*+" + repeated(r"\\.[^\]\\\n]*+") + r"\]?"
_REGULAR_EXPRESSION = re.compile("/" + repeated(r"[^/\\\[\n]++|\\.|" + _CLASS, least=1) + r"(?:/\w*+)?")

_BEFORE_A_VALUE = frozenset(
    re.findall(
        r"\w+", "await case default delete do else extends in instanceof new of return throw typeof void yield"
    )
)
_BEFORE_AN_OPERANDLESS = {
    "(": frozenset(("if", "while", "for", "with")),
    "{": frozenset((")", ";", "{", "}", "=>", "else", "do", "try", "finally", "")),
}
"""Tokens before a bracket whose content is no operand: a condition, a block. A value may follow it."""


def tokens_of(text: str) -> list[Token]:
    """Return all tokens in order."""
    return list(_scan(text))


def token_steps(text: str) -> Steps[list[Token]]:
    """Do the same in steps."""
    tokens = []
    for token in _scan(text):
        tokens.append(token)
        if len(tokens) % TOKENS_AT_ONCE == 0:
            yield
    return tokens


def end_steps(text: str) -> Steps["array[int]"]:
    """Return where each token ends, in steps.

    A token for each character takes 4 MB for a megabyte, and no hundred.
    """
    ends = array("I")
    for token in _scan(text):
        ends.append(token.end)
        if len(ends) % TOKENS_AT_ONCE == 0:
            yield
    return ends


def start_after(text: str, at: int) -> int:
    """Return where the next token begins, behind one that ends at ``at``."""
    return _end(_BETWEEN, text, at)


def _scan(text: str) -> Iterator[Token]:
    at = 0
    before = ""  # the token before
    value_may_follow = True  # and not an operator: here a slash begins a regular expression
    opened: list[tuple[str, bool]] = []  # open brackets, and whether a value may follow when they close
    while True:
        at = _end(_BETWEEN, text, at)
        if at == len(text):
            return
        end, is_operand = _token_end(text, at, value_may_follow, opened[-1][0] if opened else "")
        token = text[at:end]
        yield Token(token, at, end)
        if token in {"(", "[", "{"}:
            opened.append((token, before in _BEFORE_AN_OPERANDLESS.get(token, ())))
            value_may_follow = True
        elif token in {")", "]", "}"}:
            value_may_follow = opened.pop()[1] if opened else False
        elif token[0] in "`}" and token.endswith("${"):
            if token[0] == "`":
                opened.append(("`", False))
            value_may_follow = True
        elif token[0] in "`}":
            if token[0] == "}" and opened:
                opened.pop()
            value_may_follow = False
        elif token in {"++", "--", "!"} and not value_may_follow:
            value_may_follow = False  # behind its operand
        else:
            value_may_follow = not is_operand
        before = token
        at = end


def _token_end(text: str, at: int, value_may_follow: bool, innermost: str) -> tuple[int, bool]:
    """Return where the token at ``at`` ends, and whether it is an operand."""
    first = text[at]
    if first == "/" and value_may_follow:
        return max(at + 1, _end(_REGULAR_EXPRESSION, text, at)), True  # one that ends at once is a slash
    if first == "}" and innermost == "`":
        return _end(_MIDDLE_OF_TEMPLATE, text, at), True
    if first.isdecimal() or (first == "." and text[at + 1 : at + 2].isdecimal()):
        end = _end(_NUMBER, text, at)
        return (end, True) if end > at else (at + 1, True)
    found = _TOKEN.match(text, at)
    if found is None:
        return at + 1, False
    is_operand = found.lastgroup != "mark" and found.group() not in _BEFORE_A_VALUE
    return found.end(), is_operand


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
