"""Lists of resources: in both shapes that catalogs give, in pages or at once, and never for ever.

The platform's catalog takes ``limit`` and ``offset`` and ignores them; others keep to them. So a page is a last
one when it is not exactly as long as was asked for, and reading also ends when a page brings nothing new. Lists
are long and change rarely: the catalog is asked whether the one that is known still holds (``If-None-Match``).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import trio

from engine.cooperative.json_checks import decode_in_slices
from proto.codec import MalformedJsonError, decode, decode_raw_values
from service.catalog.client import NOT_MODIFIED, CatalogClient, CatalogResponse
from service.catalog.deep_json import members
from service.catalog.errors import CatalogRefusedError, UnusableAnswerError
from service.catalog.resource import Resource, read_resource

PAGE = 100
"""Resources asked for at once: what the platform's own clients ask for, so that none gives less."""

MAX_PAGES = 200
"""Pages of one list. Twenty thousand resources of one type are somebody's mistake."""

VALUES = 200_000
"""Values of one resource, about: a graph has far fewer, and decoding more of them would keep everybody waiting."""

HEAD_BYTES = 64 * 1024
"""Bytes of a part of such a resource that is decoded all the same: who it is, and whose."""

_DECODED_AT_ONCE = 20
"""Resources decoded until others get their turn."""

_FORBIDDEN = frozenset({401, 403})


class Listing(msgspec.Struct, frozen=True):
    """All resources of one type.

    Attributes:
        resources: by id, in the catalog's order.
        unreadable: how many entries were no resources.
        etag: of the answer, where it came in one.
    """

    resources: dict[str, Resource]
    unreadable: int = 0
    etag: str = ""


class _Wrapped(msgspec.Struct):
    resources: list[msgspec.Raw]


async def read_listing(
    client: CatalogClient, kind: str, status: str = "", known: Listing | None = None
) -> Listing:
    """Read all resources of a type; return ``known`` where that still holds.

    Args:
        client: goes to the catalog.
        kind: the type.
        status: only those in this status; empty for all.
        known: what was read before.

    Raises:
        CatalogUnavailableError: nobody can say, or what comes makes no sense.
    """
    wanted = {"type": kind, "status": status} if status else {"type": kind}
    answer = await _page(client, wanted, 0, known.etag if known is not None else "")
    if answer.status == NOT_MODIFIED:
        if known is None:
            raise client.unavailable("it says that nothing has changed, which was not asked")
        return known
    found: dict[str, Resource] = {}
    unreadable = 0
    page = 0
    while True:
        page += 1
        items = await _items(answer.body, client)
        before = len(found)
        unreadable += await _take(items, found, kind, status)
        if len(items) != PAGE or len(found) == before:
            break
        if page == MAX_PAGES:
            unreadable += 1  # there may be more, so what is missing is not known to be gone
            break
        answer = await _page(client, wanted, page)
    if unreadable and not found:
        raise client.unavailable("its answer makes no sense: none of its entries is a resource")
    return Listing(found, unreadable, answer.headers.get("etag", "") if page == 1 else "")


async def _page(client: CatalogClient, wanted: Mapping[str, str], page: int, etag: str = "") -> CatalogResponse:
    params = {**wanted, "limit": str(PAGE), "offset": str(page * PAGE)}
    try:
        return await client.get("/api/resources", params, etag=etag)
    except UnusableAnswerError as error:
        raise client.unavailable(str(error)) from error
    except CatalogRefusedError as error:
        why = "it does not accept the service token" if error.status in _FORBIDDEN else "it has no such list"
        raise client.unavailable(f"{why} (status {error.status})") from error


async def _items(body: bytes, client: CatalogClient) -> Sequence[bytes]:
    try:
        if body.lstrip()[:1] == b"{":
            return decode_raw_values(body, _Wrapped).resources
        return decode_raw_values(body, list[msgspec.Raw])
    except MalformedJsonError as error:
        if isinstance(error.__cause__, RecursionError):  # of what somebody put there, and not of all the others
            return await _taken_apart(body)
        raise client.unavailable("its answer is no JSON") from error
    except msgspec.ValidationError as error:
        raise client.unavailable("its answer makes no sense: a list of resources was asked for") from error


async def _taken_apart(body: bytes) -> list[bytes]:
    """Return the entries of a list that has too deep ones among them."""
    parts = await _members(body)
    if body.lstrip()[:1] == b"[":
        return parts
    listed = (part.partition(b":") for part in parts)
    return await _members(next((value for name, _, value in listed if name.strip() == b'"resources"'), b""))


async def _members(text: bytes) -> list[bytes]:
    found = []
    for part in members(text):
        if part is None:
            await trio.lowlevel.checkpoint()
        elif part.strip():
            found.append(part)
    return found


async def _take(items: Sequence[bytes], found: dict[str, Resource], kind: str, status: str) -> int:
    """Add the resources among ``items`` to those that were found; how many were none."""
    unreadable = 0
    for index, item in enumerate(items):
        if index % _DECODED_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
        resource = read_resource(await _decoded(item))
        if resource is None:
            unreadable += 1
        elif resource.type in {kind, ""} and (not status or resource.status in {status, ""}):
            found[resource.id] = resource  # a catalog that knows no filters gives others, too
    return unreadable


async def _decoded(item: bytes) -> Any:
    """Return a resource; of one too deep, or all values, only its head: so it is known and of no use."""
    text = bytes(item)
    with suppress(MalformedJsonError):
        return await decode_in_slices(text, VALUES)
    head: dict[str, Any] = {}
    for part in await _members(text):
        if len(part) <= HEAD_BYTES:
            with suppress(MalformedJsonError):
                head |= _as_object(decode(b"{" + part + b"}"))
    return head


def _as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
