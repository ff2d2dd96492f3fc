"""An error that a function keeps in a variable while it raises it holds that function's frame, and those below it.

Such a circle is free only when a collection comes by: a hundred refused bodies of megabytes would stay in memory
until then. Who raises by name lets go of the name.
"""

import ast
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.errors import MemoryBoundError
from engine.memory.ledger import Ledger
from proto.codec import MalformedJsonError, decode_as
from tests.sources import PACKAGES, found_in


def _names_that_stay(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the local names by which a function raises, but for those that it lets go of as it leaves."""
    caught = {each.name for each in ast.walk(function) if isinstance(each, ast.ExceptHandler)}
    let_go = {
        target.id
        for each in ast.walk(function)
        if isinstance(each, ast.Try)
        for statement in each.finalbody
        if isinstance(statement, ast.Delete)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for each in ast.walk(function):
        if isinstance(each, ast.Raise) and isinstance(each.exc, ast.Name):
            name = each.exc.id
            if name not in caught | let_go and name.strip("_")[0].islower():
                yield name


def _found(source: str) -> list[str]:
    tree = ast.parse(source)
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{each.name}: {name}" for each in functions for name in _names_that_stay(each)]


@pytest.mark.parametrize("package", PACKAGES)
def test_whoever_raises_by_name_lets_go_of_the_name(package: str) -> None:
    assert found_in(package, _found) == []


def test_a_name_that_stays_is_seen() -> None:
    assert _found("def f(fault):\n    raise fault") == ["f: fault"]
    assert _found("def f(fault):\n    try:\n        raise fault\n    finally:\n        del fault") == []
    assert _found("def f():\n    try:\n        g()\n    except E as fault:\n        raise fault from None") == []


class _Body:
    """Something large that a caller has in hand."""


def _refused_charge() -> None:
    Ledger(100, 100).account("somebody").charge(1000, "bodies")


def _refused_requirement() -> None:
    Ledger(100, 100).require("somebody", 1000)


def _refused_text() -> None:
    decode_as(b"{", Any, 10)


@pytest.mark.parametrize("refused", [_refused_charge, _refused_requirement, _refused_text])
def test_a_refusal_keeps_nothing_of_what_was_refused(refused: Callable[[], None]) -> None:
    """What its caller has in hand is free at once, and not when a collection comes by."""

    def attempt() -> "weakref.ref[_Body]":
        body = _Body()
        try:
            refused()
        except (MemoryBoundError, MalformedJsonError):
            return weakref.ref(body)
        raise AssertionError("it was not refused")

    gc.disable()
    try:
        assert attempt()() is None
    finally:
        gc.enable()
