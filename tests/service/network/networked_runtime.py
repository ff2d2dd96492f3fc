"""A runtime with a relay to a fake Network, without the HTTP around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from service.network.opening import Network, open_network
from service.siblings.status import SiblingReport, Siblings
from tests.service.chosen import settings_with


class NetworkedRuntime(msgspec.Struct, frozen=True):
    """The runtime and its place on the Network."""

    runtime: Runtime
    network: Network
    siblings: Siblings

    @property
    def report(self) -> SiblingReport:
        """What is known of the Network."""
        return self.siblings.reports()[0]

    async def start(self, graph: dict[str, Any], owner: str = "") -> str:
        """Load and execute a graph; the execution's id."""
        loaded = await self.runtime.library.load_graph(graph, owner=owner)
        return (await self.runtime.execute(loaded.id, ExecuteOptions())).id


@asynccontextmanager
async def open_networked_runtime(url: str = "", **settings: Any) -> AsyncIterator[NetworkedRuntime]:
    """A runtime whose Network lies at ``url``; "" for none."""
    siblings = Siblings()
    chosen = settings_with(port=0, network_endpoint=url, **settings)
    async with (
        open_runtime() as runtime,
        open_network(runtime, chosen, siblings, "http://127.0.0.1:5006") as network,
    ):
        yield NetworkedRuntime(runtime, network, siblings)


def bound_graph(
    bindings: dict[str, Any], nodes: dict[str, str] | None = None, *edges: tuple[str, str]
) -> dict[str, Any]:
    """A graph with bindings; ``nodes`` are components by id, a passthrough called ``a`` when absent."""
    nodes = nodes or {"a": "symbia.core.passthrough"}
    return {
        "symbia": "1.0",
        "name": "Bound",
        "version": "1.0.0",
        "nodes": [{"id": node_id, "component": component} for node_id, component in nodes.items()],
        "edges": [
            {"source": {"node": source, "port": "out"}, "target": {"node": target, "port": "in"}}
            for source, target in edges
        ],
        "bindings": bindings,
    }
