"""The parameters of a graph: what it declares, and the values that one use of it gives. Pure.

    {"rate": {"type": "number", "minimum": 0, "default": 0.19}, "currency": {"type": "string"}}

Each has a JSON Schema, and a default is held against its own. A parameter without one must be given by every use.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.compile.placeholders import has_dollars
from engine.components.definition import MAX_CONFIG_FIELDS
from engine.cooperative.slices import Steps, paced
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, listed, shown
from engine.schemas.port_schemas import SCHEMAS_BYTES, PortSchema
from engine.schemas.tasks import explain
from proto import codec
from proto.problem import Problem

_WORDS = frozenset({"default", "description", "title", "examples", "$comment"})
"""The keys of a schema that rule nothing out."""

_KEYWORDS = (
    *("$anchor", "$comment", "$defs", "$id", "$ref", "$schema", "additionalItems", "additionalProperties"),
    *("allOf", "anyOf", "const", "contains", "contentEncoding", "contentMediaType", "contentSchema"),
    *("default", "definitions", "dependencies", "dependentRequired", "dependentSchemas", "deprecated"),
    *("description", "else", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "if"),
    *("items", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains"),
    *("minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern"),
    *("patternProperties", "prefixItems", "properties", "propertyNames", "readOnly", "required", "then"),
    *("title", "type", "unevaluatedItems", "unevaluatedProperties", "uniqueItems", "writeOnly"),
)
"""The keys that JSON Schema knows, of all its drafts; others mean nothing there."""

_TYPES = ("any", "array", "boolean", "integer", "null", "number", "object", "string")

_NAME = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII)


class Parameters(msgspec.Struct, frozen=True):
    """The parameters that a graph declares, in so far as nothing is wrong with them.

    Attributes:
        schemas: of each, by name; None where it takes everything.
        defaults: of those that have one.
        required: names of those that have none.
        descriptions: words about each, where there are some.
        doubts: keys of schemas that look like another one.
    """

    schemas: Mapping[str, PortSchema | None] = {}
    defaults: Mapping[str, Any] = {}
    required: tuple[str, ...] = ()
    descriptions: Mapping[str, str] = {}
    doubts: tuple[Problem, ...] = ()

    def problems(self, given: Mapping[str, Any], hints: Hints) -> Iterator[Problem]:
        """Yield what is wrong with the values that a use gives; paths are relative to its configuration."""
        for name in self.required:
            if name not in given:
                said = self.descriptions.get(name, "")
                message = f"Parameter {name} is required: {shown(said, 500)}".rstrip(": ")
                yield Problem("config.missing_key", name, message)
        for name, value in given.items():
            if name not in self.schemas:
                yield Problem("config.unknown_key", shown(name), self._unknown(name, hints))
            elif (complaint := _misfit(self.schemas[name], value)) is not None:
                yield Problem("config.misfit", name, f"Parameter {name}: {complaint}")

    def _unknown(self, name: str, hints: Hints) -> str:
        if not self.schemas:
            return f"The graph has no parameter {shown(name)}; it declares none"
        close = hints.similar(name, self.schemas)
        hint = f"did you mean {close}?" if close else f"it has {listed(self.schemas)}"
        return f"The graph has no parameter {shown(name)}; {hint}"


NO_PARAMETERS = Parameters()


def _doubts(name: str, declared: Mapping[str, Any], place: str, hints: Hints) -> Iterator[Problem]:
    """Yield the keys of a schema that JSON Schema does not know, and that look like one that it knows."""
    for key in [key for key in declared if key not in _KEYWORDS]:
        close = None if key.startswith("x-") else hints.similar(key, _KEYWORDS)
        if close:
            message = f"Parameter {name}: {shown(key)} means nothing in JSON Schema; did you mean {close}?"
            yield Problem("parameter.unknown_key", f"{place}.{shown(key)}", message)


def read_parameters(document: Mapping[str, Any], path: str, report: ProblemReport) -> Steps[Parameters]:
    """Read the parameters that a graph declares; those that are wrong are noted, and left out.

    Args:
        document: what the graph has as its ``parameters``.
        path: its place.
        report: takes the problems.
    """
    if not document:
        return NO_PARAMETERS
    if len(document) > MAX_CONFIG_FIELDS:
        report.note("parameter.too_many", path, f"A graph has at most {MAX_CONFIG_FIELDS} parameters")
        return NO_PARAMETERS
    schemas: dict[str, PortSchema | None] = {}
    defaults: dict[str, Any] = {}
    doubts: list[Problem] = []
    hints = Hints()
    left_bytes = SCHEMAS_BYTES
    for (name, declared), is_due in paced(document.items(), every=1):
        if is_due:
            yield
        place = f"{path}.{shown(name)}"
        if not _NAME.fullmatch(name):
            message = f"{shown(name)} is no name of a parameter: letters, digits, _ and -, and first a letter or _"
            report.note("parameter.wrong_name", place, message)
        elif not isinstance(declared, dict):
            message = f'Parameter {name} has a JSON Schema, such as {{"type": "number", "default": 1}}'
            report.note("parameter.wrong_type", place, message)
        else:
            rules = {key: value for key, value in declared.items() if (key, value) != ("type", "any")}
            left_bytes -= len(codec.encode(rules))
            if left_bytes < 0:
                message = f"The schemas of all parameters together have more than {SCHEMAS_BYTES} bytes"
                report.note("parameter.too_large", path, message)
                return NO_PARAMETERS
            doubts += _doubts(name, declared, place, hints)
            schemas[name] = schema = _schema(name, rules, place, report)
            if "default" in declared:
                defaults[name] = declared["default"]
                if (yield from has_dollars({name: declared["default"]})):
                    continue  # it is held against the schema when it is filled in
                if (complaint := _misfit(schema, declared["default"])) is not None:
                    message = f"The default of parameter {name}: {complaint}"
                    report.note("parameter.wrong_default", f"{place}.default", message)
    return Parameters(
        schemas,
        defaults,
        tuple(name for name in schemas if name not in defaults),
        {name: str(document[name].get("description", "")) for name in schemas},
        tuple(doubts),
    )


def _schema(name: str, rules: Mapping[str, Any], place: str, report: ProblemReport) -> PortSchema | None:
    """Return the schema of a parameter; None where it takes everything, or is wrong, which is noted."""
    if rules.keys() <= _WORDS:
        return None
    try:
        schema = PortSchema(rules)
        if schema.cost.is_opaque:
            complaint = "it is too complex to be checked here"
        else:
            _ = schema.validator
            return schema
    except ValueError as error:
        complaint = _no_type(rules.get("type")) or (str(error).splitlines() or [""])[0][:500]
    message = f"The schema of parameter {name} is not JSON Schema: {complaint}"
    report.note("parameter.invalid_schema", place, message)
    return None


def _no_type(name: Any) -> str:
    """Return the complaint about a type that there is none of; empty where that is not what is wrong."""
    if not isinstance(name, str) or name in _TYPES:
        return ""
    close = Hints().similar(name, _TYPES)
    return f"{shown(name)} is no type; " + (f"did you mean {close}?" if close else f"there are {listed(_TYPES)}")


def _misfit(schema: PortSchema | None, value: Any) -> str | None:
    """Return what does not fit in a value; None where everything does."""
    if schema is None:
        return None
    text = codec.encode(value)
    if not schema.is_for_here(text):
        return "its value is too large for its schema to be checked"
    complaint = explain(schema.validator, value)
    return None if complaint is None else f"{complaint.text}{f', at {complaint.place}' if complaint.place else ''}"
