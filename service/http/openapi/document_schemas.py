"""JSON Schemas of what people write: graphs, components and files of cases, made of the structs that read them.

They say what a document's shape must be, and what each field is for. Whether ports and components exist is not
theirs to say: ``symbia-runtime check`` and ``POST /api/graphs/validate`` do.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from engine.compile.fields import FIELDS
from engine.components.config import CONFIG_TYPES
from engine.components.definition import LANGUAGES
from engine.components.fields import CODE, COMPONENT, CONFIG_FIELD, PORT, PORTS
from engine.documents.known_fields import FREE, KnownFields
from engine.testing.case_file import Case, CaseFile
from proto.codec import decode, encode
from proto.component import ComponentDefinition
from proto.graph import GraphDefinition
from service.http.openapi.schemas import describe, structs_of

DocumentKind = Literal["graph", "component", "cases"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SHAPES: Mapping[DocumentKind, tuple[type[msgspec.Struct], str]] = {
    "graph": (GraphDefinition, "A graph of symbia-runtime"),
    "component": (ComponentDefinition, "A component of symbia-runtime"),
    "cases": (CaseFile, "A file of cases of symbia-runtime"),
}
_FIELDS: Mapping[str, KnownFields] = {
    "GraphDefinition": FIELDS["graph"],
    "Node": FIELDS["node"],
    "Edge": FIELDS["edge"],
    "Endpoint": FIELDS["end"],
    "ComponentDefinition": COMPONENT,
    "Ports": PORTS,
    "Port": PORT,
    "Code": CODE,
    "ConfigField": CONFIG_FIELD,
}
_NULLABLE = ("version", "description", "metadata", "bindings", "ports", "parameters", "durable")
"""Fields of a graph for which null says the same as leaving them away."""

_SET_BY_US = ("sourceHash",)
"""Fields of code that replies have, and authors need not write."""


def document_schema(kind: DocumentKind) -> dict[str, Any]:
    """Return the JSON Schema of a kind of documents."""
    shape, title = _SHAPES[kind]
    shapes = [shape, Case] if shape is CaseFile else [shape]  # whose cases are read one by one
    _, parts = msgspec.json.schema_components(shapes, ref_template="#/$defs/{name}")
    for struct in structs_of(shapes):
        described = parts[struct.__name__]
        describe(described, struct)
        known = _FIELDS.get(struct.__name__)
        if known is not None:
            _close(described, known)
    _ADJUST[kind](parts)
    whole = parts.pop(shape.__name__)
    schema = {"$schema": DIALECT, **whole, "title": title, "$defs": dict(sorted(parts.items()))}
    made_of_json: dict[str, Any] = decode(encode(schema))
    return made_of_json


def _close(schema: dict[str, Any], known: KnownFields) -> None:
    """Let an object have its own fields, those of editors, those that begin with ``x-``, and no others."""
    schema["properties"] |= {name: {} for name in sorted(known.free) if name not in schema["properties"]}
    schema["patternProperties"] = {f"^{FREE}": {}}
    schema["additionalProperties"] = False


def _adjust_graph(parts: dict[str, Any]) -> None:
    properties = parts["GraphDefinition"]["properties"]
    for name in _NULLABLE:
        properties[name] = {**_apart(properties[name]), "description": properties[name].get("description", "")}
    properties["nodes"]["minItems"] = 1
    properties["symbia"]["examples"] = ["1.0"]
    node = parts["Node"]
    node["properties"]["component"]["minLength"] = 1
    inside = {key: value for key, value in parts["GraphDefinition"].items() if key != "required"}
    parts["GraphInNode"] = {**inside, "required": ["nodes", "edges"]}  # it needs no name of its own
    node["properties"]["graph"] = {"anyOf": [{"$ref": "#/$defs/GraphInNode"}, {"type": "null"}]}
    node["anyOf"] = [{"required": ["component"]}, {"required": ["graph"]}]


def _apart(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{key: value for key, value in schema.items() if key != "description"}, {"type": "null"}]}


def _adjust_component(parts: dict[str, Any]) -> None:
    for side in ("inputs", "outputs"):
        listed = parts["Ports"]["properties"][side]
        listed["items"] = {"anyOf": [{"type": "string", "minLength": 1}, listed["items"]]}
    code = parts["Code"]
    code["properties"]["type"] = {**code["properties"]["type"], "enum": sorted(LANGUAGES)}
    code["anyOf"] = [{"required": [name]} for name in ("source", "module", "sourceUrl")]
    for name in _SET_BY_US:
        code["properties"][name] = {"description": "Set when the component is registered.", "readOnly": True}
    parts["ConfigField"]["properties"]["type"]["enum"] = sorted(CONFIG_TYPES)
    parts["ComponentDefinition"]["properties"]["id"]["pattern"] = "^[A-Za-z0-9][A-Za-z0-9_.-]*$"


def _adjust_cases(parts: dict[str, Any]) -> None:
    whole = parts["CaseFile"]
    whole["properties"]["cases"] |= {"minItems": 1, "items": {"$ref": "#/$defs/Case"}}
    whole["oneOf"] = [{"required": ["component"]}, {"required": ["graph"]}]
    parts["Case"]["properties"]["name"]["minLength"] = 1


_ADJUST = {"graph": _adjust_graph, "component": _adjust_component, "cases": _adjust_cases}
