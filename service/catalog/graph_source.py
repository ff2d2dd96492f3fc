"""The graphs of the catalog, for graphs of this runtime that use them by name.

The list is read by whoever reconciles, and again when a graph is loaded: if it is older than ``FRESH_SECONDS``, or
if it lacks what the graph names and is older than ``MISSED_SECONDS``. While the catalog does not answer, what was
read last counts. Several who want to read wait for one of them.
"""

import math

import trio

from engine.compile.fields import without_unknown
from engine.compile.parts import FoundGraphs
from engine.cooperative.slices import in_slices
from service.catalog.client import CatalogClient
from service.catalog.component_source import FRESH_SECONDS, MISSED_SECONDS
from service.catalog.errors import CatalogUnavailableError
from service.catalog.graphs import published_graph
from service.catalog.listing import Listing, read_listing
from service.catalog.resource import is_visible


class CatalogGraphs:
    """The engine's source of graphs.

    Args:
        client: goes to the catalog.
    """

    def __init__(self, client: CatalogClient) -> None:
        self._client = client
        self._listing: Listing | None = None
        self._read_at = -math.inf
        self._reading = trio.Lock()

    async def refresh(self) -> Listing:
        """Read the list, or find that it still holds; return it.

        Raises:
            CatalogUnavailableError: nobody can say; what is known stays.
        """
        asked_at = trio.current_time()
        async with self._reading:
            if self._listing is None or self._read_at < asked_at:
                self._listing = await read_listing(self._client, "graph", "published", self._listing)
                self._read_at = trio.current_time()
            return self._listing

    async def graphs_named(self, name: str, owner: str) -> FoundGraphs:
        """Return the published graphs of a name that an owner may see."""
        trouble = ""
        age = trio.current_time() - self._read_at
        if age > (FRESH_SECONDS if self._documents(name, owner) else MISSED_SECONDS):
            try:
                await self.refresh()
                self._client.settled()
            except CatalogUnavailableError as error:
                trouble = f"the catalog does not answer: {error}"
        kept = [(await in_slices(without_unknown(document)))[0] for document in self._documents(name, owner)]
        return FoundGraphs(kept, trouble)

    def _documents(self, name: str, owner: str) -> list[object]:
        resources = () if self._listing is None else self._listing.resources.values()
        graphs = [published_graph(resource) for resource in resources if is_visible(resource, owner)]
        return [graph.definition for graph in graphs if graph.definition.get("name") == name]
