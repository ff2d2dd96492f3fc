"""The things of this runtime that are published in the catalog: each once, and again only when it has changed.

Manifests are not asserted again and again, as the platform has it: an operator who deletes one takes that
component out of use, until the next start. What needs no write is settled at once; what needs one waits for its
turn (``publisher.py``), and what the catalog refuses is told and left.
"""

from collections.abc import Callable, Iterable, Mapping

import structlog

from service.catalog.client import CatalogClient, segment
from service.catalog.comparison import is_left, may_change, patch_of
from service.catalog.errors import CatalogRefusedError, ForeignResourceError
from service.catalog.manifests import Wanted
from service.catalog.resource import Resource, read_resource

Identity = tuple[str, str]

log = structlog.get_logger("catalog")


class Publication:
    """Resources of ours on their way into the catalog.

    Args:
        client: goes to the catalog.
        learn: is told of each resource that was created or changed.
    """

    def __init__(self, client: CatalogClient, learn: Callable[[Resource], None] = lambda _: None) -> None:
        self._client = client
        self._learn = learn
        self._told: dict[Identity, Wanted] = {}
        self._pending: dict[Identity, Wanted] = {}
        self._refused: dict[Identity, Wanted] = {}
        self._existing: Mapping[str, Resource] = {}

    @property
    def published(self) -> int:
        """The number of those that are there as they should be."""
        return len(self._told) - len(self._refused)

    @property
    def refused(self) -> int:
        """The number of those that the catalog did not want."""
        return len(self._refused)

    @property
    def waiting(self) -> int:
        """The number of those that are still to be tried."""
        return len(self._pending)

    def is_coming(self, key: str) -> bool:
        """Return whether a resource that only this runtime makes has not been tried yet."""
        return (key, "") in self._pending

    def want(self, wanted: Iterable[Wanted]) -> None:
        """Publish these from now on, but for those that were told before and are the same."""
        for item in wanted:
            if self._told.get(item.identity) != item:
                self._pending[item.identity] = item

    def forget(self, identities: Iterable[Identity]) -> None:
        """Publish these no more; what is in the catalog stays there."""
        for identity in identities:
            for known in (self._pending, self._told, self._refused):
                known.pop(identity, None)

    def settle(self, existing: Mapping[str, Resource]) -> None:
        """Compare what is to be published with what is there; what needs no write is done.

        Args:
            existing: what the catalog has, by key.
        """
        self._existing = existing
        for identity, wanted in list(self._pending.items()):
            resource = existing.get(wanted.key)
            if resource is None:
                continue
            if not may_change(resource, wanted):
                self._refuse(identity, wanted, ForeignResourceError())
            elif patch_of(resource, wanted) is None:
                if is_left(resource, wanted):
                    log.info("left as it is", key=wanted.key, reason="its author has signed it")
                self._done(identity, wanted)
        for identity, wanted in list(self._refused.items()):
            resource = existing.get(wanted.key)  # another copy of this runtime may have been faster
            if resource is not None and may_change(resource, wanted) and patch_of(resource, wanted) is None:
                del self._refused[identity]

    def next_identity(self, first: Iterable[str] = ()) -> Identity | None:
        """Return what is to be written next, with these keys first; None where nothing waits."""
        keys = frozenset(first)
        return next((identity for identity in self._pending if identity[0] in keys), None) or next(
            iter(self._pending), None
        )

    async def publish(self, identity: Identity) -> None:
        """Write one of those that wait.

        Raises:
            CatalogUnavailableError: it waits on.
        """
        wanted = self._pending[identity]
        try:
            await self._publish(self._existing.get(wanted.key), wanted)
        except CatalogRefusedError as error:
            self._refuse(identity, wanted, error)
        else:
            self._done(identity, wanted)

    def _done(self, identity: Identity, wanted: Wanted) -> None:
        self._told[identity] = wanted
        self._refused.pop(identity, None)
        if self._pending.get(identity) is wanted:  # it may want something else by now
            del self._pending[identity]

    def _refuse(self, identity: Identity, wanted: Wanted, error: CatalogRefusedError) -> None:
        log.warning("not published", key=wanted.key, reason=str(error))
        self._done(identity, wanted)
        self._refused[identity] = wanted

    async def _publish(self, known: Resource | None, wanted: Wanted) -> None:
        if known is None:
            answer = await self._client.write("POST", "/api/resources", wanted.body)
        else:
            resource = await self._as_it_is_now(known)
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

    async def _as_it_is_now(self, known: Resource) -> Resource:
        """Return a resource anew: somebody may have made it better since the list was read."""
        answer = (await self._client.get(f"/api/resources/{segment(known.id)}")).json()
        resource = read_resource(answer)
        if resource is None or resource.key != known.key:
            raise self._client.unavailable("its answer makes no sense: one resource was asked for")
        return resource
