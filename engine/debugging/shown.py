"""Values, errors and states as they are shown of a hit: cut where they are long, and without secrets. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from engine.contracts.handler import HandlerError, LogLine
from engine.documents.mask import Mask
from proto.breakpoint import NamedText, StateChange
from proto.codec import encode

SHOWN_BYTES = 2_000
"""Bytes of a value's text that are shown of it: as much as of one that is logged."""

SHOWN_KEYS = 50
"""Keys of a node's state that are shown."""


def shown_json(value: bytes, mask: Mask | None) -> tuple[msgspec.Raw, bool]:
    """Return a JSON value as it is shown, and whether that is only the beginning of its text."""
    if len(value) <= SHOWN_BYTES:
        return msgspec.Raw(value if mask is None else mask.json(value)), False
    return msgspec.Raw(encode(_beginning(value, mask))), True


def shown_text(value: bytes, mask: Mask | None) -> str:
    """Return a JSON text for people."""
    if len(value) <= SHOWN_BYTES:
        return (value if mask is None else mask.json(value)).decode(errors="replace")
    return _beginning(value, mask)


def shown_error(error: HandlerError) -> NamedText:
    """Return an error, which has no secrets any more."""
    return NamedText(error.name[:SHOWN_BYTES], error.message[:SHOWN_BYTES])


def shown_line(line: LogLine, mask: Mask | None) -> NamedText:
    """Return a log line; its name is its level."""
    message = line.message if len(line.message) <= SHOWN_BYTES else f"{line.message[:SHOWN_BYTES]}…"
    return NamedText(line.level, message if mask is None else mask.text(message))


def changes_of(
    before: Mapping[str, bytes], after: Mapping[str, bytes], key: str | None
) -> list[tuple[str, bytes | None, bytes | None]]:
    """Return the keys of a state that were written, or the one that is asked for, with what they held and hold."""
    names = [*after, *[name for name in before if name not in after]] if key is None else [key]
    found = ((name, before.get(name), after.get(name)) for name in names)
    return [(name, old, new) for name, old, new in found if old is not new and old != new]


def shown_changes(
    changes: Sequence[tuple[str, bytes | None, bytes | None]], mask: Mask | None
) -> tuple[StateChange, ...]:
    """Return what was written, of the first keys where there are many."""
    return tuple(
        StateChange(
            name if mask is None else mask.text(name),
            None if old is None else shown_text(old, mask),
            None if new is None else shown_text(new, mask),
        )
        for name, old, new in changes[:SHOWN_KEYS]
    )


def shown_state(state: Mapping[str, bytes], mask: Mask | None) -> dict[str, str]:
    """Return a state, of the first keys where there are many."""
    first = list(state.items())[:SHOWN_KEYS]
    return {name if mask is None else mask.text(name): shown_text(value, mask) for name, value in first}


def _beginning(value: bytes, mask: Mask | None) -> str:
    text = f"{value[:SHOWN_BYTES].decode(errors='ignore')}…"
    return text if mask is None else mask.text(text)
