"""The calls among routines: cycles, depth, and how large the graphs become. Pure.

A called routine's steps are put into the graph of each caller (docs/decisions/0075), so calls must come to an end,
and their numbers multiply. Both are found out here, before anything is built.
"""

from collections.abc import Iterator

import msgspec

from engine.routine.limits import CALL_DEPTH_LIMIT, GRAPHS_LIMIT_BYTES, NODES_LIMIT
from engine.routine.steps import CALL_TARGET, STEP_KINDS
from proto.codec import encode
from proto.problem import Problem
from proto.routine import Routine, RoutineDefinition, RoutineStep

_ENDS = 2
"""Nodes of a graph beside those of its steps: the entry and the exit."""


def target_of(step: RoutineStep) -> str | None:
    """Return the name of the routine that a step calls, if it calls one."""
    target = (step.params or {}).get(CALL_TARGET) if step.type == "call" else None
    return target if isinstance(target, str) and target else None


def check_calls(definition: RoutineDefinition) -> list[Problem]:
    """Return the problems of a definition's calls; its routines and steps have no errors of their own."""
    walk = _Walk(definition)
    for name in walk.routines:
        walk.visit(name, ())
    if walk.problems:
        return walk.problems
    nodes = sum(walk.sizes[name] + _ENDS for name in walk.routines)
    if nodes > NODES_LIMIT:
        message = f"The graphs would have {nodes:.3g} nodes together; {NODES_LIMIT} are allowed"
        return [Problem("TOO_MANY_NODES", "routines", message)]
    head_bytes = len(encode(msgspec.structs.replace(definition, routines=(), variables=None)))
    size_bytes = sum(walk.weights[name] + head_bytes for name in walk.routines)
    if size_bytes > GRAPHS_LIMIT_BYTES:
        message = f"The graphs would have about {size_bytes} bytes; {GRAPHS_LIMIT_BYTES} are allowed"
        return [Problem("GRAPHS_TOO_LARGE", "routines", message)]
    return []


class _Walk:
    """A walk down every call, once; each routine's size is known when all that it calls has been seen."""

    def __init__(self, definition: RoutineDefinition) -> None:
        self.routines: dict[str, tuple[int, Routine]] = {
            routine.name: (index, routine) for index, routine in enumerate(definition.routines)
        }
        self.sizes: dict[str, int] = {}
        self.weights: dict[str, int] = {}
        self._llm_bytes = len(encode(definition.llm))
        self._variables_bytes = len(encode(definition.variables))
        self.depths: dict[str, int] = {}
        self.problems: list[Problem] = []

    def visit(self, name: str, callers: tuple[str, ...]) -> None:
        """Find out the size of a routine, without its ends, and the depth of the calls in it."""
        if name in self.sizes:
            return
        _, routine = self.routines[name]
        size, depth = len(routine.steps or ()), 0
        weight = sum(self._weight_of(step) for step in routine.steps or ())
        for path, target in self._calls(name):
            if target == name or target in callers:
                message = f"Routines call each other without end: {_round_of((*callers, name), target)}"
                self.problems.append(Problem("CALL_CYCLE", path, message))
            elif len(callers) >= CALL_DEPTH_LIMIT:
                self.problems.append(_too_deep(path))
            else:
                self.visit(target, (*callers, name))
                size += self.sizes[target]
                weight += self.weights[target]
                depth = max(depth, self.depths[target] + 1)
                if depth > CALL_DEPTH_LIMIT:
                    self.problems.append(_too_deep(path))
        self.sizes[name], self.depths[name], self.weights[name] = size, depth, weight

    def _weight_of(self, step: RoutineStep) -> int:
        """Bytes of a step's node: its own, and what the definition says to all steps of its type."""
        kind = STEP_KINDS[step.type]
        shared = self._llm_bytes * kind.uses_model + self._variables_bytes * kind.reads_variables
        return len(encode(step)) + shared

    def _calls(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the calls of a routine to others of the definition, with their places."""
        index, routine = self.routines[name]
        for place, step in enumerate(routine.steps or ()):
            target = target_of(step)
            if target in self.routines:
                yield f"routines[{index}].steps[{place}].params.{CALL_TARGET}", str(target)


def _too_deep(path: str) -> Problem:
    return Problem("CALL_TOO_DEEP", path, f"Calls lie inside of more than {CALL_DEPTH_LIMIT} others")


def _round_of(callers: tuple[str, ...], target: str) -> str:
    return " -> ".join((*callers[callers.index(target) :], target))
