"""The rules of the platform's catalog for manifests and for writes, as its services were seen to keep them."""

import math
from typing import Any

import trio

from engine.wall_clock import WallClock

CONFIG_TYPES = frozenset({"string", "number", "boolean", "object", "array"})
LANES = frozenset({"inherit", "canonical", "apocryphal", "conditional"})
IMPLEMENTATIONS = frozenset({"builtin", "expression", "wasm", "integration", "remote-service"})

MANIFEST_FIELDS = frozenset(
    {"key", "version", "implementation", "inputs", "outputs", "config", "capability", "description"}
)
"""All else is dropped without a word."""

WINDOW_SECONDS = 60.0


def problems(resource_key: str, metadata: Any) -> list[str]:
    """Return what is wrong with the manifest of a component, if it has one."""
    manifest = metadata.get("manifest") if isinstance(metadata, dict) else None
    if manifest is None:
        return []
    found = []
    if resource_key != f"components/{manifest.get('key')}":
        found.append(f"key: {manifest.get('key')!r} is not the id of {resource_key}")
    if manifest.get("implementation") not in IMPLEMENTATIONS:
        found.append("implementation")
    found += [f"{side}: {port}" for side in ("inputs", "outputs") for port in _odd_ports(manifest.get(side, []))]
    for name, field in manifest.get("config", {}).items():
        if field.get("type") not in CONFIG_TYPES:
            found.append(f"config.{name}.type: {field.get('type')!r}")
    return found


def _odd_ports(ports: Any) -> list[Any]:
    return [
        port
        for port in ports
        if not isinstance(port, dict) or not port.get("name") or port.get("lane", "inherit") not in LANES
    ]


def stripped(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata as they are kept: a manifest without the fields that nobody knows."""
    manifest = metadata.get("manifest")
    if not isinstance(manifest, dict):
        return metadata
    return {**metadata, "manifest": {name: part for name, part in manifest.items() if name in MANIFEST_FIELDS}}


def is_public(resource: dict[str, Any]) -> bool:
    """Return whether anybody may read a resource, without saying who they are."""
    policy = resource["accessPolicy"]
    return policy["visibility"] == "public" and "public" in policy.get("actions", {}).get("read", {}).get(
        "anyOf", []
    )


def staleness(running: list[dict[str, Any]], published: list[dict[str, Any]]) -> list[str]:
    """Return how the components of ``GET /api/components`` differ from the manifests, as the platform's own
    check of it has it: ports in order with their lanes, and the keys of the configuration.
    """
    manifests = [resource["metadata"].get("manifest") or {} for resource in published]
    by_key = {manifest["key"]: manifest for manifest in manifests if manifest.get("key")}
    drift = [f"{key}: published, not running" for key in by_key.keys() - {item["id"] for item in running}]
    for item in running:
        manifest = by_key.get(item["id"])
        if manifest is None:
            drift.append(f"{item['id']}: running, not published")
            continue
        usual = "apocryphal" if item.get("emitsApocryphal") else "inherit"
        lanes = item.get("lanes") or {}
        ports = [(name, lanes.get(name, {}).get("lane", usual)) for name in item["outputs"]]
        if ports != [(port["name"], port.get("lane") or "inherit") for port in manifest["outputs"]]:
            drift.append(f"{item['id']}: outputs")
        if _keys(item) != _keys(manifest):
            drift.append(f"{item['id']}: config keys {_keys(item)} and {_keys(manifest)}")
    return drift


def _keys(described: dict[str, Any]) -> list[str] | None:
    """Return the keys of a configuration; None is another thing than none."""
    config = described.get("config")
    return None if config is None else sorted(config)


class WriteWindow:
    """The writes of a minute, counted for all internal services together.

    Attributes:
        limit: writes in a window.
        refused: writes that were too many.
        tells: whether it says in headers what is left; the first write of a window never hears of it.
    """

    def __init__(self, limit: int = 30) -> None:
        self.limit = limit
        self.refused = 0
        self.tells = True
        self._count = 0
        self._ends = -math.inf
        self._clock = WallClock()

    def take(self, writes: int = 1) -> tuple[bool, dict[str, str]]:
        """Count writes; return whether the last of them is too many, and the headers of its answer."""
        now = trio.current_time()
        if now > self._ends:
            self._count, self._ends = writes, now + WINDOW_SECONDS
            return False, {}
        self._count += writes
        left = self.limit - self._count
        ends_epoch = math.ceil(self._clock.milliseconds_at(self._ends) / 1000)
        told = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(left, 0)),
            "X-RateLimit-Reset": str(ends_epoch),
        }
        if left >= 0:
            return False, told if self.tells else {}
        self.refused += 1
        return True, {**(told if self.tells else {}), "Retry-After": str(math.ceil(self._ends - now))}
