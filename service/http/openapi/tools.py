"""The document as it is served: said in such a way that clients which resolve no references understand it too.

The platform's integrations service makes tools of the operations. Of a body it reads ``properties`` and
``required`` where they stand, of a property the ``type``; it offers each parameter that has a name, and sends all
of them but those of the path in the body. The MCP server beside it shows parameters and bodies as they stand
(docs/decisions/0180).
"""

from collections.abc import Iterator
from typing import Any

from service.http.operation import JSON

Schema = dict[str, Any]

_PARAMETERS = "#/components/parameters/"
_ANY = ("array", "boolean", "number", "object", "string", "null")
_PYTHON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def spelled_out(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document that says the same, with what a body holds beside its reference, and with parameters that
    a tool could not send behind one.

    Args:
        document: an OpenAPI document; it stays as it is.
    """
    schemas = document["components"]["schemas"]
    parameters: dict[str, Any] = {}
    paths = {
        path: {method: _operation(method, part, schemas, parameters) for method, part in item.items()}
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths, "components": {**document["components"], "parameters": parameters}}


def _operation(method: str, described: Any, schemas: dict[str, Schema], parameters: dict[str, Any]) -> Any:
    """Return one part of a path: an operation, or the servers that it is served at."""
    if method in {"get", "servers"}:  # nothing of a GET is sent in a body
        return described
    found = dict(described)
    if "parameters" in found:
        found["parameters"] = [_apart(each, found["operationId"], parameters) for each in found["parameters"]]
    content = found.get("requestBody", {}).get("content", {})
    if JSON in content:
        schema = content[JSON]["schema"]
        told = {**content[JSON], "schema": {**schema, **_fields(schema, schemas)}}
        found["requestBody"] = {**found["requestBody"], "content": {**content, JSON: told}}
    return found


def _apart(parameter: dict[str, Any], operation_id: str, parameters: dict[str, Any]) -> dict[str, Any]:
    if parameter["in"] == "path":
        return parameter
    name = f"{operation_id}.{parameter['name']}"
    parameters[name] = parameter
    words = f"`{parameter['name']}` in the {parameter['in']}: {parameter.get('description') or 'a string.'}"
    return {"$ref": f"{_PARAMETERS}{name}", "description": words}


def _fields(schema: Schema, schemas: dict[str, Schema]) -> Schema:
    """Return the fields of all the objects that a schema admits; required are those that all of them require."""
    objects = list(_alternatives(schema, schemas))
    if not all("properties" in each for each in objects):
        return {}
    parts: dict[str, list[Schema]] = {}
    for each in objects:
        for name, part in each["properties"].items():
            parts.setdefault(name, []).append(part)
    properties = {}
    for name, found in parts.items():
        is_anywhere = all(
            name in each["properties"] or not each.get("additionalProperties", True) for each in objects
        )
        types = _ordered(set().union(*(_types(part, schemas) for part in found)))
        if not is_anywhere:  # where the object may be one that does not know the name, it may hold anything
            types += [kind for kind in _ANY if kind not in types]
        words = found[0].get("description")
        properties[name] = {"type": types[0] if len(types) == 1 else types}
        properties[name] |= {"description": words} if words else {}
    shared = set.intersection(*(set(each.get("required", ())) for each in objects))
    required = [name for name in properties if name in shared]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _ordered(types: set[str]) -> list[str]:
    return sorted(types, key=lambda kind: (kind == "null", kind))


def _alternatives(schema: Schema, schemas: dict[str, Schema]) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _alternatives(schemas[schema["$ref"].rpartition("/")[2]], schemas)
        return
    for union in ("oneOf", "anyOf"):
        if union in schema:
            for each in schema[union]:
                yield from _alternatives(each, schemas)
            return
    yield schema


def _types(schema: Schema, schemas: dict[str, Schema]) -> set[str]:
    """Return the types of the values that a schema admits."""
    found: set[str] = set()
    for each in _alternatives(schema, schemas):
        if "type" in each:
            found.update(_listed(each["type"]))
        elif "enum" in each:
            found.update(_PYTHON_TYPES[type(value)] for value in each["enum"])
        else:
            found.update(_ANY)
    return found - {"integer"} if "number" in found else found


def _listed(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types
