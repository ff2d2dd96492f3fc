"""The platform's two MCP servers, as far as they read this service: what they make of a document and of a reply.

The integrations service makes a tool of each operation of the OpenAPI document. It knows one server for the whole
document, resolves no references, and has its own reading of ids. The MCP server beside it shows replies as text
with indents, and cuts it.
"""

import json
import re
from typing import Any, Literal

import msgspec

SERVICE = "runtime"
CUT_CHARACTERS = 25_000
_VERBS = ("create", "get", "list", "update", "delete", "patch", "post", "put")


class Tool(msgspec.Struct, frozen=True):
    """An operation as the integrations service keeps it.

    Attributes:
        name: of the tool.
        kind: who is called: this service, or a provider of models.
        method: of the request.
        path: behind the address of the service, with parameters in braces.
        parameters: their names.
    """

    name: str
    kind: Literal["call", "model"]
    method: str
    path: str
    parameters: tuple[str, ...]


def tools_of(document: dict[str, Any]) -> list[Tool]:
    """What the integrations service makes of a document; one of two with the same name is lost."""
    server = document["servers"][0]["url"]
    found = {}
    for path, item in document["paths"].items():
        for method, described in item.items():
            if method not in {"get", "post", "put", "patch", "delete"}:
                continue
            name = f"{SERVICE}.{_dotted(described.get('operationId') or _generated(path, method))}"
            misread = ("chat.completions", "messages", "responses", "embedding")
            found[name] = Tool(
                name=f"{SERVICE}.{name}".replace(".", "_"),
                kind="model" if any(word in name for word in misread) else "call",
                method=method.upper(),
                path=server + path,
                parameters=tuple(each["name"] for each in described.get("parameters", []) if "name" in each),
            )
    return list(found.values())


def _generated(path: str, method: str) -> str:
    words = re.sub(r"_+", "_", re.sub(r"\{[^}]+\}", "", path).replace("/", "_"))
    return f"{words.strip('_')}_{method}"


def _dotted(operation_id: str) -> str:
    if "_" in operation_id:
        return operation_id.replace("_", ".")
    first, *rest = re.sub(r"([A-Z])", r".\1", operation_id).lower().strip(".").split(".")
    return ".".join([*rest, first] if rest and first in _VERBS else [first, *rest])


def shown(reply: object) -> str:
    """The text that the MCP server shows of a reply."""
    text = json.dumps(reply, indent=2, ensure_ascii=False)
    return text if len(text) <= CUT_CHARACTERS else f"{text[:CUT_CHARACTERS]}\n… truncated"
