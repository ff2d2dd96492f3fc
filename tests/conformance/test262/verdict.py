"""What came of a scenario: the program that finds out, the same for both engines, and its judge. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tests.conformance.test262.case import Scenario

__all__ = ["EVALUATE", "Verdict", "judged"]

EVALUATE: Final = """(text, note) => {
  const asText = String, evaluate = eval;
  globalThis.print = (line) => note('printed', asText(line));
  globalThis.$262 = {
    global: globalThis,
    gc() {},
    evalScript(script) { return evaluate(script) },
  };
  const named = (error) => {
    try { return error.constructor.name } catch { return typeof error }
  };
  const said = (error) => {
    try { return asText(error.message ?? error) } catch { return '' }
  };
  try {
    evaluate(text);
    note('returned', '');
  } catch (error) {
    note('threw ' + named(error), said(error));
  }
}"""
"""Evaluates a text as a script, and notes how it ended and what it printed: (kind, detail).

By indirect eval, in both engines alike: a component's own source is read in one of several forms, which would
hide that a text is no script. A case may replace whatever it finds, so all that is needed after it has begun is
taken before.
"""

_COMPLETE: Final = "Test262:AsyncTestComplete"


class Verdict(msgspec.Struct, frozen=True):
    """Whether a scenario passed, and why not."""

    passed: bool
    reason: str = ""


def judged(scenario: Scenario, notes: Sequence[tuple[str, str]]) -> Verdict:
    """What the notes of a run say about it."""
    kinds = [kind for kind, _ in notes if kind != "printed"]
    if len(kinds) != 1:
        return Verdict(passed=False, reason=f"ended {len(kinds)} times")
    (ending,) = kinds
    detail = next(detail for kind, detail in notes if kind == ending)
    if scenario.negative:
        if ending == f"threw {scenario.negative}":
            return Verdict(passed=True)
        return Verdict(passed=False, reason=f"{ending} {detail} instead of {scenario.negative}".replace("  ", " "))
    if ending != "returned":
        return Verdict(passed=False, reason=f"{ending}: {detail}")
    if scenario.is_async:
        printed = [detail for kind, detail in notes if kind == "printed"]
        if printed != [_COMPLETE]:
            return Verdict(passed=False, reason=f"printed {printed} instead of {_COMPLETE}")
    return Verdict(passed=True)
