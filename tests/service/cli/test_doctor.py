"""``symbia-runtime doctor``: beside a whole platform on real ports, and beside what is left of one."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import httpx
import msgspec
import pytest
import trio

from service.cli.doctor import address_of
from service.cli.findings import Finding, Grade, status_of
from service.settings.table import read_settings
from tests.fakes.catalog import FakeCatalog, serving_catalog
from tests.fakes.identity import serving_identity
from tests.fakes.logging_service import serving_logging
from tests.fakes.network import serving_network
from tests.fakes.small_http import Answer, serving
from tests.service.catalog.test_service import until
from tests.service.serving import run_command, start_process

SECRET = "system-secret"


class Stack(msgspec.Struct, frozen=True):
    """A platform: its environment, and its catalog."""

    environment: dict[str, str]
    catalog: FakeCatalog


@asynccontextmanager
async def stack() -> AsyncIterator[Stack]:
    async with (
        serving_catalog() as catalog,
        serving_identity() as identity,
        serving_network() as network,
        serving_logging() as logging,
    ):
        identity.documents["/api/bootstrap/internal"] = {"secret": SECRET, "orgId": "org-system"}
        logging.secret = SECRET
        catalog.window.limit = 1000
        environment = {
            "IDENTITY_SERVICE_URL": identity.url,
            "CATALOG_SERVICE_URL": catalog.url,
            "NETWORK_SERVICE_URL": network.url,
            "LOGGING_SERVICE_URL": logging.url,
        }
        yield Stack(environment, catalog)


async def doctor(environment: Mapping[str, str], *arguments: str) -> tuple[int, list[str], str]:
    """Status, lines and complaints."""
    command = partial(run_command, "doctor", *arguments, environment=environment)
    done = await trio.to_thread.run_sync(command)
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()


async def ready(url: str) -> None:
    """Return when the first round with the catalog is over, and logs were sent for the first time."""
    async with httpx.AsyncClient(base_url=url) as client:
        while "Not asked" in (reply := await client.get("/health/ready")).text or reply.status_code != 200:
            await trio.lowlevel.checkpoint()


async def test_a_whole_stack_is_well() -> None:
    """With every sibling there and the manifests published, each line is ok and the status 0."""
    async with stack() as platform:
        with await trio.to_thread.run_sync(start_process, platform.environment) as process:
            await until(lambda: len(platform.catalog.resources) >= 35)
            await ready(process.url)
            status, lines, _ = await doctor(platform.environment, "--url", process.url)
    assert {line.split()[0] for line in lines} == {"ok"}, lines
    assert [line.split()[1] for line in lines] == [
        *("identity:", "catalog:", "logging:", "network:", "runtime:", "runtime:", "manifests:", "graphs:")
    ]
    assert status == 0


async def test_what_does_not_work_is_named() -> None:
    """A logging service that refuses, a Network that is none, no manifests, and a graph that is refused."""
    async with stack() as platform:
        platform.catalog.add_graph("graphs/broken", {"symbia": "1.0", "name": "broken", "nodes": [], "edges": []})
        environment = {**platform.environment, "RUNTIME_REGISTER_MANIFESTS": "false"}
        with await trio.to_thread.run_sync(start_process, environment) as process:
            await ready(process.url)
            asking = {**environment, "NETWORK_SERVICE_URL": process.url, "TELEMETRY_BEARER": "wrong"}
            status, lines, _ = await doctor(asking, "--url", process.url)
    wrong = {line.split()[1]: line for line in lines if line.startswith("wrong")}
    assert status == 1
    assert list(wrong) == ["logging:", "network:", "manifests:", "graphs:"]
    assert "status 401" in wrong["logging:"]
    assert re.search(
        r"(\d+) of \1 components have none in the catalog: symbia.core.passthrough, ", wrong["manifests:"]
    )
    assert "1 of the catalog are refused" in wrong["graphs:"]


async def test_nothing_there_is_wrong() -> None:
    """Where nothing answers, every sibling and the service itself are said to be wrong, with their addresses."""
    environment = {
        **dict.fromkeys(("IDENTITY_SERVICE_URL", "CATALOG_SERVICE_URL"), "http://127.0.0.1:9"),
        **dict.fromkeys(("NETWORK_SERVICE_URL", "LOGGING_SERVICE_URL"), "http://127.0.0.1:9"),
    }
    status, lines, _ = await doctor(environment, "--url", "http://127.0.0.1:9")
    assert (status, {line.split()[0] for line in lines}) == (1, {"wrong"})
    assert all("http://127.0.0.1:9" in line for line in lines)


async def test_a_service_alone_lacks_a_platform() -> None:
    """A service without siblings is well; status 3 says that parts of the platform are not configured."""
    with await trio.to_thread.run_sync(start_process) as process:
        status, lines, _ = await doctor({}, "--url", process.url)
    absent = [line.split()[1] for line in lines if line.startswith("absent")]
    assert (status, absent) == (3, ["identity:", "catalog:", "logging:", "network:"])


async def test_another_service_in_the_seat_is_seen() -> None:
    """What answers at the address may be somebody else."""

    async def answer(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Answer:
        return 200, {"Content-Type": "application/json"}, b'{"service": "catalog"}' if "api" in path else b"{}"

    async with serving(answer) as url:
        status, lines, _ = await doctor({}, "--url", url)
    assert (status, f"wrong  runtime: {url}: what answers there is 'catalog'") == (1, lines[-1])


async def test_what_is_worth_knowing_is_noted() -> None:
    """Nobody is asked who they are, and a database is named that is not used; neither is wrong."""
    environment = {"AUTH": "none", "DATABASE_URL": "postgres://symbia:secret@localhost/runtime"}
    _, lines, _ = await doctor(environment, "--url", "http://127.0.0.1:9")
    assert [line.split()[:2] for line in lines[:2]] == [["note", "AUTH:"], ["note", "DATABASE_URL:"]]
    assert "secret" not in "".join(lines)


async def test_a_wrong_setting_is_status_2() -> None:
    """The complaint is that of ``serve``."""
    status, lines, complaint = await doctor({"PORT": "many"})
    assert (status, lines) == (2, [])
    assert complaint.startswith("Error: PORT='many' is not usable")


async def test_a_service_that_nobody_reaches_is_wrong() -> None:
    """Siblings on other machines, and HOST at its default: as in a container without ``HOST=0.0.0.0``."""
    environment = {"CATALOG_SERVICE_URL": "http://catalog.invalid:5003", "CATALOG_TIMEOUT_MS": "50"}
    _, lines, _ = await doctor(environment, "--url", "http://127.0.0.1:9")
    assert lines[0].startswith("wrong  HOST: is 127.0.0.1")


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:5006"),
        ({"HOST": "0.0.0.0", "AUTH": "none", "PORT": "7"}, "http://127.0.0.1:7"),
        ({"HOST": "::", "AUTH": "none"}, "http://[::1]:5006"),
        ({"HOST": "::1"}, "http://[::1]:5006"),
    ],
)
def test_the_service_is_looked_for_where_it_serves(environment: dict[str, str], url: str) -> None:
    """An address that means every one is reached by this machine's own."""
    assert address_of(read_settings(environment)) == url


@pytest.mark.parametrize(
    ("grades", "status"),
    [([], 0), (["ok", "note"], 0), (["ok", "absent"], 3), (["absent", "wrong", "ok"], 1)],
)
def test_the_worst_finding_decides(grades: list[Grade], status: int) -> None:
    """Wrong is worse than absent, and a note changes nothing."""
    assert status_of([Finding(grade, "x", "y") for grade in grades]) == status
