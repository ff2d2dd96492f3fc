"""The manifests of what this runtime offers, as the catalog wants them. Pure.

Others depend on them: the catalog refuses graphs whose components have none, or whose configuration names a key
that is not in the ``config`` block, and apps compare the version. So a manifest is written from the definition
that the engine itself checks configurations with, every key of it. The catalog knows five types of values and
refuses a manifest with any other; what that leaves unsaid stands beside it, in ``CONTRACT``.
"""

from typing import Any

import msgspec

from proto.codec import decode, encode
from proto.component import ComponentDefinition, ConfigField, Port, authored
from service.catalog.resource import COMPONENT_PREFIX

CAPABILITY = "cap:runtime.execute"

_POLICY = {
    "visibility": "public",
    "actions": {
        "read": {"anyOf": ["public"]},
        "write": {"anyOf": ["cap:registry.write", "role:admin"]},
        "publish": {"anyOf": ["cap:registry.write", "role:admin", "role:publisher"]},
        "delete": {"anyOf": ["role:admin"]},
    },
}

CONTRACT = "runtimeContract"
"""The field beside a manifest that this runtime wrote: the manifest as it was written, by which it is known later
whether anybody else has changed it, and the whole schema of its configuration."""

CONFIG_TYPES = frozenset({"string", "number", "boolean", "object", "array"})
"""The types of values that the catalog knows."""

_TYPES_OF_VALUES = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}


class Wanted(msgspec.Struct, frozen=True):
    """A resource as it should be.

    Attributes:
        key: by which it is found.
        body: to create it with.
        compared: those parts of its metadata that count as drift where they differ.
        is_public: whether it must be readable by everybody.
        origin: the part of its metadata that says what it was made of; empty for what only this runtime makes.
    """

    key: str
    body: dict[str, Any]
    compared: tuple[str, ...]
    is_public: bool = False
    origin: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """The key and the origin: two that are made of different things are two, also where they want one key."""
        return self.key, str(self.body["metadata"].get(self.origin, ""))


def manifest_of(definition: ComponentDefinition, version: str) -> dict[str, Any]:
    """Return the manifest of a component; ``version`` is that of the platform's contracts."""
    manifest: dict[str, Any] = {
        "key": definition.id,  # the bare id: only the resource's own key has the prefix
        "version": version,
        "implementation": "builtin",
        "inputs": [_port(port) for port in definition.ports.inputs],
        "outputs": [_output(port) for port in definition.ports.outputs],
        "config": {
            key: _field(field) for key, field in authored(definition.config).items()
        },  # also where it takes none
        "capability": CAPABILITY,
        "description": definition.description,
    }
    return manifest


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name}


def _output(port: Port) -> dict[str, Any]:
    note = {"laneNote": port.lane_note} if port.lane_note else {}
    return {**_port(port), "lane": port.lane, **note}


def _field(field: ConfigField) -> dict[str, Any]:
    kind, note = _type_of(field)
    written: dict[str, Any] = {"type": kind}
    if field.required:
        written["required"] = True
    if field.default is not msgspec.UNSET:
        written["default"] = field.default
    if field.enum:
        written["enum"] = list(field.enum)
    description = f"{field.description} ({note})" if field.description and note else field.description or note
    if description:
        written["description"] = description
    return written


def _type_of(field: ConfigField) -> tuple[str, str]:
    """Return the type of a field among those that the catalog knows, and a note of what that leaves unsaid."""
    if field.type in CONFIG_TYPES:
        return field.type, ""
    if field.type == "integer":
        return "number", "a whole number"
    known = {_TYPES_OF_VALUES.get(type(value), "") for value in (*field.enum, field.default)} - {""}
    return (known.pop() if len(known) == 1 else "string"), "any JSON value"


def wanted_component(definition: ComponentDefinition, version: str) -> Wanted:
    """Return the resource of a built-in component, as the platform's own runtime makes it."""
    family = definition.id.split(".")[1:2]
    manifest = decode(encode(manifest_of(definition, version)))
    contract = {"config": decode(encode(definition.config)), "manifest": manifest}
    body: dict[str, Any] = {
        "key": COMPONENT_PREFIX + definition.id,
        "name": definition.id,
        "description": definition.description,
        "type": "component",
        "status": "published",
        "tags": ["runtime", "component", "builtin", *family],
        "accessPolicy": _POLICY,
        "metadata": {"manifest": manifest, CONTRACT: contract},
    }
    return Wanted(body["key"], body, ("manifest", CONTRACT), is_public=True)
