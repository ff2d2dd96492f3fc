"""The loop that keeps this runtime and the catalog of one mind: one round after the other, never two at once.

A round reads the components and the graphs, makes what is loaded what is published, and then looks what of this
runtime is to be published: graphs never wait for writes, which the publisher makes beside the rounds. A round that
finds the catalog unavailable ends there; what it has done stays, and the next one begins after the time of a
backoff. Serving does not wait for any of it.
"""

import time
from collections.abc import Callable

import structlog
import trio

from service.catalog.client import CatalogClient
from service.catalog.component_source import CatalogComponents
from service.catalog.errors import CatalogUnavailableError
from service.catalog.graph_source import CatalogGraphs
from service.catalog.graphs import published_graph, wanted_ingress
from service.catalog.hydration import Hydration
from service.catalog.listing import read_listing
from service.catalog.manifests import Wanted
from service.catalog.publication import Publication
from service.catalog.publisher import Publisher
from service.catalog.resource import COMPONENT_PREFIX
from service.observability.trace import bind_trace, trace_id_of
from service.siblings.status import SiblingStatus

SHORTEST_SECONDS = 0.05
"""The shortest time between two rounds, whatever the settings say."""

log = structlog.get_logger("catalog")


class Reconciler:
    """The rounds between the catalog and this service.

    Args:
        client: goes to the catalog.
        shelf: the components, read in each round.
        manifests: what is published of the components.
        graphs: what is published of them, read in each round that loads them.
        hydration: the graphs; None where they are not to be loaded.
        entrances: what is published of graphs with an ingress; None where nothing is.
        publisher: writes what is to be published.
        status: is told what there is.
        interval_seconds: from the end of a round to the next one; 0 for one good round.
        random: chance, for the trace ids.
    """

    def __init__(
        self,
        client: CatalogClient,
        shelf: CatalogComponents,
        manifests: Publication,
        graphs: CatalogGraphs,
        hydration: Hydration | None,
        entrances: Publication | None,
        publisher: Publisher,
        status: SiblingStatus,
        interval_seconds: float,
        random: Callable[[], float],
    ) -> None:
        self._client = client
        self._shelf = shelf
        self._manifests = manifests
        self._graphs = graphs
        self._hydration = hydration
        self._entrances = entrances
        self._publisher = publisher
        self._status = status
        self._interval_seconds = interval_seconds
        self._random = random
        self._has_tried = False
        self._known_entrances: set[tuple[str, str]] = set()

    def delay(self) -> str:
        """Return why the service is not ready yet: what was published before its start does not run yet."""
        if not self._has_tried:
            return "The catalog is being read"
        if self._hydration is not None and self._hydration.starting():
            return "Published graphs are being started"
        return ""

    async def run(self) -> None:
        """Round after round, until cancelled, or until one was good where only that is wanted."""
        while True:
            bind_trace(trace_id_of((), int(time.time() * 1000), f"{int(self._random() * 16**6):06x}"))
            if await self._tried():
                if not self._interval_seconds:
                    return
                await trio.sleep(max(self._interval_seconds, SHORTEST_SECONDS))
            else:
                await trio.sleep(max(self._client.quiet_seconds(), SHORTEST_SECONDS))

    async def _tried(self) -> bool:
        """Try one round, and return whether it came to its end."""
        try:
            await self._round()
        except CatalogUnavailableError:
            return False  # the client has told why
        except Exception:
            log.exception("unforeseen error")
            self._client.unavailable("something went wrong with its answer; the log of this service says what")
            return False
        finally:
            self._has_tried = True
            self.tell()
        self._client.settled()
        return True

    async def _round(self) -> None:
        await self._shelf.refresh()
        if self._hydration is not None:
            graphs = await self._graphs.refresh()
            published = [published_graph(resource) for resource in graphs.resources.values()]
            await self._hydration.reconcile(published, is_complete=not graphs.unreadable)
            if self._entrances is not None:
                await self._settle_entrances(self._entrances, self._hydration)
        self._manifests.settle(self._shelf.by_key())
        if self._publisher.waiting:
            held = self._hydration.held() if self._hydration is not None else ()
            used = {component_id for graph in held for component_id in graph.components()}
            self._publisher.wake(COMPONENT_PREFIX + component_id for component_id in used)

    async def _settle_entrances(self, entrances: Publication, hydration: Hydration) -> None:
        wanted: dict[tuple[str, str], Wanted] = {}
        of_org: set[tuple[str, str]] = set()
        for item in filter(None, map(wanted_ingress, hydration.loaded())):
            place = (item.key, item.body.get("orgId", ""))
            if place not in of_org:  # of several graphs of one name the first is delivered to
                of_org.add(place)
                wanted[item.identity] = item
        entrances.forget(self._known_entrances - set(wanted))
        entrances.want(wanted.values())
        self._known_entrances = set(wanted)
        if entrances.waiting:
            existing = await read_listing(self._client, "integration")
            entrances.settle({item.key: item for item in existing.resources.values()})

    def tell(self) -> None:
        """Tell those who watch the board what there is."""
        counts = {
            "manifestsPublished": self._manifests.published,
            "manifestsRefused": self._manifests.refused,
            "manifestsWaiting": self._manifests.waiting,
        }
        if self._hydration is not None:
            counts |= {
                "graphsLoaded": len(self._hydration.loaded()),
                "graphsRefused": self._hydration.refused(),
            }
        self._status.count(**counts)
