"""The way from a routine definition to graphs, one for each routine: a chain from an entry to an exit. Pure.

    greet-entry ──► greet-hello ──► greet-adult ──true──► greet-bye ──► greet-exit
    passthrough     say             check                 say           passthrough

The shape is the platform's, and so are names, ids, ports and positions. One thing is added: behind a ``call``
stand the steps of the routine that it calls, with ids such as ``greet-bye.words`` (docs/decisions/0075).
"""

from typing import Any

import msgspec

from engine.cooperative.slices import Steps, at_once
from engine.routine.calls import target_of
from engine.routine.steps import STEP_KINDS
from proto.routine import LlmConfig, Routine, RoutineDefinition, RoutineStep

COMPILER_VERSION = "1.0.0"
"""The version of the shape that comes out, not of the program; the platform's name for it."""

ENDS = "symbia.core.passthrough"
"""The component of the entry and the exit."""

_ROW = 100
_COLUMN = 200


class CompiledRoutine(msgspec.Struct, frozen=True):
    """A routine and its graph.

    Attributes:
        routine: the routine that was compiled.
        graph: a graph definition as a document, ready to be loaded.
        places: for each node of the graph, where its step stands in the routine definition.
    """

    routine: Routine
    graph: dict[str, Any]
    places: tuple[str, ...]


def compile_definition(definition: RoutineDefinition, *, debug: bool = False) -> list[CompiledRoutine]:
    """Compile a definition as :func:`compile_in_steps` does, at once."""
    return at_once(compile_in_steps(definition, debug=debug))


def compile_in_steps(definition: RoutineDefinition, *, debug: bool = False) -> Steps[list[CompiledRoutine]]:
    """Compile a definition that :func:`engine.routine.validation.validate` has passed, to its graphs.

    Args:
        definition: has no errors, so that its calls end.
        debug: whether each step's node says in ``config._debug`` which step it is.
    """
    compiled = []
    for index, routine in enumerate(definition.routines):
        compiled.append(_Chain(definition, index, routine, debug=debug).compiled())
        yield
    return compiled


def graph_name(assistant_id: str, routine_name: str) -> str:
    """Return the name of a routine's graph; several routines may come to one."""
    return f"{assistant_id}/{'-'.join(routine_name.lower().split())}"


class _Chain:
    """The graph of one routine, growing from its entry."""

    def __init__(self, definition: RoutineDefinition, index: int, routine: Routine, *, debug: bool) -> None:
        self._definition = definition
        self._index = index
        self._routine = routine
        self._debug = debug
        self._by_name = {each.name: (place, each) for place, each in enumerate(definition.routines)}
        self._defaults = {
            name: variable.default
            for name, variable in (definition.variables or {}).items()
            if variable.default is not msgspec.UNSET
        }
        self._nodes: list[dict[str, Any]] = []
        self._edges: list[dict[str, Any]] = []
        self._places: list[str] = []
        self._port = "output"

    def compiled(self) -> CompiledRoutine:
        routine = self._routine
        place = f"routines[{self._index}]"
        entry = {"routineId": routine.id, "routineName": routine.name, "trigger": routine.trigger}
        self._add(f"{routine.id}-entry", ENDS, _given(entry), place, x=0)
        self._add_steps(self._index, routine, f"{routine.id}-")
        self._add(f"{routine.id}-exit", ENDS, {"routineId": routine.id, "exitPoint": True}, place, edge="exit")
        definition = self._definition
        metadata = {
            "compiledFrom": "routine",
            "routineId": routine.id,
            "routineName": routine.name,
            "assistantId": definition.assistant_id,
            "assistantAlias": definition.alias,
            "isMain": bool(routine.is_main),
            "trigger": routine.trigger,
            "llm": None if definition.llm is None else msgspec.to_builtins(definition.llm),
        }
        graph = {
            "symbia": "1.0",
            "name": graph_name(definition.assistant_id, routine.name),
            "version": definition.version,
            "description": routine.trigger or f"Routine: {routine.name}",
            "nodes": self._nodes,
            "edges": self._edges,
            "metadata": _given(metadata),
        }
        return CompiledRoutine(routine, graph, tuple(self._places))

    def _add_steps(self, index: int, routine: Routine, prefix: str) -> None:
        """Add the nodes of a routine's steps, and behind a call those of the routine that it calls."""
        for place, step in enumerate(routine.steps or ()):
            node_id = f"{prefix}{step.id}"
            called = self._by_name.get(target_of(step) or "")
            config = self._config(step)
            if called is not None:
                config["_routine"] = called[1].id
            if self._debug:
                config["_debug"] = {
                    "stepId": step.id,
                    "stepIndex": place,
                    "stepType": step.type,
                    "routineId": routine.id,
                }
            kind = STEP_KINDS[step.type]
            self._add(node_id, kind.component, config, f"routines[{index}].steps[{place}]")
            self._port = kind.goes_on_by
            if called is not None:
                self._add_steps(*called, f"{node_id}.")

    def _config(self, step: RoutineStep) -> dict[str, Any]:
        kind = STEP_KINDS[step.type]
        config: dict[str, Any] = {"description": step.description} if step.description else {}
        config |= step.params or {}
        llm = _merged(self._definition.llm, step.llm)
        if kind.uses_model and llm is not None:
            config["llm"] = llm
        if kind.reads_variables and self._defaults:
            config["_variables"] = self._defaults
        return config

    def _add(
        self, node_id: str, component: str, config: dict[str, Any], place: str, *, x: int = _COLUMN, edge: str = ""
    ) -> None:
        """One more node at the end of the chain; ``edge`` ends the id of the edge to it, which is its own else."""
        position = {"x": x, "y": _ROW * len(self._nodes)}
        if self._nodes:
            before = self._nodes[-1]["id"]
            self._edges.append(
                {
                    "id": f"edge-{before}-to-{edge or node_id}",
                    "source": {"node": before, "port": self._port},
                    "target": {"node": node_id, "port": "input"},
                }
            )
        self._nodes.append({"id": node_id, "component": component, "config": config, "position": position})
        self._places.append(place)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are not None: an absent one is not written as null."""
    return {key: value for key, value in fields.items() if value is not None}


def _merged(general: LlmConfig | None, own: LlmConfig | None) -> dict[str, Any] | None:
    """Return the language model of a step: what it says itself, and of the rest what the definition says."""
    if general is None and own is None:
        return None
    merged: dict[str, Any] = {}
    for config in (general, own):
        merged |= msgspec.to_builtins(config) if config is not None else {}
    return merged
