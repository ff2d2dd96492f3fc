"""Components by the specification's own words: ``GET /api/components/<id>`` gives a definition.

The platform's catalog has no such route; another one may. It is asked only for what no list has, and because
anybody can name components that do not exist, only so often.
"""

from collections import OrderedDict
from typing import Any

import trio

from proto.codec import MalformedJsonError
from service.catalog.client import CatalogClient, segment
from service.catalog.errors import CatalogRefusedError
from service.catalog.rate_limit import RateLimit
from service.catalog.resource import is_visible, read_resource

KEPT_SECONDS = 60.0
"""The time that an answer counts, a no as well as a definition."""

KEPT = 200
"""Answers that are kept; the oldest goes first."""

ASKED_IN_A_MINUTE = 10
"""Requests in a minute, of the 60 that all services of the platform have together."""


class PlainComponents:
    """Definitions that the catalog gives as they are."""

    def __init__(self, client: CatalogClient) -> None:
        self._client = client
        self._allowance = RateLimit(ASKED_IN_A_MINUTE, 60.0)
        self._kept: OrderedDict[str, tuple[float, dict[str, Any] | None]] = OrderedDict()

    async def document(self, component_id: str, owner: str) -> dict[str, Any] | None:
        """Return the definition of a component; None where the catalog has none, or was asked too often.

        Where it says whose it is, or who may read it, that holds.

        Raises:
            CatalogUnavailableError: nobody can say.
        """
        document = await self._known(component_id)
        if document is None or not (document.get("orgId") or document.get("accessPolicy")):
            return document
        resource = read_resource({**document, "key": component_id})
        return document if resource is not None and is_visible(resource, owner) else None

    async def _known(self, component_id: str) -> dict[str, Any] | None:
        kept_at, document = self._kept.get(component_id, (0.0, None))
        now = trio.current_time()
        if component_id in self._kept and now - kept_at < KEPT_SECONDS:
            return document
        if not self._allowance.take():
            return document
        document = await self._asked(component_id)
        self._kept[component_id] = (now, document)
        self._kept.move_to_end(component_id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return document

    async def _asked(self, component_id: str) -> dict[str, Any] | None:
        try:
            answer = (await self._client.get(f"/api/components/{segment(component_id)}")).json()
        except (CatalogRefusedError, MalformedJsonError):
            return None
        document = answer.get("component", answer) if isinstance(answer, dict) else None
        return document if isinstance(document, dict) and document.get("id") == component_id else None
