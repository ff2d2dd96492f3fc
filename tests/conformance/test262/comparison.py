"""Runs a folder of cases in both engines, and says where they differ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from tests.conformance.test262.case import CaseError, cases_in, scenarios
from tests.conformance.test262.engines import GuestEngine, NativeEngine
from tests.conformance.test262.verdict import Verdict

__all__ = ["Outcome", "compared", "harness_of"]


class Outcome(msgspec.Struct, frozen=True):
    """One scenario in both engines, or why it ran in neither."""

    name: str
    guest: Verdict | None = None
    native: Verdict | None = None
    skipped: str = ""

    @property
    def differs(self) -> bool:
        """Whether one engine passed and the other did not."""
        return self.guest is not None and self.native is not None and self.guest.passed != self.native.passed

    def line(self) -> str:
        """For people."""
        if self.guest is None or self.native is None:
            return f"skipped {self.name}: {self.skipped}"
        words = {(True, True): "pass", (False, False): "fail (both)", (False, True): "FAIL (guest only)"}
        said = words.get((self.guest.passed, self.native.passed), "FAIL (native only)")
        reason = self.guest.reason or self.native.reason
        line = f"{said} {self.name}" + (f": {reason}" if reason else "")
        return line.encode(errors="backslashreplace").decode()  # it may tell of half a surrogate pair


def harness_of(folder: Path) -> Path:
    """The harness that belongs to a folder of the corpus: beside it, or beside one of the folders around it.

    Raises:
        CaseError: there is none.
    """
    for place in (folder, *folder.resolve().parents):
        if (place / "harness" / "assert.js").is_file():
            return place / "harness"
    raise CaseError(f"no folder harness with an assert.js lies beside {folder}; name it with --harness")


async def compared(
    folder: Path, harness: Path, guest: GuestEngine, native: NativeEngine
) -> AsyncIterator[Outcome]:
    """The outcome of each scenario below a folder, as soon as there is one.

    Raises:
        CaseError: a file is no case, or the harness lacks something.
    """
    for case in cases_in(folder):
        if case.why_not:
            yield Outcome(case.name, skipped=case.why_not)
            continue
        for scenario in scenarios(case, harness):
            yield Outcome(scenario.name, await guest.run(scenario), await native.run(scenario))
