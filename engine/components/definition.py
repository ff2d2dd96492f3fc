"""The problems of a document that is to be registered as a component, each with its place. Pure."""

import re
from typing import Any

import msgspec

from engine.components.config import CONFIG_TYPES
from engine.components.fields import note_unknown_fields
from engine.components.module import check_module
from engine.components.source import check_origin
from engine.cooperative.slices import Steps, at_once
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, shown
from engine.documents.weight import Weight, weigh
from engine.limits import EngineLimits
from engine.schemas.port_schemas import check_schemas
from proto import codec
from proto.component import ERROR_PORT, ComponentDefinition, Port
from proto.problem import Problem

_REQUIRED = ("id", "name", "version", "ports", "execution")
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_.-]*", re.IGNORECASE)
_PORT_NAME = re.compile(r"[A-Za-z_$][\w$.-]*")

LANGUAGES = ("javascript", "typescript", "wasm")
"""The values of ``execution.type`` for a registered component."""

MAX_PORTS = 100
"""Input, or output, ports of a component: indices of ports travel in 16 bits, and people read their names."""

MAX_CONFIG_FIELDS = 200
"""Configuration keys of a component: each is looked at for each node that uses it."""

MAX_ENUM_VALUES = 1_000
"""Values that a configuration key allows; what a node gives is compared with each."""

MAX_PORT_NAME_CHARACTERS = 64
"""Port names are keys in programs and labels on screens."""


def parse_component(document: Any, limits: EngineLimits) -> tuple[ComponentDefinition | None, list[Problem]]:
    """Read a component as :func:`read_component` does, at once."""
    return at_once(read_component(document, limits))


def read_component(document: Any, limits: EngineLimits) -> Steps[tuple[ComponentDefinition | None, list[Problem]]]:
    """Read a decoded JSON document as a component definition.

    Ports may be given as objects or, as the platform's clients do, as bare names.

    Returns:
        The definition, where the document has its shape and no more than its size, and what is wrong with it.
    """
    if not isinstance(document, dict):
        return None, [Problem("component.wrong_type", "", "A component is a JSON object")]
    report = ProblemReport()
    missing = [key for key in _REQUIRED if not document.get(key)]
    if missing:
        message = f"Invalid component definition: missing {', '.join(missing)}"
        report.note("component.missing_field", missing[0], message)
    yield from note_unknown_fields(document, report, Hints())
    if missing:
        return None, report.problems()
    bound = Weight(limits.definition_bytes, limits.definition_values)
    weight = yield from weigh(_without_code(document), bound)
    if weight.exceeds(bound):
        message = (
            f"Beside its code, a component has at most {bound.size_bytes} bytes of JSON text and {bound.values} "
            "names and values"
        )
        return None, [Problem("component.too_large", "", message)]
    try:
        definition = msgspec.convert(_with_port_objects(document), ComponentDefinition)
    except msgspec.ValidationError as error:
        problem = codec.shape_problem(error, ComponentDefinition, code="component.wrong_type")
        if problem.path == "execution.type":  # of what the shape allows, built-in components are not for everybody
            problem = _unsupported(document["execution"]["type"], "component.wrong_type")
        report.extend([problem])
        return None, report.problems()
    yield
    report.extend([*_check_names(definition, limits), *_check_ports(definition)])
    report.extend(_check_fields(definition))
    yield
    if not report:  # schemas of ports that are refused anyway need not be looked at
        report.extend((yield from check_schemas(definition)))
    report.extend(_check_code(definition, limits))
    return definition, report.problems()


def memory_of(document: Any, limits: EngineLimits) -> Steps[int]:
    """Bytes of memory that a component of this document takes, roughly; 0 where it can be none."""
    if not isinstance(document, dict):
        return 0
    weight = yield from weigh(_without_code(document), Weight(limits.definition_bytes, limits.definition_values))
    code = document.get("execution")
    parts = [code.get("source"), code.get("module")] if isinstance(code, dict) else []
    return weight.memory_bytes + sum(len(text) for text in parts if isinstance(text, str))


def _without_code(document: dict[str, Any]) -> dict[str, Any]:
    """Return all but the program, which has bounds of its own."""
    code = document.get("execution")
    rest = {key: value for key, value in document.items() if key != "execution"}
    if isinstance(code, dict):
        rest["execution"] = {key: value for key, value in code.items() if key not in ("source", "module")}
    return rest


