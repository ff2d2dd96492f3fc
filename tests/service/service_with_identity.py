"""A service that asks a fake Identity, with people of two organisations who can call it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from tests.fakes.identity import FakeIdentity, serving_identity
from tests.service.chosen import settings_with
from tests.service.serving import SQUARE, Service, open_service, single

PASS = single("symbia.core.passthrough")
MANUAL = {"completion": "manual"}


class Person(msgspec.Struct, frozen=True):
    """Somebody who calls a service with a token, or with nothing."""

    service: Service
    headers: dict[str, str]

    async def call(self, method: str, path: str, *, json: Any = None, **headers: str) -> httpx.Response:
        """One request; ``x_org_id="org-a"`` becomes a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**self.headers, **named}
        return await self.service.client.request(method, path, json=json, headers=sent)

    async def load(self, graph: Any = PASS) -> str:
        """Load a graph; its id."""
        reply = await self.call("POST", "/api/graphs", json=graph)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    async def start(self, graph: Any = PASS) -> tuple[str, str]:
        """Load and execute a graph; its id and the execution's."""
        graph_id = await self.load(graph)
        reply = await self.call("POST", f"/api/graphs/{graph_id}/execute", json=MANUAL)
        assert reply.status_code == 201, reply.text
        return graph_id, str(reply.json()["executionId"])

    async def register(self, component_id: str, emitted: str = "x") -> None:
        """Register a component that emits a text."""
        source = f"return {{ process: (ctx) => ctx.emit('out', '{emitted}') }}"
        execution = {"type": "javascript", "source": source}
        body = {**SQUARE, "id": component_id, "name": emitted, "execution": execution}
        reply = await self.call("POST", "/api/components", json=body)
        assert reply.status_code == 201, reply.text


class ServiceWithIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The service, its Identity, and who calls: one of each organisation, and an anonymous one."""

    service: Service
    identity: FakeIdentity
    alice: Person
    bob: Person
    anonymous: Person

    def person(self, token: str) -> Person:
        """Whoever calls with a token."""
        return Person(self.service, {"Authorization": f"Bearer {token}"})


@asynccontextmanager
async def open_service_with_identity(**settings: Any) -> AsyncIterator[ServiceWithIdentity]:
    """A service that asks a fake Identity; ``settings`` change the service's."""
    async with serving_identity() as identity:
        chosen = {"port": 0, "identity_service_url": identity.url, "identity_timeout_ms": 5_000, **settings}
        async with open_service(settings_with(**chosen)) as service:
            alice = identity.add_user("alice", "org-a")
            bob = identity.add_user("bob", "org-b")
            yield ServiceWithIdentity(
                service=service,
                identity=identity,
                alice=Person(service, {"Authorization": f"Bearer {alice}"}),
                bob=Person(service, {"Authorization": f"Bearer {bob}"}),
                anonymous=Person(service, {}),
            )
