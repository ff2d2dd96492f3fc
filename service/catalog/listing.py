"""Lists of resources: in both shapes that catalogs give, in pages or at once, and never for ever.

The platform's catalog takes ``limit`` and ``offset`` and ignores them; others keep to them. So a page is a last
one when it is not exactly as long as was asked for, and reading also ends when a page brings nothing new. Lists
are long and change rarely: the catalog is asked whether the one that is known still holds (``If-None-Match``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import trio

from proto.codec import MalformedJsonError, decode, decode_raw_values
from service.catalog.client import NOT_MODIFIED, Answer, CatalogClient
from service.catalog.errors import CatalogRefusedError, UnusableAnswerError
from service.catalog.resource import Resource, read_resource

PAGE = 100
"""Resources asked for at once: what the platform's own clients ask for, so that none gives less."""

MAX_PAGES = 200
"""Pages of one list. Twenty thousand resources of one type are somebody's mistake."""

VALUES = 200_000
"""Of one resource, about: a graph has far fewer, and decoding more of them would keep everybody waiting."""

HEAD_BYTES = 64 * 1024
"""Of a part of such a resource that is decoded all the same: who it is, and whose."""

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
    """All resources of a type, or ``known`` where that still holds.

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
        items = _items(answer.body, client)
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


async def _page(client: CatalogClient, wanted: Mapping[str, str], page: int, etag: str = "") -> Answer:
    params = {**wanted, "limit": str(PAGE), "offset": str(page * PAGE)}
    try:
        return await client.get("/api/resources", params, etag=etag)
    except UnusableAnswerError as error:
        raise client.unavailable(str(error)) from error
    except CatalogRefusedError as error:
        why = "it does not accept the service token" if error.status in _FORBIDDEN else "it has no such list"
        raise client.unavailable(f"{why} (status {error.status})") from error


def _items(body: bytes, client: CatalogClient) -> Sequence[msgspec.Raw]:
    try:
        if body.lstrip()[:1] == b"{":
            return decode_raw_values(body, _Wrapped).resources
        return decode_raw_values(body, list[msgspec.Raw])
    except MalformedJsonError as error:
        raise client.unavailable("its answer is no JSON") from error
    except msgspec.ValidationError as error:
        raise client.unavailable("its answer makes no sense: a list of resources was asked for") from error


async def _take(items: Sequence[msgspec.Raw], found: dict[str, Resource], kind: str, status: str) -> int:
    """Add the resources among ``items`` to those that were found; how many were none."""
    unreadable = 0
    for index, item in enumerate(items):
        if index % _DECODED_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
        resource = read_resource(_decoded(item))
        if resource is None:
            unreadable += 1
        elif resource.type in {kind, ""} and (not status or resource.status in {status, ""}):
            found[resource.id] = resource  # a catalog that knows no filters gives others, too
    return unreadable


def _decoded(item: msgspec.Raw) -> Any:
    """A resource; one that is all values keeps its head only, and so is one that nobody can use."""
    text = bytes(item)
    try:
        if len(text) > HEAD_BYTES and sum(map(text.count, (b",", b"[", b"{"))) > VALUES:
            parts = decode_raw_values(text, dict[str, msgspec.Raw])
            return {name: decode(bytes(part)) for name, part in parts.items() if len(part) <= HEAD_BYTES}
        return decode(text)
    except (MalformedJsonError, msgspec.ValidationError):
        return None
