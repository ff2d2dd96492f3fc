"""Documents of all kinds, looked at together: what is wrong with each, with its lines and columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.contracts.surroundings import UNKNOWN_SURROUNDINGS, SameForAll
from engine.cooperative.slices import in_slices
from engine.errors import ComponentExistsError, InvalidComponentError
from engine.library import Library
from engine.limits import EngineLimits
from engine.routine.loading import judge
from engine.runtime import open_runtime
from proto.problem import Finding, Problem
from service.cli.case_checks import check_cases
from service.cli.check_sources import Source
from service.cli.graph_files import FolderGraphs
from service.cli.told import CODE, Told, told, told_of_code
from service.documents.locating import locating
from service.outbound.clients import UNGUARDED
from service.outbound.source_fetcher import SourceFetcher


class Report(msgspec.Struct):
    """All that was found; ``unreadable`` counts documents that could not be read."""

    told: list[Told] = []
    unreadable: int = 0

    def add(self, source: Source, severity: str, findings: Sequence[Finding]) -> None:
        """Take in what was found in one document."""
        self.told += [told(source.name, severity, found) for found in findings]

    def add_of_code(self, path: Path, problems: Sequence[Problem]) -> None:
        """Take in what is wrong with the code in a file of its own."""
        self.told += [told_of_code(path, problem) for problem in problems]

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(1 for each in self.told if each.severity == severity)

    def status(self, *, is_strict: bool) -> int:
        """Return the exit status."""
        if self.unreadable:
            return 2
        return 1 if self.count("error") or (is_strict and self.told) else 0


async def check_sources(sources: Sequence[Source]) -> Report:
    """Look at documents; components that are among them are known to the graphs and the cases."""
    report = Report()
    fetcher = SourceFetcher(UNGUARDED.open_source_client)
    vault = SameForAll(UNKNOWN_SURROUNDINGS)  # a graph is checked for where it will run
    async with open_runtime(limits=EngineLimits(), fetch_source=fetcher, vault=vault) as runtime:
        # What others may name goes first.
        found = {}
        folders: dict[Path, FolderGraphs] = {}
        for source in sorted(sources, key=_is_used_by_others):
            beside = folders.setdefault(source.folder, FolderGraphs(source.folder))
            runtime.library.find_graphs_in(beside)
            found[source.name] = await _judge(runtime.library, source)
    for source in sources:
        if source.refusal is not None:
            report.unreadable += 1
            report.add(source, "error", [source.refusal])
            continue
        errors, warnings = found[source.name]
        if source.code is not None:
            report.add_of_code(source.code, [problem for problem in errors if problem.path == CODE])
            errors = [problem for problem in errors if problem.path != CODE]
        located = await in_slices(locating(source.text, source.form, [*errors, *warnings]))
        report.add(source, "error", sorted(located.findings[: len(errors)], key=_place))
        report.add(source, "warning", sorted([*located.findings[len(errors) :], *located.repeated], key=_place))
    return report


def _is_used_by_others(source: Source) -> bool:
    return source.kind != "component"


def _place(found: Finding) -> tuple[int, int]:
    return found.line or 0, found.column or 0


async def _judge(library: Library, source: Source) -> tuple[Sequence[Problem], Sequence[Problem]]:
    """Return what is wrong with a document, and what may not be meant so."""
    if source.refusal is not None:
        return (), ()
    if source.kind == "component":
        return await _register(library, source.document), ()
    if source.kind == "cases":
        return await check_cases(library, source.document, source.folder, source.name), ()
    if source.kind == "routine":
        routine = await judge(library, source.document)
        return routine.errors, routine.warnings
    verdict = await library.judge_graph(source.document)
    return verdict.errors, verdict.warnings


async def _register(library: Library, document: Any) -> Sequence[Problem]:
    try:
        await library.register_component(document)
    except InvalidComponentError as error:
        return error.problems
    except ComponentExistsError as error:
        return [Problem(error.code, "id", str(error))]
    return ()
