"""The parts of a published resource that are changed, and those that are left as they are. Pure.

A manifest that this runtime wrote is made what this runtime wants of it. One that somebody else wrote is never
made worse: it gets what it lacks and nothing of it is taken away, its version never falls, a lane only tightens,
and one that its author has signed is not touched, because the signature would speak of another manifest
(docs/decisions/0157).
"""

import re
from collections.abc import Mapping
from typing import Any

from service.catalog.manifests import CONFIG_TYPES, CONTRACT, Wanted
from service.catalog.resource import COMPONENT_PREFIX, Resource

SIGNATURE = "manifestSignature"
"""The signature's field beside a manifest, by which its author vouches for it."""

_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(-?)")


def may_change(resource: Resource, wanted: Wanted) -> bool:
    """Return whether a published resource may be changed into what is wanted.

    The catalog lets this runtime change everything. What was made of something else stays as it is, unless it
    belongs to the same organisation.
    """
    if not wanted.origin or resource.org_id == wanted.body.get("orgId", ""):
        return True
    return bool(resource.metadata.get(wanted.origin) == wanted.body["metadata"][wanted.origin])


def patch_of(resource: Resource, wanted: Wanted) -> dict[str, Any] | None:
    """Return what to change of a published resource; None where nothing is to be changed.

    What the catalog, or somebody else, has added to a part stays and is no drift. Where a part has drifted all
    metadata is sent, because a catalog may replace what it is given.
    """
    drifted = _drifted(resource.metadata, wanted)
    patch: dict[str, Any] = {}
    if drifted:
        vouched = {SIGNATURE} if "manifest" in drifted else set()  # it says nothing of another manifest
        kept = {name: part for name, part in resource.metadata.items() if name not in vouched}
        patch["metadata"] = kept | drifted
    if wanted.is_public and resource.visibility != "public":
        patch["accessPolicy"] = wanted.body["accessPolicy"]
    return patch or None


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Return what differs between two values, each place with both: for people."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys([*before, *after])
        return [line for key in keys for line in differences(before.get(key), after.get(key), f"{path}.{key}")]
    return [] if _is_same(before, after) else [f"{path.lstrip('.')}: {_short(before)} -> {_short(after)}"]


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_left(resource: Resource, wanted: Wanted) -> bool:
    """Return whether a manifest differs from what is wanted and is left so, because another has signed it."""
    manifest = resource.metadata.get("manifest")
    return (
        _is_signed_by_another(resource.metadata)
        and isinstance(manifest, dict)
        and amended(manifest, wanted.body["metadata"]["manifest"]) != manifest
    )


def _drifted(published: dict[str, Any], wanted: Wanted) -> dict[str, Any]:
    """Return the parts of the metadata that are to be other ones."""
    metadata = wanted.body["metadata"]
    manifest = published.get("manifest")
    if CONTRACT in wanted.compared and isinstance(manifest, dict) and manifest and not _is_ours(published):
        better = amended(manifest, metadata["manifest"])
        is_kept = better == manifest or _is_signed_by_another(published)
        return {} if is_kept else {"manifest": better}
    drifted = [name for name in wanted.compared if name in metadata and _has_drifted(published, metadata, name)]
    if CONTRACT in wanted.compared and drifted:
        drifted = list(wanted.compared)  # what stands beside a manifest must speak of this one
    return {name: metadata[name] for name in drifted}


def _has_drifted(published: dict[str, Any], wanted: dict[str, Any], name: str) -> bool:
    is_there = _holds(published.get(name), wanted[name])
    return not is_there or _keys(published, name) != _keys(wanted, name)


def _is_ours(published: dict[str, Any]) -> bool:
    """Return whether this runtime wrote a manifest, and nobody has taken back what it wrote."""
    manifest, contract = published.get("manifest"), published.get(CONTRACT)
    if isinstance(manifest, dict) and str(manifest.get("key", "")).startswith(COMPONENT_PREFIX):
        return True  # an earlier version of this runtime took the resource's key for the manifest's
    written = contract.get("manifest") if isinstance(contract, dict) else None
    return isinstance(written, dict) and bool(written) and _holds(manifest, written)


def _is_signed_by_another(published: dict[str, Any]) -> bool:
    return bool(published.get(SIGNATURE)) and not _is_ours(published)


def amended(manifest: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return somebody else's manifest with what it lacks, or what the catalog would refuse of it.

    Args:
        manifest: as it is published.
        wanted: as this runtime would write it.
    """
    result = {"implementation": wanted["implementation"], **manifest, "key": wanted["key"]}
    result["version"] = _higher(manifest.get("version"), wanted["version"])
    for side in ("inputs", "outputs"):
        result[side] = _ports(manifest.get(side), wanted[side])
    result["config"] = _config(manifest.get("config"), wanted["config"])
    return result if differences(manifest, result) else dict(manifest)


def _higher(published: Any, wanted: str) -> str:
    return published if isinstance(published, str) and _rank(published) >= _rank(wanted) else wanted


def _rank(version: str) -> tuple[int, ...]:
    found = _NUMBERS.match(version)
    return (*map(int, found.groups()[:3]), not found[4]) if found else ()


def _ports(published: Any, wanted: list[dict[str, Any]]) -> list[Any]:
    """Return the ports that are wanted, in their order, as they were published; then those of others."""
    items = published if isinstance(published, list) else []
    named = {item["name"]: item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)}
    kept = [_port(named.pop(port["name"], {}), port) for port in wanted]
    return [*kept, *named.values()]


def _port(published: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    if not published:
        return wanted
    if wanted.get("lane") == "apocryphal" and published.get("lane") != "apocryphal":
        return {**published, **wanted}
    return published


def _config(published: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of both, as they were published where the catalog takes them so."""
    theirs = published if isinstance(published, dict) else {}
    good = {key: field for key, field in theirs.items() if _is_good(field)}
    return {**wanted, **{key: _field(field, wanted.get(key, {})) for key, field in good.items()}}


def _is_good(field: Any) -> bool:
    return isinstance(field, dict) and field.get("type") in CONFIG_TYPES


def _field(published: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return a published field; where it lists values, with those that this runtime takes as well."""
    listed, ours = published.get("enum"), wanted.get("enum")
    if not isinstance(listed, list) or not ours:
        return published
    more = [value for value in ours if value not in listed]
    return {**published, "enum": [*listed, *more]} if more else published


def _keys(metadata: dict[str, Any], name: str) -> set[str]:
    """Return a manifest's configuration keys: one that is no longer taken must go, and not only be no drift."""
    part = metadata.get(name)
    config = part.get("config") if isinstance(part, dict) else None
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
    return _is_same(published, wanted)


def _is_same(published: Any, wanted: Any) -> bool:
    return bool(published == wanted) and isinstance(published, bool) == isinstance(wanted, bool)
