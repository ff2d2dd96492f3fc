"""The way from a resource of the catalog to a document that can be registered. Pure; what is in it is judged
elsewhere.

The catalog keeps a manifest, which describes a component and holds no code, and whatever else its author put
beside it. By convention the code is ``metadata.definition.execution`` or ``metadata.execution``; where neither is
there, it is an artifact: a file that was uploaded to the resource.
"""

from typing import Any, Literal

import msgspec

from engine.components.source import is_sha256
from service.catalog.resource import Resource, component_id_of

Language = Literal["javascript", "typescript", "wasm"]

_LANGUAGES: dict[str, Language] = {
    ".js": "javascript",
    ".mjs": "javascript",
    ".ts": "typescript",
    ".wasm": "wasm",
    "application/javascript": "javascript",
    "text/javascript": "javascript",
    "application/typescript": "typescript",
    "text/typescript": "typescript",
    "application/wasm": "wasm",
}
_EXECUTOR = "executor"


class Artifact(msgspec.Struct, frozen=True):
    """A file of a resource that may hold its code; ``sha256`` is what it should be, where the catalog says it."""

    id: str
    name: str
    language: Language
    sha256: str = ""


def execution_of(resource: Resource) -> dict[str, Any] | None:
    """Return the executable part that stands in the resource itself, if one does."""
    metadata = resource.metadata
    definition = metadata.get("definition")
    if isinstance(definition, dict) and isinstance(definition.get("execution"), dict):
        return dict(definition["execution"])
    execution = metadata.get("execution")
    return dict(execution) if isinstance(execution, dict) else None


def artifact_of(listed: Any) -> Artifact | None:
    """Return the artifact that holds the code, of a decoded list: one called executor before all others."""
    items = listed.get("artifacts") if isinstance(listed, dict) else listed
    if not isinstance(items, list):
        return None
    found = [artifact for artifact in map(_artifact, items) if artifact is not None]
    return min(found, key=lambda artifact: not artifact.name.startswith(_EXECUTOR), default=None)


def _artifact(item: Any) -> Artifact | None:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return None
    texts = [item.get(name) for name in ("name", "filename", "fileName", "path")]
    name = next((text.rpartition("/")[2] for text in texts if isinstance(text, str) and text), "")
    kinds = [item.get(name) for name in ("mimeType", "contentType", "type")]
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    languages = [_LANGUAGES.get(key) for key in (ending, *kinds) if isinstance(key, str)]
    language = next((known for known in languages if known is not None), None)
    if language is None:
        return None
    return Artifact(item["id"], name, language, _sha256_of(item))


def _sha256_of(item: dict[str, Any]) -> str:
    """Return the hash that a catalog gives of a file; a ``checksum`` of another kind says nothing to us."""
    told = item.get("sha256")
    if isinstance(told, str) and told:
        return _bare(told)
    others = [_bare(item[name]) for name in ("checksum", "hash") if isinstance(item.get(name), str)]
    return next((text for text in others if is_sha256(text)), "")


def _bare(text: str) -> str:
    return text.removeprefix("sha256:").removeprefix("sha256-")


def execution_of_artifact(artifact: Artifact, text: str) -> dict[str, Any]:
    """Return the executable part that a downloaded artifact is; ``text`` is a program's, or a module in base64."""
    execution = {"type": artifact.language, "sha256": artifact.sha256}
    return {**execution, "module" if artifact.language == "wasm" else "source": text}


def document_of(resource: Resource, execution: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a component: its manifest, and what its author says beside it, with its code.

    The manifest goes first, because the catalog has checked it and others have been shown it.
    """
    manifest, definition = _part(resource, "manifest"), _part(resource, "definition")
    written = _objects(definition.get("ports"))
    document = {
        "id": component_id_of(resource),
        "name": resource.name or component_id_of(resource),
        "version": _first("version", manifest, definition) or "1.0.0",
        "description": _first("description", manifest, definition) or resource.description,
        "ports": {side: _ports(manifest.get(side) or written.get(side)) for side in ("inputs", "outputs")},
        "config": _config(manifest.get("config") or definition.get("config")),
        "execution": execution,
    }
    return document | {
        name: definition[name] for name in ("stateless", "validate", "source") if definition.get(name) is True
    }


def _part(resource: Resource, name: str) -> dict[str, Any]:
    return _objects(resource.metadata.get(name))


def _objects(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(name: str, *places: dict[str, Any]) -> str:
    return next((place[name] for place in places if isinstance(place.get(name), str)), "")


def _ports(listed: Any) -> list[Any]:
    """Ports without the parts that say nothing; a catalog gives those as null."""
    items = listed if isinstance(listed, list) else []
    return [
        {key: value for key, value in item.items() if value is not None} if isinstance(item, dict) else item
        for item in items
    ]


def _config(block: Any) -> dict[str, Any]:
    return {
        key: {name: value for name, value in field.items() if value is not None} if isinstance(field, dict) else {}
        for key, field in _objects(block).items()
    }
