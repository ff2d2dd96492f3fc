"""Regular expressions that mean the same in every Python that this project runs on."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.sources import PACKAGES, found_in

_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+")


def possessive_groups_of(source: str) -> Iterator[int]:
    """Yield the lines of texts in which a quantifier behind a group is possessive."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if _POSSESSIVE_GROUP.search(_CLASS.sub("x", text)):
                yield node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_no_quantifier_of_a_group_is_possessive(package: str) -> None:
    """Python 3.11.0 to 3.11.4, which Debian 12 has, match with them what does not match; (?>...) is right."""
    found = found_in(package, possessive_groups_of)
    assert not found, "write (?>(?:...)*), or ask wasm_host.repetition, in these:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("pattern", "is_found"),
    [
        ("(?:a|b)*+", True),
        ("(?:ab){2,3}+", True),
        ("(?P<x>a)?+", True),
        ("(?>(?:a|b)*)", False),
        ("[a-z]*+", False),
        ("[(?:)*+]", False),
        (r"\)*+", False),
        ("(a)+b", False),
    ],
)
def test_possessive_groups_are_found(pattern: str, is_found: bool) -> None:
    """A class, a character and what only looks like one are let alone; an atomic group does the same work."""
    assert bool(list(possessive_groups_of(f"x = {pattern!r}"))) == is_found
