"""The publication of this runtime's things to the catalog: each once, and again only when it has changed.

Manifests are not asserted again and again, as the platform has it: an operator who deletes one takes that
component out of use, until the next start. What fails is told and left; what could not be tried stays for
the next round.
"""

from collections.abc import Callable, Iterable, Mapping

import structlog

from service.catalog.client import CatalogClient, segment
from service.catalog.errors import CatalogRefusedError, ForeignResourceError
from service.catalog.manifests import Wanted, may_change, patch_of
from service.catalog.resource import Resource, read_resource

log = structlog.get_logger("catalog")


class Publication:
    """Resources of ours on their way into the catalog.

    Args:
        client: goes to the catalog.
        learn: is told of each resource that was created or changed.

    Attributes:
        published: how many are there as they should be.
        refused: how many the catalog did not want.
    """

    def __init__(self, client: CatalogClient, learn: Callable[[Resource], None] = lambda _: None) -> None:
        self._client = client
        self._learn = learn
        self._told: dict[tuple[str, str], Wanted] = {}
        self._pending: dict[tuple[str, str], Wanted] = {}
        self.published = 0
        self.refused = 0

    @property
    def is_pending(self) -> bool:
        """True while something has not been tried yet."""
        return bool(self._pending)

    def is_coming(self, key: str) -> bool:
        """Return whether a resource that only this runtime makes has not been tried yet."""
        return (key, "") in self._pending

    def want(self, wanted: Iterable[Wanted]) -> None:
        """Publish these in the next round, but for those that were told before and are the same."""
        for item in wanted:
            if self._told.get(item.identity) != item:
                self._pending[item.identity] = item

    def forget(self, identities: Iterable[tuple[str, str]]) -> None:
        """Publish these no more; what is in the catalog stays there."""
        for identity in identities:
            self._pending.pop(identity, None)
            self._told.pop(identity, None)

    async def publish(self, existing: Mapping[str, Resource]) -> None:
        """Try everything that is pending.

        Args:
            existing: what the catalog has, by key.

        Raises:
            CatalogUnavailableError: the rest stays pending.
        """
        for identity, wanted in list(self._pending.items()):
            try:
                await self._publish(existing.get(wanted.key), wanted)
                self.published += 1
            except CatalogRefusedError as error:
                self.refused += 1
                log.warning("not published", key=wanted.key, reason=str(error))
            self._pending.pop(identity, None)
            self._told[identity] = wanted

    async def _publish(self, resource: Resource | None, wanted: Wanted) -> None:
        if resource is None:
            answer = await self._client.write("POST", "/api/resources", wanted.body)
        else:
            if not may_change(resource, wanted):
                raise ForeignResourceError
            patch = patch_of(resource, wanted)
            if patch is None:
                return
            log.info("published again", key=wanted.key, changed=sorted(patch))
            answer = await self._client.write("PATCH", f"/api/resources/{segment(resource.id)}", patch)
        made = read_resource(answer)
        if made is not None:
            self._learn(made)
