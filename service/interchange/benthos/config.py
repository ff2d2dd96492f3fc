"""A configuration of Benthos: its parts, whatever shape they have. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from service.interchange.nodered.flows import number_of

MOST_PARTS = 2_000
"""Inputs, processors and outputs of one configuration."""

_SECTIONS = ("input", "pipeline", "output")
_BESIDE = ("label", "processors", "batching", "description", "id", "type", "plugin")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h)")
_DURATIONS = re.compile(r"(?:@every\s+)?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_UNITS_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Part(msgspec.Struct, frozen=True):
    """An input, a processor or an output.

    Attributes:
        kind: its type, such as ``jmespath``.
        settings: what stands under its type.
        label: the name that its author gave it.
        path: its place in the file.
        processors: those that belong to it.
    """

    kind: str
    settings: Any
    label: str = ""
    path: str = ""
    processors: tuple["Part", ...] = ()

    def field(self, key: str, otherwise: Any = None) -> Any:
        """Return a field of its settings."""
        return self.settings.get(key, otherwise) if isinstance(self.settings, dict) else otherwise

    def text(self, key: str, otherwise: str = "") -> str:
        """Return a field that is to be text; where its settings are a text, that is ``key``'s."""
        value = self.settings if isinstance(self.settings, str) else self.field(key, otherwise)
        return value if isinstance(value, str) else otherwise


def is_pipeline(document: Any) -> bool:
    """Return whether a document looks like a configuration of Benthos."""
    return isinstance(document, dict) and any(isinstance(document.get(key), dict) for key in _SECTIONS)


def part_of(item: Any, path: str) -> Part | None:
    """Return a part of the configuration; None where there is none."""
    if not isinstance(item, dict):
        return None
    named = item.get("type")
    kinds = [named] if isinstance(named, str) and named in item else [key for key in item if key not in _BESIDE]
    if not kinds:
        return None
    label = item.get("label")
    return Part(
        kind=str(kinds[0]),
        settings=item[kinds[0]],
        label=label if isinstance(label, str) else "",
        path=path,
        processors=tuple(parts_of(item.get("processors"), f"{path}.processors")),
    )


def parts_of(items: Any, path: str) -> Iterator[Part]:
    """Yield the parts in a list."""
    for index, item in enumerate(items if isinstance(items, list) else []):
        part = part_of(item, f"{path}[{index}]")
        if part is not None:
            yield part


def resources(document: Mapping[str, Any], key: str) -> dict[str, Part]:
    """Return what a configuration keeps under labels, to be named elsewhere."""
    return {part.label: part for part in parts_of(document.get(key), key) if part.label}


def milliseconds(value: Any, otherwise: float = 0) -> float:
    """Return a duration such as ``1m30s`` in milliseconds."""
    if not isinstance(value, str):
        return number_of(value, otherwise)
    found = _DURATION.findall(value[:100])
    return sum(number_of(number) * _UNITS_MS[unit] for number, unit in found) if found else otherwise


def is_duration(value: Any) -> bool:
    """Return whether a text says how long something lasts, and nothing else."""
    return isinstance(value, str) and bool(_DURATIONS.fullmatch(value.strip()[:100]))
