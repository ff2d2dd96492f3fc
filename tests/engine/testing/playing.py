"""Cases played in tests: on a clock that they move."""

from typing import Any

from trio.testing import MockClock

from engine.testing.case_file import parse_case_file
from engine.testing.run_cases import Options, run_cases
from engine.testing.simulated_time import SimulatedTime
from engine.testing.verdict import Verdict


def component(source: str, *, inputs: list[str] | None = None, language: str = "javascript") -> dict[str, Any]:
    """Return a component of this source, with a port ``out``."""
    return {
        "id": "custom.subject",
        "name": "Subject",
        "version": "1.0.0",
        "ports": {"inputs": inputs or ["in"], "outputs": ["out"]},
        "execution": {"type": language, "source": source},
    }


async def complaints_of(
    clock: MockClock, file: dict[str, Any], *cases: dict[str, Any], options: Options | None = None
) -> list[tuple[str, ...]]:
    """Return what was not as expected in each case; they are numbered."""
    named = [{"name": f"case {number}", **case} for number, case in enumerate(cases)]
    read = parse_case_file({**file, "cases": named})
    verdicts: list[Verdict] = []
    await run_cases(read, SimulatedTime(clock), verdicts.append, options)
    return [verdict.complaints for verdict in verdicts]
