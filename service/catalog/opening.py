"""The catalog as the settings ask for it, put together."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import structlog
import trio

from engine.runtime import Runtime
from service.catalog.client import open_catalog_client
from service.catalog.component_source import CatalogComponents
from service.catalog.graph_source import CatalogGraphs
from service.catalog.hydration import Hydration
from service.catalog.manifests import wanted_component
from service.catalog.publication import Publication
from service.catalog.publisher import Publisher
from service.catalog.reconciliation import Reconciler
from service.settings.catalog import CatalogSettings
from service.siblings.status import Siblings

log = structlog.get_logger("catalog")


@asynccontextmanager
async def open_catalog(
    runtime: Runtime,
    settings: CatalogSettings,
    siblings: Siblings,
    *,
    chance: Callable[[], float] = random.random,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[None]:
    """Let components and graphs come from the catalog for the length of the block; do nothing without one.

    At the end of the block nothing is unloaded and nothing is stopped: that is for whoever ends the runtime.

    Args:
        runtime: where they come to.
        settings: where the catalog lies, and what is done with it.
        siblings: the board on which it is to be seen.
        chance: a number from 0 up to 1 at each call.
        transport: goes to the catalog in another way than over the network.
    """
    if not settings.url:
        yield
        return
    status = siblings.add("catalog", is_required=settings.fail_fast)
    async with (
        open_catalog_client(
            settings.url,
            settings.internal_service_token,
            settings.timeout_ms / 1000,
            status,
            chance,
            transport,
        ) as client,
        trio.open_nursery() as nursery,
    ):
        shelf = CatalogComponents(client, settings.manifest_enforcement)
        manifests = Publication(client, shelf.learn)
        shelf.is_coming = manifests.is_coming
        if settings.register_manifests:
            version = settings.contract_version
            offered = [item for item in runtime.library.components() if item.execution.type == "builtin"]
            manifests.want(wanted_component(definition, version) for definition in offered)
        graphs = CatalogGraphs(client)
        hydration = None
        if settings.hydrate_graphs:
            hydration = Hydration(runtime, nursery, chance, is_automatic=settings.auto_execute)
        entrances = Publication(client) if settings.register_ingress else None
        publisher = Publisher(client, manifests, entrances)
        reconciler = Reconciler(
            client,
            shelf,
            manifests,
            graphs,
            hydration,
            entrances,
            publisher,
            status,
            settings.reconcile_interval_ms / 1000,
            chance,
        )
        runtime.library.find_components_in(shelf)
        runtime.library.find_graphs_in(graphs)
        publisher.tell = reconciler.tell
        status.delay = reconciler.delay
        nursery.start_soon(reconciler.run)
        nursery.start_soon(publisher.run)
        try:
            yield
        finally:
            runtime.library.find_components_in(None)
            runtime.library.find_graphs_in(None)
            nursery.cancel_scope.cancel()
