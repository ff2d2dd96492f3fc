"""Files of cases, looked at without running them: their shape, their component, its ports and configuration."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.documents.problem_report import ProblemReport, numbered, shown
from engine.errors import ComponentExistsError, ComponentNotFoundError, InvalidComponentError
from engine.library import Library
from engine.testing.case_file import Case, CaseFile, parse_case_file
from proto import codec
from proto.problem import Problem
from service.cli.files import DocumentFileError, read_document_file

_UNIT = "unit"
_TOLD = re.compile(r"(nodes\[0\]\.config|edges\[(\d+)\]\.(?:source|target)\.port)")


async def check_cases(library: Library, document: Any, folder: Path, owner: str) -> list[Problem]:
    """Return what is wrong with a decoded file of cases.

    Args:
        library: knows the components that are there already.
        document: decoded.
        folder: where files that it names are looked for.
        owner: to whom its own component is registered, so that it is in the way of no other.
    """
    try:
        file = parse_case_file(document)
    except msgspec.ValidationError as error:
        return [codec.shape_problem(error, CaseFile, code="cases.wrong_shape")]
    report = ProblemReport()
    if not file.cases:
        report.note("cases.empty", "cases", "There are no cases in it")
    component_id, is_own = await _component(library, file.component, folder, report, owner)
    if component_id:
        for index, case in enumerate(file.cases):
            document = _graph_of(component_id, case)
            problems = await library.check_graph(document, owner=owner if is_own else "")
            report.extend(_told_of_case(problems, case, f"cases[{index}]"))
    return report.problems()


async def _component(
    library: Library, named: Any, folder: Path, report: ProblemReport, owner: str
) -> tuple[str, bool]:
    """Return the id of the component of the cases, and whether it is their own; "" where it is wrong."""
    beside = folder / named if isinstance(named, str) else None
    if beside is not None and not beside.is_file():
        try:
            return library.component(str(named)).id, False
        except ComponentNotFoundError as error:
            message = f"{error}, and there is no file of this name beside it"
            report.note("cases.unknown_component", "component", message)
            return "", False
    try:
        document = named if beside is None else read_document_file(beside)
        return (await library.register_component(document, owner=owner)).id, True
    except DocumentFileError as error:
        report.note("cases.unreadable_component", "component", str(error))
    except ComponentExistsError as error:
        report.note(error.code, "component", str(error))
    except InvalidComponentError as error:
        if beside is None:
            report.extend(numbered(error.problems, "component"))
        else:
            report.note("cases.invalid_component", "component", f"{beside}: {error}")
    return "", False


def _graph_of(component_id: str, case: Case) -> dict[str, Any]:
    """Return a graph that uses the component as a case does: each port that it names with an edge."""
    senders = [f"s{index}" for index in range(len(case.send))]
    takers = [f"e{index}" for index in range(len(case.expect))]
    edges = [
        _edge(sender, "out", _UNIT, port) for sender, sent in zip(senders, case.send, strict=True) for port in sent
    ]
    edges += [_edge(_UNIT, port, taker, "in") for taker, port in zip(takers, case.expect, strict=True)]
    nodes = [{"id": name, "component": "symbia.core.passthrough"} for name in (*senders, *takers)]
    unit = {"id": _UNIT, "component": component_id, "config": case.config}
    return {"symbia": "1.0", "name": "case", "nodes": [unit, *nodes], "edges": edges}


def _edge(source: str, source_port: str, target: str, target_port: str) -> dict[str, Any]:
    return {"source": {"node": source, "port": source_port}, "target": {"node": target, "port": target_port}}


def _told_of_case(problems: Sequence[Problem], case: Case, path: str) -> Iterator[Problem]:
    """Yield the problems of such a graph as problems of the case."""
    places = [f"{path}.send[{index}].{shown(port)}" for index, sent in enumerate(case.send) for port in sent]
    places += [f"{path}.expect.{shown(port)}" for port in case.expect]
    for problem in problems:
        told = _TOLD.match(problem.path)
        if told is not None:
            message = problem.message.removeprefix(f"Node {_UNIT}: ").replace(
                f"Node {_UNIT} has", "The component has"
            )
            if told[2]:
                yield Problem("cases.unknown_port", places[int(told[2])], message)
            else:
                yield Problem(problem.code, f"{path}.{problem.path.removeprefix('nodes[0].')}", message)
