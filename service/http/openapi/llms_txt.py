"""The reference as Markdown for language models, made of the OpenAPI document (llmstxt.org gives the form)."""

import json
from collections.abc import Iterator
from typing import Any

from proto.events import CLIENT_EVENTS, SERVER_EVENTS

Document = dict[str, Any]
Operation = tuple[str, str, dict[str, Any]]
"""Method, full path, operation object."""

QUICK_START = (
    "Bodies and replies are JSON. Quick start: `POST /api/graphs` with a graph, `POST /api/graphs/{id}/execute`, "
    "then `POST /api/executions/{id}/inject?wait=1000` with `{nodeId, port, value}`; the reply has `outputs`."
)

LIVE = (
    "## Live",
    "",
    (
        "What happens in an execution can be heard while it happens. Socket.IO clients connect to the address of "
        "this service (`io(url, {auth: {token}})`), plain WebSockets to `/ws`, where a message is "
        "`{event, data, id}` and its answer `{ack: id, data}`; the first may be `authenticate` with `{token}`. "
        "`execution:subscribe` with `{executionId}` begins. Payloads and answers: "
        "[AsyncAPI 3](/docs/asyncapi.json)."
    ),
    "",
    f"- A client sends: {', '.join(f'`{name}`' for name in CLIENT_EVENTS)}",
    f"- A client hears: {', '.join(f'`{name}`' for name in SERVER_EVENTS)}",
    "",
)
"""The part that no operation says: the connections over which events come."""


def operations_of(document: Document) -> Iterator[Operation]:
    """Every operation, with the path at which it is served; those under ``/api`` come with it."""
    default = document["servers"][0]["url"]
    for path, item in document["paths"].items():
        server = item.get("servers", [{"url": default}])[0]["url"].rstrip("/")
        for method, described in item.items():
            if method != "servers":
                yield method.upper(), server + path, described


def short_text(document: Document) -> str:
    """Return the short text: what this service is, and one line for each operation."""
    info = document["info"]
    lines = [f"# {info['title']}", "", f"> {info['description']}", ""]
    lines += [QUICK_START, ""]
    for tag in document["tags"]:
        lines += [f"## {tag['name'].capitalize()}", "", tag["description"], ""]
        for method, path, described in operations_of(document):
            if tag["name"] in described["tags"]:
                lines.append(f"- `{method} {path}` ({described['operationId']}): {described['summary']}")
        lines.append("")
    lines += LIVE
    lines += [
        "## More",
        "",
        "- [The whole reference](/docs/llms-full.txt): parameters, bodies, replies, refusals and schemas",
        "- [OpenAPI 3.1](/docs/openapi.json): the same for programs",
        "",
    ]
    return "\n".join(lines)


def full_text(document: Document) -> str:
    """Return the full text: everything that the document says."""
    lines = [
        f"# {document['info']['title']} {document['info']['version']}",
        "",
        document["info"]["description"],
        "",
    ]
    for tag in document["tags"]:
        lines += [f"## {tag['name'].capitalize()}", "", tag["description"], ""]
        for method, path, described in operations_of(document):
            if tag["name"] in described["tags"]:
                lines += _operation_lines(method, path, described)
    lines += [*LIVE, "## Schemas", ""]
    for name, schema in document["components"]["schemas"].items():
        lines += [f"### {name}", "", *_schema_lines(schema), ""]
    return "\n".join(lines)


def _operation_lines(method: str, path: str, described: dict[str, Any]) -> Iterator[str]:
    yield from (f"### {method} {path}", "", f"{described['summary']}. Operation `{described['operationId']}`.", "")
    if "description" in described:
        yield from (described["description"], "")
    for parameter in described.get("parameters", ()):
        text = f": {parameter['description']}" if "description" in parameter else ""
        yield f"- {parameter['in']} parameter `{parameter['name']}` ({shape_text(parameter['schema'])}){text}"
    if "parameters" in described:
        yield ""
    for kind, content in described.get("requestBody", {}).get("content", {}).items():
        yield from (f"Body as `{kind}`: {shape_text(content['schema'])}", "")
        for title, example in content.get("examples", {}).items():
            yield from (f"Example, {title}:", "", *_code(example["value"]))
        if isinstance(content.get("example"), str):
            yield from ("Example:", "", "```", content["example"].rstrip(), "```", "")
    for status, response in described["responses"].items():
        shapes = [shape_text(content["schema"]) for content in response.get("content", {}).values()]
        yield f"- {status}: {response['description']}{' Body: ' + ', '.join(shapes) if shapes else ''}"
    yield ""
    for response in described["responses"].values():
        for content in response.get("content", {}).values():
            if "example" in content:
                yield from ("Example of a reply:", "", *_code(content["example"]))


def _code(value: Any) -> Iterator[str]:
    yield from ("```json", json.dumps(value, indent=2, ensure_ascii=False), "```", "")


def _schema_lines(schema: dict[str, Any]) -> Iterator[str]:
    if "description" in schema:
        yield from (schema["description"], "")
    if "enum" in schema:
        yield shape_text(schema)
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        text = f": {field['description']}" if "description" in field else ""
        yield f"- `{name}` ({shape_text(field)}{', required' if name in required else ''}){text}"


def shape_text(schema: dict[str, Any]) -> str:
    """Return a schema in a few words: ``array of Node``, ``string or null``, ``one of auto, manual``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for union in ("oneOf", "anyOf"):
        if union in schema:
            return " or ".join(shape_text(each) for each in schema[union])
    if "enum" in schema:
        return f"one of {', '.join(json.dumps(each) for each in schema['enum'])}"
    kind = schema.get("type", "any JSON value")
    if kind == "array":
        return f"array of {shape_text(schema['items'])}" if "items" in schema else "array"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {shape_text(schema['additionalProperties'])}"
    return str(kind)
