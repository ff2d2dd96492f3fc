"""The problems of a document that is to be compiled as a routine definition: everything at once, each with its
place. Pure.

The codes and, where it has them, the sentences are the platform's. What it does not look at (wrong types, ids that
arise twice, calls without end) has codes of ours in the same spelling.
"""

import sys
from typing import Any, TypeVar

import msgspec

from engine.cooperative.slices import Steps, at_once
from engine.documents.encodable import check_sayable
from engine.documents.hints import Hints
from engine.documents.known_fields import KnownFields, fields_of, note_unknown
from engine.documents.problem_report import ProblemReport
from engine.documents.weight import Weight, weigh
from engine.routine.calls import check_calls
from engine.routine.compiler import graph_name
from engine.routine.limits import DEFINITION_LIMIT_BYTES, NAME_LIMIT_CHARACTERS, ROUTINES_LIMIT, STEPS_LIMIT
from engine.routine.steps import CALL_TARGET, NEVER_WITHOUT_MODEL, STEP_KINDS
from proto import codec
from proto.problem import Problem
from proto.routine import LlmConfig, Routine, RoutineDefinition, RoutineStep, VariableDefinition

T = TypeVar("T")

VERSION = "routine/1.0"
RESERVED_STEP_IDS = frozenset({"entry", "exit"})
"""Every routine's first and last node are named with these."""

MAX_UNKNOWN_PARAMS = 20
"""Unknown params of one step that are named; ``params`` may have any number."""

SHOWN_CHARACTERS = 100
"""Characters shown of a name that is nobody's."""


_OF_EDITORS = ("$schema", "id", "key", "orgId", "metadata", "tags", "status", "author", "createdAt", "updatedAt")
_DEFINITION = fields_of(RoutineDefinition, "A routine definition", "UNKNOWN_FIELD", _OF_EDITORS)
_ROUTINE = fields_of(Routine, "A routine", "UNKNOWN_FIELD", ("description", "metadata", "position"))
_STEP = fields_of(RoutineStep, "A step", "UNKNOWN_FIELD", ("name", "metadata", "position"))


def is_routine(document: Any) -> bool:
    """Return whether a document means to be a routine definition, and not a graph."""
    if not isinstance(document, dict) or document.get("symbia") != VERSION:
        return False
    return "routines" in document or "nodes" not in document


class Findings:
    """Errors and warnings, in the order in which they were found, as many as a report takes of each."""

    def __init__(self) -> None:
        self._errors = ProblemReport()
        self._warnings = ProblemReport()
        self.hints = Hints()

    @property
    def errors(self) -> list[Problem]:
        """The problems for which the definition is refused."""
        return self._errors.problems()

    @property
    def warnings(self) -> list[Problem]:
        """The problems that do not refuse the definition: what may not be meant so."""
        return self._warnings.problems()

    def error(self, code: str, path: str, message: str) -> None:
        """Note something for which the definition is refused."""
        self._errors.note(code, path, message)

    def warn(self, code: str, path: str, message: str) -> None:
        """Note something that may not be meant so."""
        self._warnings.note(code, path, message)

    def unknown(self, item: dict[str, Any], known: KnownFields, path: str) -> None:
        """Warn of fields that mean nothing here; the platform's editor may have its own."""
        report = ProblemReport()
        at_once(note_unknown(item, known, path, report, self.hints))
        self._warnings.extend(report.problems())

    def converted(self, value: Any, shape: type[T], path: str) -> T | None:
        """Convert a value to its shape, where it has it; null is as if it were absent."""
        if value is None:
            return None
        try:
            return msgspec.convert(value, shape)
        except msgspec.ValidationError as error:
            problem = codec.shape_problem(error, shape, code="WRONG_TYPE", path=path)
            self._errors.extend([problem])
            return None


def validate(document: Any) -> tuple[RoutineDefinition | None, Findings]:
    """Judge a definition as :func:`examine` does, at once."""
    return at_once(examine(document))


