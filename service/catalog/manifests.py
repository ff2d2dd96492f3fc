"""The manifests of what this runtime offers: as the catalog wants them, and what of a published one differs. Pure.

Others depend on them: the catalog refuses graphs whose components have none, or whose configuration names a key
that is not in the ``config`` block, and apps compare the version. So a manifest is written from the definition
that the engine itself checks configurations with, every key of it.
"""

from typing import Any

import msgspec

from proto.codec import decode, encode
from proto.component import ComponentDefinition, ConfigField, Port
from service.catalog.resource import COMPONENT_PREFIX, Resource

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

_SIGNATURE = "manifestSignature"
"""The signature's field beside a manifest, by which its author vouches for it. It says nothing of another
manifest."""


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


def may_change(resource: Resource, wanted: Wanted) -> bool:
    """Return whether a published resource may be changed into what is wanted.

    The catalog lets this runtime change everything. What was made of something else stays as it is, unless it
    belongs to the same organisation.
    """
    if not wanted.origin or resource.org_id == wanted.body.get("orgId", ""):
        return True
    return bool(resource.metadata.get(wanted.origin) == wanted.body["metadata"][wanted.origin])


def manifest_of(definition: ComponentDefinition, version: str) -> dict[str, Any]:
    """Return the manifest of a component; ``version`` is that of the platform's contracts."""
    manifest: dict[str, Any] = {
        "key": COMPONENT_PREFIX + definition.id,
        "version": version,
        "implementation": "builtin",
        "inputs": [_port(port) for port in definition.ports.inputs],
        "outputs": [_output(port) for port in definition.ports.outputs],
        "capability": CAPABILITY,
        "description": definition.description,
    }
    if definition.config:  # a component that declares no key takes any, and the catalog has no word for none
        manifest["config"] = {key: _field(field) for key, field in definition.config.items()}
    return manifest


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name}


def _output(port: Port) -> dict[str, Any]:
    note = {"laneNote": port.lane_note} if port.lane_note else {}
    return {**_port(port), "lane": port.lane, **note}


def _field(field: ConfigField) -> dict[str, Any]:
    written: dict[str, Any] = {"type": field.type}
    if field.required:
        written["required"] = True
    if field.default is not msgspec.UNSET:
        written["default"] = field.default
    if field.enum:
        written["enum"] = list(field.enum)
    if field.description:
        written["description"] = field.description
    return written


def wanted_component(definition: ComponentDefinition, version: str) -> Wanted:
    """Return the resource of a built-in component, as the platform's own runtime makes it."""
    family = definition.id.split(".")[1:2]
    body: dict[str, Any] = {
        "key": COMPONENT_PREFIX + definition.id,
        "name": definition.id,
        "description": definition.description,
        "type": "component",
        "status": "published",
        "tags": ["runtime", "component", "builtin", *family],
        "accessPolicy": _POLICY,
        "metadata": {"manifest": decode(encode(manifest_of(definition, version)))},
    }
    return Wanted(body["key"], body, ("manifest",), is_public=True)


def patch_of(resource: Resource, wanted: Wanted) -> dict[str, Any] | None:
    """Return what to change of a published resource; None where nothing has drifted.

    What the catalog, or somebody else, has added to a part stays and is no drift. Where a part has drifted all
    metadata is sent, because a catalog may replace what it is given.
    """
    metadata = wanted.body["metadata"]
    published = resource.metadata
    drifted = [
        name
        for name in wanted.compared
        if not _holds(published.get(name), metadata.get(name)) or _keys(published, name) != _keys(metadata, name)
    ]
    patch: dict[str, Any] = {}
    if drifted:
        kept = {name: value for name, value in resource.metadata.items() if name != _SIGNATURE}
        patch["metadata"] = kept | {name: metadata[name] for name in drifted if name in metadata}
    if wanted.is_public and resource.visibility != "public":
        patch["accessPolicy"] = wanted.body["accessPolicy"]
    return patch or None


def _keys(metadata: dict[str, Any], name: str) -> set[str]:
    """Return a manifest's configuration keys: one that is no longer taken must go, and not only be no drift."""
    manifest = metadata.get(name)
    config = manifest.get("config") if isinstance(manifest, dict) else None
    return set(config) if isinstance(config, dict) else set()


def _holds(published: Any, wanted: Any) -> bool:
    """Return whether all that is wanted is there; objects may have more, lists may not."""
    if isinstance(wanted, dict):
        return isinstance(published, dict) and all(_holds(published.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return (
            isinstance(published, list)
            and len(published) == len(wanted)
            and all(_holds(*pair) for pair in zip(published, wanted, strict=True))
        )
    return bool(published == wanted) and isinstance(published, bool) == isinstance(wanted, bool)
