"""Files of cases, looked at without running them: their shape, their component, its ports and configuration."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from engine.documents.problem_report import ProblemReport, numbered, shown
from engine.errors import ComponentExistsError, ComponentNotFoundError, InvalidComponentError
from engine.library import Library
from engine.testing.case_file import (
    Case,
    CaseFile,
    InvalidCaseError,
    is_look,
    is_time_step,
    parse_case,
    parse_case_file,
)
from proto import codec
from proto.problem import Problem
from service.cli.case_files import with_subject
from service.cli.files import DocumentFileError, component_in, read_document_file

_UNIT = "unit"
_EDGE = re.compile(r"edges\[(\d+)\]")
_TOLD = re.compile(r"(nodes\[0\]\.config|edges\[(\d+)\]\.(?:source|target)\.port)")


async def check_cases(library: Library, document: Any, folder: Path, owner: str) -> list[Problem]:
    """Return what is wrong with a decoded file of cases.

    Args:
        library: knows the components that are there already.
        document: decoded.
        folder: where files that it names are looked for.
        owner: the name of the file, to whom its own components are registered: so they are in nobody's way.
    """
    try:
        file = parse_case_file(document)
    except msgspec.ValidationError as error:
        return [codec.shape_problem(error, CaseFile, code="cases.wrong_shape")]
    report = ProblemReport()
    if not file.cases:
        report.note("cases.empty", "cases", "There are no cases in it")
    cases = [(index, case) for index, each in enumerate(file.cases) if (case := _read(each, index, report))]
    try:
        file = with_subject(Path(owner), file)
    except DocumentFileError as error:
        report.note("cases.no_subject", "", str(error).removeprefix(f"{owner}: "))
        return report.problems()
    if bool(file.component) == bool(file.graph):
        report.note("cases.no_subject", "component", "A file of cases has a component or a graph, and not both")
    elif file.graph:
        await _check_with_graph(library, file, cases, folder, report, owner)
    else:
        for index, component in enumerate(file.components):
            await _component(library, component, folder, report, owner, f"components[{index}]")
        component_id, is_own = await _component(library, file.component, folder, report, owner)
        for index, case in cases if component_id else ():
            problems = await library.check_graph(_graph_of(component_id, case), owner=owner if is_own else "")
            report.extend(_told_of_case(problems, case, f"cases[{index}]"))
    return report.problems()


def _read(document: Any, index: int, report: ProblemReport) -> Case | None:
    """Return a case; None where it is wrong in itself, which is noted."""
    path = f"cases[{index}]"
    try:
        msgspec.convert(document, Case)
        return parse_case(document)
    except msgspec.ValidationError as error:
        report.extend(numbered([codec.shape_problem(error, Case, code="cases.wrong_shape")], path))
    except InvalidCaseError as error:
        for complaint in error.complaints:
            report.note("cases.invalid_case", path, complaint)
    return None


async def _check_with_graph(
    library: Library,
    file: CaseFile,
    cases: Sequence[tuple[int, Case]],
    folder: Path,
    report: ProblemReport,
    owner: str,
) -> None:
    """Note what is wrong with a graph, and with the ports that cases name."""
    own = [
        await _component(library, component, folder, report, owner, f"components[{index}]")
        for index, component in enumerate(file.components)
    ]
    beside = folder / file.graph if isinstance(file.graph, str) else None
    try:
        graph = file.graph if beside is None else read_document_file(beside)
    except DocumentFileError as error:
        report.note("cases.unreadable_graph", "graph", str(error))
        return
    registered = owner if own else ""
    problems = await library.check_graph(graph, owner=registered)
    if problems and beside is None:
        report.extend(numbered(problems, "graph"))
    elif problems:
        report.note("cases.invalid_graph", "graph", f"{beside}: {problems[0].message}")
    else:
        for index, case in cases:
            await _check_ports(library, graph, case, f"cases[{index}]", report, registered)


async def _check_ports(
    library: Library, graph: Any, case: Case, path: str, report: ProblemReport, owner: str
) -> None:
    """Note which ports of a graph a case names that are not there: each becomes the end of one more edge."""
    known = {node["id"] for node in graph["nodes"]}
    own = {is_input: _own_ports(graph, side) for is_input, side in ((True, "inputs"), (False, "outputs"))}
    helper = _unused(known)
    named = [(name, f"{path}.send[{index}].{shown(name)}", True) for index, name in _sent(case)]
    named += [(name, f"{path}.expect.{shown(name)}", False) for name in case.expect]
    edges: list[dict[str, Any]] = []
    places: list[str] = []
    for name, place, is_input in named:
        node, colon, port = name.partition(":")
        if name in own[is_input]:
            continue
        if node not in known and node.partition("/")[0] in known:
            continue  # inside the graph that the node uses: the run of the case tells
        if node not in known:
            report.note("cases.unknown_node", place, f"There is no node {shown(node)} in the graph")
        elif colon:
            other = f"{helper}.{len(edges)}"
            edges.append(_edge(other, "out", node, port) if is_input else _edge(node, port, other, "in"))
            places.append(place)
        elif not is_input:
            report.note("cases.unknown_port", place, "An output port of a graph is named node:port")
    nodes = [{"id": f"{helper}.{index}", "component": "symbia.core.passthrough"} for index in range(len(edges))]
    first = len(graph.get("edges", ()))
    document = {**graph, "nodes": [*graph["nodes"], *nodes], "edges": [*graph.get("edges", ()), *edges]}
    for problem in await library.check_graph(document, owner=owner):
        told = _EDGE.match(problem.path)
        if told is not None and int(told[1]) >= first:
            report.note("cases.unknown_port", places[int(told[1]) - first], problem.message)


def _own_ports(graph: Any, side: str) -> set[str]:
    """Return the names of the ports that a graph declares on one side."""
    ports = graph.get("ports") or {}
    return {port["name"] for port in ports.get(side, ())}


def _unused(names: Collection[str]) -> str:
    """Return a beginning of names that are not among these."""
    return next(name for number in count() if not any(each.startswith(name := f"case{number}") for each in names))


def _sent(case: Case) -> list[tuple[int, str]]:
    """Return the ports that a case sends to, each with the number of its step; steps of time send nothing."""
    return [
        (index, port)
        for index, step in enumerate(case.send)
        if not is_time_step(step, ()) and not is_look(step, ())
        for port in step
    ]


async def _component(
    library: Library, named: Any, folder: Path, report: ProblemReport, owner: str, path: str = "component"
) -> tuple[str, bool]:
    """Return the id of a component of the cases, and whether it is their own; "" where it is wrong."""
    beside = folder / named if isinstance(named, str) else None
    if beside is not None and not beside.is_file():
        try:
            return library.component(str(named)).id, False
        except ComponentNotFoundError as error:
            message = f"{error}, and there is no file of this name beside it"
            report.note("cases.unknown_component", path, message)
            return "", False
    try:
        document = named if beside is None else component_in(beside).document
        return (await library.register_component(document, owner=owner)).id, True
    except DocumentFileError as error:
        report.note("cases.unreadable_component", path, str(error))
    except ComponentExistsError as error:
        report.note(error.code, path, str(error))
    except InvalidComponentError as error:
        if beside is None:
            report.extend(numbered(error.problems, path))
        else:
            report.note("cases.invalid_component", path, f"{beside}: {error}")
    return "", False


def _graph_of(component_id: str, case: Case) -> dict[str, Any]:
    """Return a graph that uses the component as a case does: each port that it names with an edge."""
    sent = _sent(case)
    senders = [f"s{index}" for index in range(len(sent))]
    takers = [f"e{index}" for index in range(len(case.expect))]
    edges = [_edge(sender, "out", _UNIT, port) for sender, (_, port) in zip(senders, sent, strict=True)]
    edges += [_edge(_UNIT, port, taker, "in") for taker, port in zip(takers, case.expect, strict=True)]
    nodes = [{"id": name, "component": "symbia.core.passthrough"} for name in (*senders, *takers)]
    unit = {"id": _UNIT, "component": component_id, "config": case.config}
    return {"symbia": "1.0", "name": "case", "nodes": [unit, *nodes], "edges": edges}


def _edge(source: str, source_port: str, target: str, target_port: str) -> dict[str, Any]:
    return {"source": {"node": source, "port": source_port}, "target": {"node": target, "port": target_port}}


def _told_of_case(problems: Sequence[Problem], case: Case, path: str) -> Iterator[Problem]:
    """Yield the problems of such a graph as problems of the case."""
    places = [f"{path}.send[{index}].{shown(port)}" for index, port in _sent(case)]
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
