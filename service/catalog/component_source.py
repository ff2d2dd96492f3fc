"""The components of the catalog as this runtime knows them: what a graph may use, and where its code comes from.

All of them are read at once, because the catalog gives lists, counts requests, and answers whole lists anyway. The
list is read again by whoever reconciles, and when a graph is loaded: if it is older than ``FRESH_SECONDS``, or if
it lacks something and is older than ``MISSED_SECONDS``, so that what was published a moment ago is found, and a
stream of graphs that name nothing real costs one request in that time. While the catalog does not answer, what
was read last counts. Several who want to read wait for one of them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import structlog
import trio

from engine.components.lookup import LookupResult, Offer
from engine.cooperative.digests import sha256_of
from proto.codec import encode
from proto.problem import Problem
from service.catalog.client import CatalogClient
from service.catalog.code_cache import CodeCache, CodeError
from service.catalog.component_routes import PlainComponents
from service.catalog.definitions import document_of
from service.catalog.errors import CatalogUnavailableError
from service.catalog.listing import Listing, read_listing
from service.catalog.manifest_policy import judge, obstacles_of, problems_of
from service.catalog.resource import COMPONENT_PREFIX, Resource, component_id_of, is_visible, may_stand_for
from service.settings.catalog import Enforcement

FRESH_SECONDS = 60.0
"""The time that a list counts without being asked for again; whoever reconciles reads it more often."""

MISSED_SECONDS = 5.0
"""The time that a list counts that lacks what a graph names."""

LOOK_UP_SECONDS = 20.0
"""The time that a graph may wait for all its components; somebody waits for the graph."""

_USABLE = frozenset({"published", "deprecated"})

log = structlog.get_logger("catalog")


class CatalogComponents:
    """The engine's source of components.

    Args:
        client: goes to the catalog.
        enforcement: what the gate does with components that have no manifest.

    Attributes:
        is_coming: whether the manifest with a key is on its way from here into the catalog, which counts as there.
    """

    def __init__(self, client: CatalogClient, enforcement: Enforcement) -> None:
        self._client = client
        self._enforcement = enforcement
        self._code = CodeCache(client)
        self._plain = PlainComponents(client)
        self._listing: Listing | None = None
        self._read_at = -math.inf
        self._reading = trio.Lock()
        self._by_component: dict[str, list[Resource]] = {}
        self._revisions: dict[str, tuple[Resource, Any, str]] = {}
        self._noted: set[str] = set()
        self.is_coming: Callable[[str], bool] = lambda _: False

    # Reading

    async def refresh(self) -> None:
        """Read the list, or find that it still holds.

        Raises:
            CatalogUnavailableError: nobody can say; what is known stays.
        """
        asked_at = trio.current_time()
        async with self._reading:
            if self._read_at >= asked_at:
                return  # somebody else read it while we waited
            listing = await read_listing(self._client, "component", known=self._listing)
            if listing is not self._listing:
                self._listing = listing
                self._arrange()
            self._read_at = trio.current_time()

    def by_key(self) -> dict[str, Resource]:
        """Return all components that were read, by key."""
        return {} if self._listing is None else {item.key: item for item in self._listing.resources.values()}

    def learn(self, resource: Resource) -> None:
        """Take note of a resource that was created or changed just now."""
        if self._listing is not None:
            self._listing.resources[resource.id] = resource
            self._listing = Listing(self._listing.resources, self._listing.unreadable)  # the catalog's is another
            self._arrange()

    def _arrange(self) -> None:
        self._by_component = {}
        self._revisions.clear()
        self._noted.clear()
        for resource in self._listing.resources.values() if self._listing is not None else ():
            component_id = component_id_of(resource)
            if component_id and resource.status in _USABLE:
                self._by_component.setdefault(component_id, []).append(resource)

    # Looking up

    async def look_up(self, used: Sequence[str], missing: Sequence[str], owner: str) -> LookupResult:
        """Return what the catalog knows of a graph's components. Raise nothing that is wrong with the catalog."""
        wanted = missing if self._enforcement == "off" else used
        trouble = await self._renew(wanted, owner) if wanted else ""
        offers: dict[str, Offer] = {}
        obstacles: dict[str, Problem] = {}
        with trio.move_on_after(LOOK_UP_SECONDS):
            for component_id in missing:
                found = await self._find(component_id, owner, trouble)
                if isinstance(found, Offer):
                    offers[component_id] = found
                elif found is not None:
                    obstacles[component_id] = found
        for component_id in missing:
            if self._visible(component_id, owner) is not None and component_id not in offers:
                obstacles.setdefault(
                    component_id, _obstacle(component_id, "the catalog takes too long; try again")
                )
        verdict = judge(self._enforcement, used, self._manifests(used, owner))
        self._note(verdict.noted)
        return LookupResult(offers, {**obstacles_of(verdict), **obstacles}, problems_of(verdict))

    async def _renew(self, wanted: Sequence[str], owner: str) -> str:
        """Read the list where it is too old for these components; why it could not be, or nothing."""
        age = trio.current_time() - self._read_at
        lacks = any(self._visible(component_id, owner) is None for component_id in wanted)
        if age <= (MISSED_SECONDS if lacks else FRESH_SECONDS):
            return ""
        try:
            await self.refresh()
        except CatalogUnavailableError as error:
            return str(error)
        self._client.settled()
        return ""

    async def _find(self, component_id: str, owner: str, trouble: str) -> Offer | Problem | None:
        """Find an offer, or what is in its way; None where nobody knows of such a component."""
        resource = self._visible(component_id, owner)
        try:
            if resource is None:
                document = (
                    None
                    if trouble or self._is_hidden(component_id, owner)
                    else await self._plain.document(component_id, owner)
                )
            else:
                document = document_of(resource, await self._code.execution(resource))
        except CodeError as error:
            return _obstacle(component_id, str(error))
        except CatalogUnavailableError as error:
            trouble, document = str(error), None
        if document is not None:
            return Offer(document, await self._revision(component_id, resource, document))
        return _obstacle(component_id, f"the catalog does not answer: {trouble}") if trouble else None

    async def _revision(self, component_id: str, resource: Resource | None, document: dict[str, Any]) -> str:
        """Return the document's hash, found once for as long as its resource and its code are the same."""
        if resource is None:  # nobody says when that changes
            return await _hash(document)
        known, execution, revision = self._revisions.get(component_id, (None, None, ""))
        if known is not resource or execution != document["execution"]:  # its file may be another by now
            revision = await _hash(document)
            self._revisions[component_id] = (resource, document["execution"], revision)
        return revision

    def _is_hidden(self, component_id: str, owner: str) -> bool:
        """Return whether there is such a component, though it does not exist for this owner."""
        key = COMPONENT_PREFIX + component_id
        return any(may_stand_for(item, key, owner) for item in self._by_component.get(component_id, ()))

    def _visible(self, component_id: str, owner: str) -> Resource | None:
        key = COMPONENT_PREFIX + component_id
        found = [
            item
            for item in self._by_component.get(component_id, ())
            if is_visible(item, owner) and may_stand_for(item, key, owner)
        ]
        own = [item for item in found if owner and item.org_id == owner]  # one's own before everybody's
        return min(own or found, key=lambda item: item.key != key, default=None)

    def _manifests(self, used: Sequence[str], owner: str) -> set[str] | None:
        """Return the components whose manifest counts for an owner; None while nothing was read."""
        if self._listing is None:
            return None
        visible = {component_id: self._visible(component_id, owner) for component_id in used}
        return {
            component_id
            for component_id, resource in visible.items()
            if self.is_coming(COMPONENT_PREFIX + component_id)
            or (resource is not None and isinstance(resource.metadata.get("manifest"), dict))
        }

    def _note(self, noted: Sequence[str]) -> None:
        """Tell once of what is let through without a manifest."""
        new = [component_id for component_id in noted if component_id not in self._noted]
        if new and len(self._noted) < 10_000:
            self._noted.update(new)
            log.warning("no manifest", components=new[:20], manifests_read=self._listing is not None)


async def _hash(document: dict[str, Any]) -> str:
    execution = document.get("execution")
    module = execution.get("module") if isinstance(execution, dict) else None
    if not isinstance(execution, dict) or not isinstance(module, str):
        return await sha256_of(encode(document))
    beside = encode({**document, "execution": {**execution, "module": None}})
    return await sha256_of(module.encode() + b"\0" + beside)  # a module may have megabytes; all else is text


def _obstacle(component_id: str, reason: str) -> Problem:
    message = f"Component {component_id} cannot be had from the catalog: {reason}"
    return Problem("node.component_unavailable", "", message)