def examine(document: Any) -> Steps[tuple[RoutineDefinition | None, Findings]]:
    """Read a decoded JSON document as a routine definition, with all that is to be said of it.

    Returns:
        The definition, which can be compiled; or none where there are errors.
    """
    found = Findings()
    if not isinstance(document, dict):
        found.error("WRONG_TYPE", "", "A routine definition is a JSON object")
        return None, found
    weight = yield from weigh(document, Weight(DEFINITION_LIMIT_BYTES, sys.maxsize))
    if weight.size_bytes > DEFINITION_LIMIT_BYTES:
        message = f"The definition has more than {DEFINITION_LIMIT_BYTES} bytes, which are allowed"
        found.error("DEFINITION_TOO_LARGE", "", message)
        return None, found
    if unsayable := (yield from check_sayable(document, "UNSAYABLE")):
        (problem,) = unsayable
        found.error(problem.code, problem.path, problem.message)
        return None, found
    yield
    size_bytes = len(codec.encode(document))
    yield
    if size_bytes > DEFINITION_LIMIT_BYTES:
        message = f"The definition has {size_bytes} bytes; {DEFINITION_LIMIT_BYTES} are allowed"
        found.error("DEFINITION_TOO_LARGE", "", message)
        return None, found
    if document.get("symbia") != VERSION:
        found.error("INVALID_VERSION", "symbia", f'Invalid or missing symbia version. Expected "{VERSION}"')
    name = _text(document, "name", "MISSING_NAME", "Routine definition must have a name", found)
    found.unknown(document, _DEFINITION, "")
    version = _text(document, "version", "MISSING_VERSION", "Routine definition must have a version", found)
    message = "Routine definition must specify an assistantId"
    assistant_id = _text(document, "assistantId", "MISSING_ASSISTANT_ID", message, found)
    routines = yield from _routines(document.get("routines"), found)
    definition = RoutineDefinition(
        symbia="routine/1.0",
        name=name,
        version=version,
        assistant_id=assistant_id,
        routines=tuple(routines.values()),
        description=found.converted(document.get("description"), str, "description"),
        alias=found.converted(document.get("alias"), str, "alias"),
        variables=found.converted(document.get("variables"), dict[str, VariableDefinition], "variables"),
        capabilities=found.converted(document.get("capabilities"), tuple[str, ...], "capabilities"),
        llm=found.converted(document.get("llm"), LlmConfig, "llm"),
    )
    yield
    if not any(routine.is_main for routine in routines.values()):
        message = "No main routine defined. First routine will be used as entry point."
        found.warn("NO_MAIN_ROUTINE", "routines", message)
    _warn_of_one_name(assistant_id, routines, found)
    if not found.errors:  # calls can only be followed where every routine and step is what it should be
        for problem in check_calls(definition):
            found.error(problem.code, problem.path, problem.message)
    return (None if found.errors else definition), found


def _warn_of_one_name(assistant_id: str, routines: dict[int, Routine], found: Findings) -> None:
    """Warn of graphs that could not be told apart by their names, though their routines can."""
    first: dict[str, str] = {}
    for index, routine in routines.items():
        name = graph_name(assistant_id, routine.name)
        before = first.setdefault(name, routine.name)
        if before != routine.name:
            message = f"Its graph has the same name as that of {before}: {name}"
            found.warn("SAME_GRAPH_NAME", f"routines[{index}].name", message)


def _text(document: dict[str, Any], key: str, code: str, missing: str, found: Findings, path: str = "") -> str:
    """Read a text that must be there; "" where it is not."""
    value = document.get(key)
    place = f"{path}.{key}" if path else key
    if not value:
        found.error(code, place, missing)
        return ""
    if not isinstance(value, str):
        found.error("WRONG_TYPE", place, f"Expected `str`, got `{_kind(value)}`")
        return ""
    if len(value) > NAME_LIMIT_CHARACTERS:
        found.error("NAME_TOO_LONG", place, f"This may have at most {NAME_LIMIT_CHARACTERS} characters")
        return ""
    return value


def _kind(value: object) -> str:
    return {dict: "object", list: "array", bool: "bool", int: "int", float: "float"}.get(type(value), "null")


def _routines(items: Any, found: Findings) -> Steps[dict[int, Routine]]:
    """Return the routines that have the right shape, by their index."""
    if not isinstance(items, list) or not items:
        found.error("NO_ROUTINES", "routines", "Routine definition must have at least one routine")
        return {}
    if len(items) > ROUTINES_LIMIT:
        message = f"The definition has {len(items)} routines; {ROUTINES_LIMIT} are allowed"
        found.error("TOO_MANY_ROUTINES", "routines", message)
        return {}
    steps = sum(len(item["steps"]) for item in items if _has_steps(item))
    if steps > STEPS_LIMIT:
        message = f"The routines have {steps} steps together; {STEPS_LIMIT} are allowed"
        found.error("TOO_MANY_STEPS", "routines", message)
        return {}
    names = {item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)}
    taken: set[str] = set()
    parsed: dict[int, Routine] = {}
    for index, item in enumerate(items):
        routine = yield from _routine(item, f"routines[{index}]", names, taken, found)
        if routine is not None:
            parsed[index] = routine
    return parsed


def _has_steps(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("steps"), list)


