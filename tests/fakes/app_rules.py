"""The rules of the platform's catalog for apps: what their manifests say, and what must be there before them."""

import re
from typing import Any

PLATFORM_VERSION = "1.1.1"
SERVICES = frozenset(
    {"identity", "logging", "catalog", "assistants", "messaging", "runtime", "integrations", "network", "models"}
)
_LISTS = {"requires": ("components", "services"), "provides": ("graphs", "components", "ingresses")}


def app_problems(manifest: Any) -> list[str]:
    """Return what is wrong with the manifest of an app."""
    if not isinstance(manifest, dict):
        return ["manifest"]
    found = [name for name in ("key", "version") if not isinstance(manifest.get(name), str) or not manifest[name]]
    for part, names in _LISTS.items():
        for name in names:
            listed = manifest.get(part, {}).get(name, [])
            if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
                found.append(f"{part}.{name}")
    return found


def unmet(manifest: dict[str, Any], resources: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return what an app requires and what this platform does not have; of components, their manifests count."""
    requires = manifest.get("requires", {})
    found = []
    wanted = requires.get("platform")
    if wanted and not satisfies(PLATFORM_VERSION, wanted):
        found.append({"kind": "platform", "requirement": wanted})
    manifests = [item["metadata"].get("manifest") or {} for item in resources if item["type"] == "component"]
    versions = {each["key"]: each["version"] for each in manifests if each.get("key")}
    for requirement in requires.get("components", []):
        key, _, wanted = requirement.partition("@")
        if key not in versions or not satisfies(versions[key], wanted or "*"):
            found.append({"kind": "component", "requirement": requirement})
    found += [
        {"kind": "service", "requirement": each} for each in requires.get("services", []) if each not in SERVICES
    ]
    return found


def satisfies(version: str, wanted: str) -> bool:
    """Return whether a version is in a range: ``*``, ``^1.2.0``, ``~1.2.0``, ``>=1.2.0`` and so on, or itself."""
    if wanted.strip() in {"", "*"}:
        return True
    parts = re.fullmatch(r"(>=|<=|>|<|\^|~|=)?\s*(\d+\.\d+\.\d+).*", wanted.strip())
    if parts is None:
        return False
    have, least = _numbers(version), _numbers(parts[2])
    sign = parts[1] or "="
    if sign == "^":
        leading = next((place for place, number in enumerate(least) if number), 2) + 1
        return have[:leading] == least[:leading] and have >= least
    if sign == "~":
        return have[:2] == least[:2] and have >= least
    answers = {">=": have >= least, "<=": have <= least, ">": have > least, "<": have < least, "=": have == least}
    return answers[sign]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
