"""Resources as the catalog tells of them: what is read of one, and who may see it. Pure.

The catalog is another program, of another version than we know, and its resources are written by people: nothing
is taken for granted but that a resource has an id and a key. What has another shape than it should is as if it
were absent.
"""

import hashlib
from typing import Any

import msgspec

from proto.codec import encode

KEY_CHARACTERS = 500
"""Characters of ids and keys. They stand in URLs and log lines."""

COMPONENT_PREFIX = "components/"


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the catalog.

    Attributes:
        id: the catalog's own.
        key: such as ``components/custom.math.square``.
        name: for people.
        description: for people.
        type: ``component``, ``graph``, ``integration`` or one that is not ours.
        status: ``draft``, ``published`` or ``deprecated``.
        org_id: the organisation that it belongs to; empty where it is nobody's.
        visibility: ``public``, ``org`` or ``private``.
        readers: who may read it, as the catalog lists them; empty where it does not say.
        access_policy: all that the catalog says of who may do what.
        metadata: all else.
        revision: differs when the resource was changed; only compared for being the same, so that no clock counts.
    """

    id: str
    key: str
    name: str = ""
    description: str = ""
    type: str = ""
    status: str = ""
    org_id: str = ""
    visibility: str = "private"
    readers: tuple[str, ...] = ()
    access_policy: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    revision: str = ""


def read_resource(item: Any) -> Resource | None:
    """Read a decoded resource; None where it is none."""
    if not isinstance(item, dict):
        return None
    resource_id, key = _text(item, "id"), _text(item, "key")
    if not _is_name(resource_id) or not _is_name(key):
        return None
    policy = _object(item, "accessPolicy")
    readers = _object(_object(policy, "actions"), "read").get("anyOf")
    return Resource(
        id=resource_id,
        key=key,
        name=_text(item, "name"),
        description=_text(item, "description"),
        type=_text(item, "type"),
        status=_text(item, "status"),
        org_id=_text(item, "orgId"),
        visibility=_text(policy, "visibility") or "private",
        readers=tuple(str(reader) for reader in readers) if isinstance(readers, list) else (),
        access_policy=policy,
        metadata=_object(item, "metadata"),
        revision=_revision(item),
    )


def _revision(item: dict[str, Any]) -> str:
    """Return the catalog's word that something has changed; what there is itself, where it gives none."""
    told = [item.get(name) for name in ("updatedAt", "currentVersion")]
    if any(isinstance(word, str | int | float) and word != "" for word in told):
        return encode(told).decode()
    return hashlib.sha256(encode(item)).hexdigest()


def is_visible(resource: Resource, owner: str) -> bool:
    """Return whether what belongs to ``owner`` may use a resource.

    What is public is everybody's, unless its readers are named and everybody is not among them. Everything else is
    for the organisation that has it; what is nobody's is for those who act for nobody.
    """
    if resource.visibility == "public" and (not resource.readers or "public" in resource.readers):
        return True
    return resource.org_id == owner


def may_stand_for(resource: Resource, key: str, owner: str) -> bool:
    """Return whether what belongs to ``owner`` may take a resource for the one with a key.

    A catalog gives each key once. A key that only a manifest claims may be claimed by anybody: such a claim counts
    for the organisation that makes it, and where the resource is nobody's.
    """
    return resource.key == key or resource.org_id in {owner, ""}


def component_id_of(resource: Resource) -> str:
    """Return the id of the component that a resource describes; empty where it describes none."""
    if resource.key.startswith(COMPONENT_PREFIX):
        return resource.key.removeprefix(COMPONENT_PREFIX)
    return _text(_object(resource.metadata, "manifest"), "key").removeprefix(COMPONENT_PREFIX)


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _object(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _is_name(text: str) -> bool:
    return 0 < len(text) <= KEY_CHARACTERS and text.isprintable()
