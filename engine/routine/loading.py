"""Routine definitions at the door of a runtime: judged, previewed, and loaded with all their graphs or none."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import trio

from engine.compile.loaded_graph import LoadedGraph
from engine.cooperative.slices import in_slices
from engine.documents.problem_report import ProblemReport, numbered
from engine.errors import InvalidGraphError, InvalidRoutineError
from engine.routine.compiler import CompiledRoutine, compile_in_steps
from engine.routine.source_hash import SourceHash, javascript_text
from engine.routine.validation import examine
from engine.views import LibraryView
from proto.problem import Problem
from proto.routine import RoutineDefinition, RoutineVerdict

HASH_TURN_PIECES = 1_000
"""Pieces of a definition's text that are hashed before others have their turn: about a millisecond."""

_PLACE = re.compile(r"graphs\[(\d+)\]\.?(?:nodes\[(\d+)\]\.?)?(.*)", re.DOTALL)
_CODES = {"program": "INVALID_EXPRESSION", "config": "INVALID_PARAM"}
"""The codes of refused graphs, in the spelling of routines, by the first part of the graph's code."""


class Compilation(msgspec.Struct, frozen=True):
    """A definition and the graphs that it became.

    Attributes:
        definition: without errors.
        routines: one for each of its routines, in order.
        warnings: what may not be meant so.
        source_hash: by which the platform knows the definition again.
    """

    definition: RoutineDefinition
    routines: tuple[CompiledRoutine, ...]
    warnings: tuple[Problem, ...]
    source_hash: str

    @property
    def node_count(self) -> int:
        """The number of nodes of all graphs."""
        return sum(len(compiled.graph["nodes"]) for compiled in self.routines)

    @property
    def edge_count(self) -> int:
        """The number of edges of all graphs."""
        return sum(len(compiled.graph["edges"]) for compiled in self.routines)


async def judge(library: LibraryView, document: Any) -> RoutineVerdict:
    """Return everything that is wrong with a definition, given as a decoded JSON document; nothing is stored.

    What is valid here can be loaded, unless the owner has as many graphs as they may.
    """
    definition, found = await in_slices(examine(document))
    errors = found.errors
    if definition is not None:
        errors = await _graph_problems(library, await in_slices(compile_in_steps(definition)))
    return RoutineVerdict(not errors, tuple(errors), tuple(found.warnings))


async def compile_document(document: Any, *, debug: bool = False) -> Compilation:
    """Compile a definition, given as a decoded JSON document, to its graphs; nothing is stored.

    Args:
        document: the definition.
        debug: whether each node says which step it is.

    Raises:
        InvalidRoutineError: carries every problem that can be seen without a runtime.
    """
    definition, found = await in_slices(examine(document))
    if definition is None:
        raise InvalidRoutineError(found.errors)
    routines = tuple(await in_slices(compile_in_steps(definition, debug=debug)))
    return Compilation(definition, routines, tuple(found.warnings), await _hash_of(document))


async def preview(library: LibraryView, document: Any) -> Compilation:
    """Return the graphs that a definition would become, each node with its step's place; nothing is stored.

    Raises:
        InvalidRoutineError: carries every problem.
    """
    compilation = await compile_document(document, debug=True)
    problems = await _graph_problems(library, compilation.routines)
    if problems:
        raise InvalidRoutineError(problems)
    return compilation


async def load(library: LibraryView, document: Any) -> tuple[Compilation, list[LoadedGraph]]:
    """Take in all graphs of a definition, or none; they are in the order of its routines.

    Raises:
        InvalidRoutineError: carries every problem; nothing was stored.
        QuotaError: the owner would have more graphs than they may; nothing was stored.
    """
    compilation = await compile_document(document)
    try:
        graphs = await library.load_graphs([compiled.graph for compiled in compilation.routines])
    except InvalidGraphError as error:
        raise InvalidRoutineError(_translated(error.problems, compilation.routines)) from error
    return compilation, graphs


async def _graph_problems(library: LibraryView, routines: Sequence[CompiledRoutine]) -> list[Problem]:
    """Return the problems for which the graphs would be refused, said of the steps that they were made of."""
    report = ProblemReport()
    for index, compiled in enumerate(routines):
        report.extend(numbered(await library.check_graph(compiled.graph), f"graphs[{index}]"))
        await trio.lowlevel.checkpoint()
    return _translated(report.problems(), routines)


def _translated(problems: Sequence[Problem], routines: Sequence[CompiledRoutine]) -> list[Problem]:
    """Problems of graphs as problems of the definition, each once: a routine may stand in several graphs."""
    return list(dict.fromkeys(_translate(problem, routines) for problem in problems))


def _translate(problem: Problem, routines: Sequence[CompiledRoutine]) -> Problem:
    code = _CODES.get(problem.code.partition(".")[0], "INVALID_GRAPH")
    place = _PLACE.fullmatch(problem.path)
    if place is None:
        return Problem(code, "routines", problem.message)
    graph, node, rest = place.groups()
    if node is None:
        return Problem(code, f"routines[{graph}]", problem.message)
    compiled = routines[int(graph)]
    path = compiled.places[int(node)]
    if rest.startswith("config"):
        path += f".{rest.replace('config', 'params', 1)}"
    # Its node has other ids in other graphs; the path says which step it is.
    message = problem.message.removeprefix(f"Node {compiled.graph['nodes'][int(node)]['id']}: ")
    return Problem(code, path, message)


async def _hash_of(document: Any) -> str:
    hashed = SourceHash()
    pieces: list[str] = []
    for piece in javascript_text(document):
        pieces.append(piece)
        if len(pieces) >= HASH_TURN_PIECES:
            hashed.update("".join(pieces))
            pieces.clear()
            await trio.lowlevel.checkpoint()
    hashed.update("".join(pieces))
    return hashed.hexadecimal()
