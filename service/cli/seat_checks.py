"""The checks of the service itself: whether it answers, whether it is ready, and whether the catalog knows it."""

from typing import Any

import httpx

from engine.builtin.parts.connection_reason import kind_of
from proto.codec import MalformedJsonError, decode
from service.catalog.errors import CatalogUnavailableError
from service.catalog.resource import COMPONENT_PREFIX
from service.cli.findings import Finding
from service.cli.sibling_checks import published
from service.outbound.sibling_client import open_sibling_client
from service.settings.table import Settings

TIMEOUT_SECONDS = 5.0
"""The time for each answer of the service."""

NAMED = 5
"""Components that are named; of more, only their number is told."""


class SeatError(Exception):
    """The service does not answer, or not as a runtime does; the message says which, for people."""


async def examine_seat(settings: Settings, url: str) -> list[Finding]:
    """Look at the service at ``url``."""
    async with open_sibling_client(TIMEOUT_SECONDS, base_url=url) as client:
        try:
            described = await _get(client, "/api/bootstrap/service")
            ready = await _get(client, "/health/ready")
            listed = await _get(client, "/api/components")
            stats = await _get(client, "/api/stats")
        except SeatError as error:
            return [Finding("wrong", "runtime", f"{url}: {error}")]
    if described.get("service") != "runtime":
        return [Finding("wrong", "runtime", f"{url}: what answers there is {described.get('service')!r}")]
    findings = [Finding("ok", "runtime", f"version {described.get('version')} answers at {url}")]
    findings += _readiness(ready)
    if settings.catalog.url:
        findings += await _manifests(settings, listed)
    return findings + _graphs(stats)


async def _get(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """Return the object that a route answers, whatever its status.

    Raises:
        SeatError: there is none.
    """
    try:
        reply = await client.get(path)
        body = decode(reply.content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SeatError(f"nothing answers ({kind_of(error)})") from error
    except MalformedJsonError as error:
        raise SeatError(f"{path} is no JSON, so this is no runtime") from error
    if not isinstance(body, dict) or reply.status_code == httpx.codes.NOT_FOUND:
        raise SeatError(f"{path} is not there, so this is no runtime")
    return body


def _readiness(ready: dict[str, Any]) -> list[Finding]:
    checks = ready.get("checks") or {}
    findings = [
        Finding("wrong", "runtime", f"{name}: {check.get('message') or check.get('status')}")
        for name, check in checks.items()
        if check.get("status") != "ok"
    ]
    if ready.get("status") == "ok":
        findings.append(Finding("ok", "runtime", "is ready"))
    elif not findings:
        findings.append(Finding("wrong", "runtime", "is not ready"))
    return findings


async def _manifests(settings: Settings, listed: dict[str, Any]) -> list[Finding]:
    """Compare the components that run with the manifests that are published, by their ids."""
    try:
        listing = await published(settings.catalog, "component")
    except CatalogUnavailableError:
        return []  # said of the catalog already
    known = {resource.key.removeprefix(COMPONENT_PREFIX) for resource in listing.resources.values()}
    offered = [component["id"] for component in listed.get("components", [])]
    lacking = [component_id for component_id in offered if component_id not in known]
    if not lacking:
        return [Finding("ok", "manifests", f"all {len(offered)} components have one in the catalog")]
    names = ", ".join(lacking[:NAMED]) + (" and others" if len(lacking) > NAMED else "")
    words = (
        f"{len(lacking)} of {len(offered)} components have none in the catalog: {names}. A service writes its "
        "own within some minutes, where RUNTIME_REGISTER_MANIFESTS does not forbid it; registered ones it does not"
    )
    return [Finding("wrong", "manifests", words)]


def _graphs(stats: dict[str, Any]) -> list[Finding]:
    words = f"{stats.get('loadedGraphs')} loaded, {stats.get('activeExecutions')} executions"
    refused = sum(
        sibling.get("counts", {}).get("graphsRefused", 0)
        for sibling in stats.get("siblings") or []
        if sibling.get("name") == "catalog"
    )
    if refused:
        return [Finding("wrong", "graphs", f"{words}; {refused} of the catalog are refused, and the log says why")]
    return [Finding("ok", "graphs", words)]
