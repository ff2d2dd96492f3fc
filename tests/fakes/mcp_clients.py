"""The platform's two MCP servers, as far as they read this service: what they make of a document and of a reply.

The integrations service makes an operation of each method and path of the OpenAPI document, and lists a tool for
each that is not a GET. It knows one server for the whole document, resolves no references, and has its own reading
of ids. What a tool is given goes into the path where it has a place for it, and else into the body. The MCP server
beside it shows replies as text with indents, and cuts it.
"""

import json
import re
from typing import Any, Literal
from urllib.parse import quote

import msgspec

SERVICE = "runtime"
CUT_CHARACTERS = 25_000
CALLER = "integrations"
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_VERBS = ("create", "get", "list", "update", "delete", "patch", "post", "put")


class Tool(msgspec.Struct, frozen=True):
    """An operation as the integrations service keeps it.

    Attributes:
        name: of the tool.
        kind: who is called: this service, or a provider of models.
        method: of the request.
        path: behind the address of the service, with parameters in braces.
        is_listed: whether clients are told of it; all of them may be called.
        offered: the types of what it takes, by name: parameters, and what its body's schema lists itself.
        required: names without which a client does not call it.
    """

    name: str
    kind: Literal["call", "model", "embedding"]
    method: str
    path: str
    is_listed: bool
    offered: dict[str, Any]
    required: tuple[str, ...]


class Call(msgspec.Struct, frozen=True):
    """A request as a tool's call becomes one."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


def tools_of(document: dict[str, Any]) -> list[Tool]:
    """What the integrations service makes of a document; one of two with the same name is lost."""
    server = document["servers"][0]["url"]
    found = {}
    for path, item in document["paths"].items():
        for method in (method for method in _METHODS if method in item):
            described = item[method]
            operation_id = _dotted(described.get("operationId") or _generated(path, method))
            tags = described.get("tags", [])
            parameters = [*item.get("parameters", []), *described.get("parameters", [])]
            offered, required = _offered(parameters, described.get("requestBody"))
            found[operation_id] = Tool(
                name=f"{SERVICE}.{SERVICE}.{operation_id}".replace(".", "_"),
                kind=_kind(f"{SERVICE}.{operation_id}", tags),
                method=method.upper(),
                path=server + path,
                is_listed=method != "get" or "llm" in tags,
                offered=offered,
                required=required,
            )
    return list(found.values())


def call_of(tool: Tool, arguments: dict[str, Any], *, org: str = "", token: str = "") -> Call:
    """Return the request that a call becomes: each argument in the path, or else in the body."""
    left = dict(arguments)
    path = tool.path
    for name in re.findall(r"\{(\w+)\}", tool.path):
        if name in left:
            path = path.replace(f"{{{name}}}", quote(str(left.pop(name)), safe=""))
    headers = {"Content-Type": "application/json", "x-symbia-caller": CALLER, "X-Request-Id": "mcp_1"}
    headers |= {"X-Org-Id": org} if org else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    has_body = tool.method not in {"GET", "HEAD"} and left
    return Call(tool.method, path, json.dumps(left).encode() if has_body else b"", headers)


def _kind(operation_id: str, tags: list[str]) -> Literal["call", "model", "embedding"]:
    if {"llm", "chat"} & set(tags):
        return "model"
    if "embedding" in tags:
        return "embedding"
    if any(word in operation_id for word in ("chat.completions", "messages", "responses")):
        return "model"
    return "embedding" if "embedding" in operation_id else "call"


def _offered(parameters: list[Any], body: dict[str, Any] | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return types and required names; a parameter behind a reference has no name, and is passed over."""
    named = [each for each in parameters if each.get("name") and "$ref" not in each]
    offered = {each["name"]: _type(each.get("schema", {})) for each in named}
    required = {each["name"]: None for each in named if each.get("required")}
    if body is not None:
        schema = (
            body["content"].get("application/json", {}).get("schema", {})
        )  # a body behind a reference ends it all
        offered = {name: _type(part) for name, part in schema.get("properties", {}).items()} | offered
        required |= dict.fromkeys(schema.get("required", ()))
    return offered, tuple(required)


def _type(schema: dict[str, Any]) -> Any:
    return schema.get("type") or "string"


def _generated(path: str, method: str) -> str:
    bare = re.sub(r"\{[^}]+\}", "", re.sub(r"^/v\d+/", "", path))
    return f"{re.sub('_+', '_', bare.replace('/', '_').strip('_'))}_{method}"


def _dotted(operation_id: str) -> str:
    if "_" in operation_id:
        return operation_id.replace("_", ".")
    first, *rest = [word for word in re.sub(r"([A-Z])", r".\1", operation_id).lower().split(".") if word]
    return ".".join([*rest, first] if rest and first in _VERBS else [first, *rest])


def shown(reply: object) -> str:
    """The text that the MCP server shows of a reply."""
    text = json.dumps(reply, indent=2, ensure_ascii=False)
    return text if len(text) <= CUT_CHARACTERS else f"{text[:CUT_CHARACTERS]}\n… truncated"
