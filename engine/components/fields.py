"""The fields that a component's document may have (``engine.documents.known_fields``). Pure.

A reply of ``GET /api/components/<id>`` can be posted again as it is, and so can what the platform's catalog and
console write of a component: their further names are taken, and mean nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.cooperative.slices import Steps, paced
from engine.documents.hints import Hints
from engine.documents.known_fields import KnownFields, fields_of, kept_fields, note_unknown
from engine.documents.problem_report import ProblemReport, shown
from proto.component import Code, ComponentDefinition, ConfigField, Port, Ports

_CODE = "component.unknown_field"

_FREE: Mapping[str, tuple[str, ...]] = {
    "component": (
        *("inputs", "outputs", "lanes", "emitsApocryphal", "$schema", "metadata", "meta", "tags", "key", "orgId"),
        *("status", "capability", "implementation", "author", "license", "icon", "createdAt", "updatedAt"),
    ),
    "port": ("required", "receipt", "type", "title", "label"),
    "config": ("title", "label", "examples"),
    "code": ("capability",),
}
"""Fields of replies, and those of the platform's manifests and editors; none means anything here."""

COMPONENT = fields_of(ComponentDefinition, "A component", _CODE, _FREE["component"])
PORTS = fields_of(Ports, "The object ports", _CODE)
PORT = fields_of(Port, "A port", _CODE, _FREE["port"])
CODE = fields_of(Code, "The object execution", _CODE, _FREE["code"])
CONFIG_FIELD = fields_of(ConfigField, "A configuration key", _CODE, _FREE["config"])


def note_unknown_fields(document: Mapping[str, Any], report: ProblemReport, hints: Hints) -> Steps[None]:
    """Note each field of a component that nobody knows, wherever in it; misshapen parts are passed over."""
    for (item, known, path), is_due in paced(_parts(document)):
        yield from note_unknown(item, known, path, report, hints)
        if is_due:
            yield


def without_unknown_fields(document: Any) -> Any:
    """Return a component without the fields that it cannot have: of those that others publish.

    Nobody here can mend a slip of theirs. What it says of limits stays whole: a limit that does not hold is worse
    than a component that is refused.
    """
    if not isinstance(document, dict):
        return document
    kept = kept_fields(document, COMPONENT, "", [])
    ports, code, config = kept.get("ports"), kept.get("execution"), kept.get("config")
    if isinstance(ports, dict):
        kept["ports"] = {
            side: [_kept(item, PORT) for item in items] if isinstance(items, list) else items
            for side, items in kept_fields(ports, PORTS, "", []).items()
        }
    if isinstance(code, dict):
        kept["execution"] = _kept(code, CODE)
    if isinstance(config, dict):
        kept["config"] = {key: _kept(field, CONFIG_FIELD) for key, field in config.items()}
    return kept


def _kept(item: Any, known: KnownFields) -> Any:
    return kept_fields(item, known, "", []) if isinstance(item, dict) else item


def _parts(document: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], KnownFields, str]]:
    """Yield the objects of a component's document, with what each may have and its place."""
    yield dict(document), COMPONENT, ""
    ports, code, config = document.get("ports"), document.get("execution"), document.get("config")
    if isinstance(ports, dict):
        yield ports, PORTS, "ports"
        for side in PORTS.names:
            items = ports.get(side)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, dict):
                    yield item, PORT, f"ports.{side}[{index}]"
    if isinstance(code, dict):
        yield code, CODE, "execution"
    if isinstance(config, dict):
        for key, field in config.items():
            if isinstance(field, dict):
                yield field, CONFIG_FIELD, f"config.{shown(key)}"
