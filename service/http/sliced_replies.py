"""Replies that may be long, encoded in slices: pages of lists, and structs that hold long lists."""

from collections.abc import Iterable, Mapping

import msgspec
from quart import Response

from engine.cooperative.encoding import encoded_in_slices, encoded_page
from service.http.bodies import json_response


async def page_reply(
    key: str, entries: Iterable[object], counts: Mapping[str, object], *, count_as: str | None = None
) -> Response:
    """Reply with one page of a list; the arguments are those of
    :func:`engine.cooperative.encoding.encoded_page`.
    """
    return json_response(await encoded_page(key, entries, counts, count_as=count_as))


async def sliced_reply(body: msgspec.Struct) -> Response:
    """Reply with a struct whose long lists are encoded in slices."""
    return json_response(await encoded_in_slices(body))
