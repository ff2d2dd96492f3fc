"""Put printed JavaScript back where its author wrote it: each token on its line and, if it fits, column. Pure.

The transformer prints a program anew, without a source map. But what QuickJS says about a place, in a stack trace
or a syntax error, should be true in the author's file; and not only outside, where a map could translate it, but
also in ``error.stack`` inside the guest. So the tokens that the author wrote are laid out as they had them, and
what the transformer added (an enum's function, a parameter property's assignment) stands behind the token before
it.

Spaces change nothing, and new lines nearly nothing: printed code ends each statement with its semicolon, and the
few places where the grammar forbids a new line get none. typescript/translation.py proves the result: printed
once more, it must be the same program.
"""

import re
from bisect import bisect_right

from wasm_host.typescript.alignment import alignment_steps
from wasm_host.typescript.steps import Steps, at_once
from wasm_host.typescript.tokens import TOKENS_AT_ONCE, Token, token_steps, tokens_of

_LINE_END = re.compile(r"\r\n?|\n")
_NO_NEW_LINE_AFTER = frozenset(("return", "throw", "break", "continue", "yield", "async"))
_NO_NEW_LINE_BEFORE = frozenset(("=>", "++", "--"))
_HTML_COMMENTS = ("<!--", "-->")
"""Two comments that only old scripts have; tokens that touch must not become one."""


class Printed:
    """The output of the transformer: tokens, without comments and without what was wrapped around the program."""

    def __init__(self, text: str, head: int, tail: int, tokens: list[Token] | None = None) -> None:
        """Take ``head`` tokens off at the beginning, ``tail`` at the end; ``tokens`` are the text's, if known."""
        tokens = tokens_of(text) if tokens is None else tokens
        self.tokens = tokens[head : len(tokens) - tail]
        self._text = text

    def gap(self, index: int) -> str:
        """Return the space between a token and the one before it; where a comment stood, at least one."""
        space = self._text[self.tokens[index - 1].end : self.tokens[index].start] if index else ""
        if "/" not in space:
            return space
        return "\n" if "\n" in space else " "

    def plain(self) -> str:
        """Return the program as it was printed, without comments."""
        return at_once(self.plain_steps())

    def plain_steps(self) -> Steps[str]:
        """Do the same in steps."""
        parts = []
        for index, token in enumerate(self.tokens):
            parts.append(self.gap(index) + token.text)
            if index % TOKENS_AT_ONCE == TOKENS_AT_ONCE - 1:
                yield
        return "".join(parts) + "\n"


class _Page:
    """Text that grows, and where its end is. Lines and columns count from 1, columns in characters."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._last = ""
        self.line = 1
        self.column = 1

    def go_to(self, line: int, column: int) -> None:
        """Begin so many new lines, and go to a column that is not passed yet."""
        self._parts.append("\n" * (line - self.line) + " " * (column - 1))
        self._last = "\n"
        self.line, self.column = line, column

    def put(self, spaces: int, text: str) -> None:
        if not spaces and any(each in self._last + text for each in _HTML_COMMENTS):
            spaces = 1
        self._parts.append(" " * spaces + text)
        self._last = text if spaces or len(self._last) > len(_HTML_COMMENTS[0]) else self._last + text
        ends = list(_LINE_END.finditer(text))
        self.line += len(ends)
        self.column = len(text) - ends[-1].end() + 1 if ends else self.column + spaces + len(text)

    def text(self) -> str:
        return "".join(self._parts)


def lay_out(source: str, printed: Printed) -> str:
    """Return the printed program, its tokens where they stand in the source that it was made from."""
    return at_once(layout_steps(source, printed))


def layout_steps(source: str, printed: Printed) -> Steps[str]:
    """Do the same in steps."""
    original = yield from token_steps(source)
    keys = yield from _keys(original)
    printed_keys = yield from _keys(printed.tokens)
    matches = yield from alignment_steps(keys, printed_keys)
    line_starts = [0, *(end.end() for end in _LINE_END.finditer(source))]
    page = _Page()
    before = -1
    for index, (token, match) in enumerate(zip(printed.tokens, matches, strict=True)):
        if index % TOKENS_AT_ONCE == TOKENS_AT_ONCE - 1:
            yield
        spaces = 1 if printed.gap(index) and not _touch(original, before, match) else 0
        if match >= 0:
            start = original[match].start
            line = bisect_right(line_starts, start)
            column = start - line_starts[line - 1] + 1
            if line > page.line and _may_break(printed.tokens, index):
                page.go_to(line, column)
                spaces = 0
            elif line == page.line:
                spaces = max(spaces, column - page.column)
        page.put(spaces, token.text)
        before = match
    return page.text() + "\n"


def _keys(tokens: list[Token]) -> Steps[list[str]]:
    keys = []
    for token in tokens:
        keys.append(token.key)
        if len(keys) % TOKENS_AT_ONCE == 0:
            yield
    return keys


def _touch(original: list[Token], before: int, match: int) -> bool:
    """Return whether two tokens stood side by side in the source, so that they may again."""
    return match > 0 and before == match - 1 and original[before].end == original[match].start


def _may_break(tokens: list[Token], index: int) -> bool:
    if tokens[index].text in _NO_NEW_LINE_BEFORE:
        return False
    return index == 0 or tokens[index - 1].text not in _NO_NEW_LINE_AFTER
