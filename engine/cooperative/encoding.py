"""Long lists and structs encoded to JSON in slices, so that others have their turn meanwhile."""

from collections.abc import Iterable, Mapping

import msgspec

from engine.cooperative.slices import Steps, in_slices
from proto.codec import encode

PAGE_BYTES = 4 * 1024 * 1024
"""Bytes of the entries of one page. Whoever wants to see more asks for the next one."""

_LONG = 50
"""Items of a list that are encoded between two looks at other tasks; a list of fewer is encoded as it is."""


async def encoded_page(
    key: str, entries: Iterable[object], counts: Mapping[str, object], *, count_as: str | None = None
) -> bytes:
    """Encode a page of a list: as many of the entries as fit into ``PAGE_BYTES``, but one in any case.

    Args:
        key: the name of the list in the reply.
        entries: of the page, made when they are taken.
        counts: what else is said.
        count_as: the name of the number of the entries on this page, where it is said.
    """
    return await in_slices(_page(key, entries, counts, count_as))


async def encoded_in_slices(body: msgspec.Struct) -> bytes:
    """Encode a struct, its long lists in slices."""
    return await in_slices(_encoded(body))


def _page(key: str, entries: Iterable[object], counts: Mapping[str, object], count_as: str | None) -> Steps[bytes]:
    texts: list[bytes] = []
    size_bytes = 0
    for entry in entries:
        text = encode(entry)
        size_bytes += len(text)
        if texts and size_bytes > PAGE_BYTES:
            break
        texts.append(text)
        yield
    numbers = {**counts, **({count_as: len(texts)} if count_as else {})}
    return encode({**numbers, key: msgspec.Raw(b"[" + b",".join(texts) + b"]")})


def _encoded(body: msgspec.Struct) -> Steps[bytes]:
    fields: dict[str, object] = {}
    for field in msgspec.structs.fields(body):
        value = getattr(body, field.name)
        is_left_out = value is msgspec.UNSET or (
            type(body).__struct_config__.omit_defaults and value == field.default
        )
        if not is_left_out:
            fields[field.encode_name] = value
            if isinstance(value, tuple | list) and len(value) > _LONG:
                fields[field.encode_name] = yield from _list(value)
    yield
    return encode(fields)


def _list(items: tuple[object, ...] | list[object]) -> Steps[msgspec.Raw]:
    """Encode a list: its text is that of its parts without their brackets."""
    parts = []
    for start in range(0, len(items), _LONG):
        parts.append(encode(items[start : start + _LONG])[1:-1])
        yield
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")