def _with_port_objects(document: dict[str, Any]) -> dict[str, Any]:
    ports = document["ports"]
    if not isinstance(ports, dict):
        return document
    sides = {
        side: [{"name": item} if isinstance(item, str) else item for item in items]
        for side, items in ports.items()
        if isinstance(items, list)
    }
    return {**document, "ports": {**ports, **sides}}


def _check_names(definition: ComponentDefinition, limits: EngineLimits) -> list[Problem]:
    problems = []
    if not _IDENTIFIER.fullmatch(definition.id):
        message = "Invalid component definition: id must be an identifier string of letters, digits, - _ and ."
        problems.append(Problem("component.invalid_id", "id", message))
    for key in ("id", "name", "version", "category"):
        if len(getattr(definition, key)) > limits.name_characters:
            message = f"A component's {key} has at most {limits.name_characters} characters"
            problems.append(Problem("component.name_too_long", key, message))
    return problems


def _check_fields(definition: ComponentDefinition) -> list[Problem]:
    if len(definition.config) > MAX_CONFIG_FIELDS:
        message = f"At most {MAX_CONFIG_FIELDS} configuration keys; there are {len(definition.config)}"
        return [Problem("component.too_many_keys", "config", message)]
    problems = []
    for key, field in definition.config.items():
        path = f"config.{shown(key)}"
        if field.type not in CONFIG_TYPES:
            known = ", ".join(sorted(CONFIG_TYPES))
            message = f"Config key {shown(key)} has unknown type {shown(field.type)}; known are {known}"
            problems.append(Problem("component.unknown_type", f"{path}.type", message))
        if len(field.enum) > MAX_ENUM_VALUES:
            message = f"A configuration key allows at most {MAX_ENUM_VALUES} values; these are {len(field.enum)}"
            problems.append(Problem("component.enum_too_long", f"{path}.enum", message))
    return problems


def _check_ports(definition: ComponentDefinition) -> list[Problem]:
    problems = _check_port_names("inputs", definition.ports.inputs)
    if definition.source and definition.ports.inputs:
        message = "A source produces by itself and is sent nothing: it has no input ports"
        problems.append(Problem("component.source_with_inputs", "ports.inputs", message))
    if definition.source and definition.stateless:
        message = "A source goes on from where it was, so it is not stateless"
        problems.append(Problem("component.stateless_source", "stateless", message))
    problems += _check_port_names("outputs", definition.ports.outputs)
    if any(port.name == ERROR_PORT for port in definition.ports.inputs):
        message = f"{ERROR_PORT} is an output port of every component and cannot be an input"
        problems.append(Problem("component.reserved_port", "ports.inputs", message))
    return problems


def _check_port_names(side: str, ports: tuple[Port, ...]) -> list[Problem]:
    if len(ports) > MAX_PORTS:
        return [Problem("component.too_many_ports", f"ports.{side}", f"At most {MAX_PORTS} {side}")]
    problems = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        path = f"ports.{side}[{index}].name"
        if not _PORT_NAME.fullmatch(port.name) or len(port.name) > MAX_PORT_NAME_CHARACTERS:
            message = f"A port is named by at most {MAX_PORT_NAME_CHARACTERS} letters, digits, _ $ . or -"
            problems.append(Problem("component.invalid_port", path, message))
        if port.name in seen:
            problems.append(Problem("component.duplicate_port", path, f"Duplicate port name: {shown(port.name)}"))
        seen.add(port.name)
    return problems


def _unsupported(kind: Any, code: str) -> Problem:
    message = f"execution.type {shown(str(kind))} cannot be registered; this runtime takes {', '.join(LANGUAGES)}"
    return Problem(code, "execution.type", message)


def _check_code(definition: ComponentDefinition, limits: EngineLimits) -> list[Problem]:
    code = definition.execution
    if code.type not in LANGUAGES:
        return [_unsupported(code.type, "component.unsupported_type")]
    if code.type == "wasm" or code.module:
        return check_module(code)
    if not code.source.strip() and not code.source_url:
        message = "A component needs its source text, or a sourceUrl to fetch it from"
        return [Problem("component.missing_source", "execution.source", message)]
    if len(code.source.encode("utf-8", "surrogatepass")) > limits.source_bytes:
        message = f"A component's source has at most {limits.source_bytes} bytes"
        return [Problem("component.source_too_large", "execution.source", message)]
    return check_origin(code)
