"""The checks of the siblings, each asked as the service itself asks it: with its client and its credentials."""

import random
from collections.abc import Awaitable, Callable

import msgspec
import trio

from service.auth.identity_client import open_identity
from service.catalog.client import open_catalog_client
from service.catalog.errors import CatalogUnavailableError
from service.catalog.listing import Listing, read_listing
from service.cli.findings import Finding
from service.network.session import NetworkError, NetworkSession, hold_session
from service.problems import IdentityUnavailableError
from service.settings.catalog import CatalogSettings
from service.settings.table import Settings
from service.siblings.status import Siblings
from service.telemetry.opening import open_logging_client
from service.telemetry.refusal import LoggingError

UNKNOWN_TOKEN = "symbia-runtime-doctor"  # noqa: S105  it is nobody's, and that is what Identity is to say
"""The token that Identity is asked about."""


class Sibling(msgspec.Struct, frozen=True):
    """One sibling.

    Attributes:
        name: as everywhere.
        variable: the setting that says where it lies.
        loss: what there is not without it.
        url: where it lies; "" where the settings do not say.
        check: asks it; what it answers well, in words.
    """

    name: str
    variable: str
    loss: str
    url: str
    check: Callable[[Settings], Awaitable[str]]


class SiblingError(Exception):
    """A sibling does not do what it is there for; the message says what, for people."""


async def examine_siblings(settings: Settings) -> list[Finding]:
    """Ask all siblings, beside each other; one finding for each."""
    identity = settings.identity.service_url
    telemetry = settings.telemetry.url if settings.telemetry.is_active else ""
    network = settings.network.url if settings.network.is_active else ""
    siblings = (
        Sibling("identity", "IDENTITY_SERVICE_URL", "no caller is recognised by it", identity, _ask_identity),
        Sibling("catalog", "CATALOG_SERVICE_URL", "no graph comes from it", settings.catalog.url, _ask_catalog),
        Sibling("logging", "LOGGING_SERVICE_URL", "no telemetry is sent", telemetry, _ask_logging),
        Sibling("network", "NETWORK_SERVICE_URL", "no event enters or leaves graphs", network, _ask_network),
    )
    found: dict[str, Finding] = {}

    async def examine(sibling: Sibling) -> None:
        found[sibling.name] = await _finding(settings, sibling)

    async with trio.open_nursery() as nursery:
        for sibling in siblings:
            nursery.start_soon(examine, sibling)
    return [found[sibling.name] for sibling in siblings]


async def _finding(settings: Settings, sibling: Sibling) -> Finding:
    if not sibling.url:
        return Finding("absent", sibling.name, f"{sibling.variable} is not set, or it is off: {sibling.loss}")
    try:
        return Finding("ok", sibling.name, await sibling.check(settings))
    except SiblingError as error:
        return Finding("wrong", sibling.name, f"{sibling.url}: {error}")


async def _ask_identity(settings: Settings) -> str:
    url, seconds = settings.identity.service_url, settings.identity.timeout_ms / 1000
    try:
        async with open_identity(url, seconds) as identity:
            await identity.introspect(UNKNOWN_TOKEN)
    except IdentityUnavailableError as error:
        raise SiblingError("it does not answer, or not as Identity does") from error
    return "says whose tokens are"


async def _ask_catalog(settings: Settings) -> str:
    try:
        components = await published(settings.catalog, "component")
        graphs = await published(settings.catalog, "graph")
    except CatalogUnavailableError as error:
        raise SiblingError(str(error)) from error
    return f"takes the service token; {len(components.resources)} components and {len(graphs.resources)} graphs"


async def published(settings: CatalogSettings, kind: str) -> Listing:
    """Return what the catalog publishes of a kind.

    Raises:
        CatalogUnavailableError: it cannot be read.
    """
    status = Siblings().add("catalog")
    token, seconds = settings.internal_service_token, settings.timeout_ms / 1000
    async with open_catalog_client(settings.url, token, seconds, status, random.random) as client:
        return await read_listing(client, kind, "published")


async def _ask_logging(settings: Settings) -> str:
    try:
        async with open_logging_client(settings) as logging:
            await logging.get("metrics")
    except LoggingError as error:
        raise SiblingError(str(error)) from error
    return "takes the credentials of this service"


async def _ask_network(settings: Settings) -> str:
    try:
        await hold_session(settings.network.url, lambda _name, _arguments: None, _leave)
    except NetworkError as error:
        raise SiblingError(str(error)) from error
    return "lets nodes connect"


async def _leave(session: NetworkSession) -> None:
    """Do nothing: being let in is all that is asked."""
    del session
