"""A definition as a document again, and the fingerprint of one: equal ones were written alike. Pure."""

import hashlib
from typing import Any

import msgspec

from engine.cooperative.slices import Steps, paced
from proto.codec import encode


def fingerprint(definition: msgspec.Struct) -> Steps[str]:
    """Return the SHA-256 of all fields of a struct, as hexadecimal digits; long lists are read item by item.

    The order of keys within an object counts, for programs see it; the order of the struct's own fields does not.
    A field that is unset counts as none, so that a new one changes no fingerprint of what was written before.
    """
    found = hashlib.sha256()
    for name in definition.__struct_fields__:
        value = getattr(definition, name)
        if value is msgspec.UNSET:
            continue
        items = value if isinstance(value, tuple) else (value,)
        found.update(f"{name} {len(items)}\n".encode())
        for item, is_due in paced(items):
            found.update(encode(item))
            found.update(b"\n")
            if is_due:
                yield
        yield
    return found.hexdigest()


def document_of(definition: msgspec.Struct) -> Steps[dict[str, Any]]:
    """Return a struct as a decoded JSON document, by the names on the wire; long lists are read item by item."""
    document: dict[str, Any] = {}
    for field in msgspec.structs.fields(definition):
        value = getattr(definition, field.name)
        if value is msgspec.UNSET:
            continue
        if not isinstance(value, tuple):
            document[field.encode_name] = msgspec.to_builtins(value)
            yield
            continue
        items = document[field.encode_name] = []
        for item, is_due in paced(value):
            items.append(msgspec.to_builtins(item))
            if is_due:
                yield
    return document
