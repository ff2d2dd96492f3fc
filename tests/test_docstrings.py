"""Docstrings begin with their verb or with their thing, so that a reader need not look for either."""

import ast
from collections.abc import Iterator

import pytest

from tests.sources import PACKAGES, found_in

ANSWERS = frozenset(
    (
        *("What", "Whatever", "Whether", "How", "However", "Where", "Wherever", "When", "Whenever", "Why"),
        *("Who", "Whoever", "Whom", "Whose", "Which", "As", "If", "Because", "So", "That", "Its"),
        *("Of", "Between", "Among", "For", "From", "By", "In", "On", "To"),
    )
)
"""Words with which a clause begins, or half a phrase whose other half is somewhere else."""


def docstrings_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring, those below attributes and constants included."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def riddles_of(source: str) -> list[str]:
    """Return the line and the beginning of each docstring that begins with one of ``ANSWERS``."""
    return [
        f"{line}: {text.strip().splitlines()[0]}"
        for line, text in docstrings_of(source)
        if text.split(None, 1)[:1] and text.split(None, 1)[0].rstrip(",:;") in ANSWERS
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_docstring_begins_with_an_answer(package: str) -> None:
    """A function says "Return whether ...", a property or a constant "The time between ..."."""
    found = found_in(package, riddles_of)
    assert not found, "begin these with the verb or the thing:\n" + "\n".join(found)


def test_riddles_are_found_wherever_they_stand() -> None:
    """A module, a class, a function, an attribute and a constant are all looked at."""
    source = '''
"""What this is."""

LIMIT = 3
"""Of them."""


class Thing:
    """How it is."""

    name: str
    """Whose it is."""

    def is_good(self) -> bool:
        """Whether it is good."""

    def send(self) -> None:
        """Send what is there."""
'''
    assert [riddle.split(": ", 1)[1] for riddle in riddles_of(source)] == [
        "What this is.",
        "Of them.",
        "How it is.",
        "Whose it is.",
        "Whether it is good.",
    ]