def _routine(item: Any, path: str, names: set[str], taken: set[str], found: Findings) -> Steps[Routine | None]:
    if not isinstance(item, dict):
        found.error("WRONG_TYPE", path, "A routine is a JSON object")
        return None
    found.unknown(item, _ROUTINE, path)
    routine_id = _text(item, "id", "MISSING_ROUTINE_ID", "Routine must have an id", found, path)
    name = _text(item, "name", "MISSING_ROUTINE_NAME", "Routine must have a name", found, path)
    if name and name in taken:
        found.error("DUPLICATE_ROUTINE_NAME", f"{path}.name", f"Duplicate routine name: {name}")
    taken.add(name)
    steps: dict[int, RoutineStep | None] = {}
    given = item.get("steps")
    if given is None or given == []:
        found.warn("EMPTY_ROUTINE", f"{path}.steps", "Routine has no steps")
    elif isinstance(given, list):
        ids: set[str] = set()
        for place, step in enumerate(given):
            steps[place] = _step(step, f"{path}.steps[{place}]", names, ids, found)
            yield
    else:
        found.error("WRONG_TYPE", f"{path}.steps", "The steps of a routine are an array")
    return Routine(
        id=routine_id,
        name=name,
        steps=tuple(step for step in steps.values() if step is not None),
        trigger=found.converted(item.get("trigger"), str, f"{path}.trigger"),
        is_main=found.converted(item.get("isMain"), bool, f"{path}.isMain"),
    )


def _step(item: Any, path: str, names: set[str], taken: set[str], found: Findings) -> RoutineStep | None:
    if not isinstance(item, dict):
        found.error("WRONG_TYPE", path, "A step is a JSON object")
        return None
    found.unknown(item, _STEP, path)
    step_id = _text(item, "id", "MISSING_STEP_ID", "Step must have an id", found, path)
    if step_id in RESERVED_STEP_IDS:
        found.error(
            "RESERVED_STEP_ID", f"{path}.id", f"Every routine has a node named {step_id}; rename this step"
        )
    elif step_id and step_id in taken:
        found.error("DUPLICATE_STEP_ID", f"{path}.id", f"Duplicate step id: {step_id}")
    taken.add(step_id)
    step_type = item.get("type")
    if not step_type:
        found.error("MISSING_STEP_TYPE", f"{path}.type", "Step must have a type")
    elif not isinstance(step_type, str) or step_type not in STEP_KINDS:
        shown = str(step_type)[:SHOWN_CHARACTERS]
        message = f"Unknown step type: {shown}; known are {', '.join(STEP_KINDS)}"
        found.error("UNKNOWN_STEP_TYPE", f"{path}.type", message)
    if not item.get("description"):
        found.warn("MISSING_STEP_DESCRIPTION", f"{path}.description", "Step has no description")
    description = found.converted(item.get("description"), str, f"{path}.description")
    params = found.converted(item.get("params"), dict[str, Any], f"{path}.params")
    llm = found.converted(item.get("llm"), LlmConfig, f"{path}.llm")
    if not isinstance(step_type, str) or step_type not in STEP_KINDS:
        return None
    _check_params(step_type, params or {}, f"{path}.params", names, found)
    return msgspec.convert(
        {"id": step_id, "type": step_type, "description": description or None, "params": params, "llm": llm},
        RoutineStep,
    )


def _check_params(step_type: str, params: dict[str, Any], path: str, names: set[str], found: Findings) -> None:
    """Warn of what a step would not read, and of what it would need a language model for."""
    kind = STEP_KINDS[step_type]
    unknown = [key for key in params if key not in kind.params and key not in {"description", "llm"}]
    reserved = [key for key in unknown if key.startswith("_")]
    for key in reserved[:MAX_UNKNOWN_PARAMS]:
        shown = key[:SHOWN_CHARACTERS]
        found.error("RESERVED_PARAM", f"{path}.{shown}", f"Params beginning with _ are the compiler's: {shown}")
    for key in [key for key in unknown if not key.startswith("_")][:MAX_UNKNOWN_PARAMS]:
        shown = key[:SHOWN_CHARACTERS]
        close = found.hints.similar(key, kind.params)
        hint = f"; did you mean {close}?" if close else ""
        found.warn("UNKNOWN_PARAM", f"{path}.{shown}", f"A {step_type} step does not read {shown}{hint}")
    target = params.get(CALL_TARGET) if step_type == "call" else None
    if isinstance(target, str) and target and target not in names:
        message = f'Call target routine "{target}" not found in definition'
        found.warn("UNKNOWN_CALL_TARGET", f"{path}.{CALL_TARGET}", message)
    if step_type in NEVER_WITHOUT_MODEL:
        message = f"A {step_type} step needs a language model, and this runtime has none; it will refuse messages"
        found.warn("NEEDS_LANGUAGE_MODEL", path, message)
    elif kind.needs and not any(params.get(key) is not None for key in kind.needs):
        lacking = " or ".join(kind.needs)
        message = f"A {step_type} step without {lacking} needs a language model; it will refuse messages"
        found.warn("NEEDS_LANGUAGE_MODEL", path, message)
