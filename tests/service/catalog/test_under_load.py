"""A graph is published anew while it is delivered to, over real ports: nobody is refused, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import httpx
import trio

from tests.fakes.catalog import serving_catalog
from tests.service.catalog.test_reconciliation import running
from tests.service.catalog.test_service import beside, until
from tests.service.serving import Service

CLIENTS = 4
REVISIONS = 5
BETWEEN = 25
"""Deliveries that each revision has to answer before the next one is published."""

ORDERS: dict[str, Any] = {
    "symbia": "1.0",
    "name": "orders",
    "version": "0",
    "nodes": [
        {"id": "entry", "component": "symbia.io.passthrough"},
        {"id": "told", "component": "symbia.core.map", "config": {"expression": "({id: value.id, by: '0'})"}},
        {"id": "out", "component": "symbia.io.collect"},
    ],
    "edges": [
        {"source": {"node": "entry", "port": "out"}, "target": {"node": "told", "port": "in"}},
        {"source": {"node": "told", "port": "out"}, "target": {"node": "out", "port": "in"}},
    ],
    "metadata": {"role": "service", "ingress": {"node": "entry"}},
}


def revision(number: int) -> dict[str, Any]:
    """The graph as it is published for the n-th time; it says so of each order."""
    entry, told, out = ORDERS["nodes"]
    config = {"expression": f"({{id: value.id, by: '{number}'}})"}
    return {**ORDERS, "version": str(number), "nodes": [entry, {**told, "config": config}, out]}


class Deliveries:
    """Clients that deliver without a pause, and what each reply said of each order."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made = 0
        self.answers: dict[int, tuple[int, Any]] = {}
        self.is_over = False

    async def deliver(self) -> None:
        """Deliver one order after another, until it is over."""
        while not self.is_over:
            number = self._made = self._made + 1
            reply: httpx.Response = await self._service.client.post("/api/ingress/orders", json={"id": number})
            outputs = reply.json().get("outputs", {})
            self.answers[number] = (reply.status_code, outputs.get("out:out", {}).get("value") or reply.text)

    def is_answered(self) -> bool:
        """Whether each delivery has its reply."""
        return len(self.answers) == self._made

    def answered_by(self, number: int) -> int:
        """How many orders a revision has answered."""
        return sum(value is not None and value["by"] == str(number) for _, value in self.answers.values())

    def enough(self, number: int) -> Callable[[], bool]:
        """Whether a revision has answered its part."""
        return lambda: self.answered_by(number) >= BETWEEN


async def test_a_graph_that_is_published_anew_under_load_loses_no_delivery() -> None:
    """Each is accepted and answered once, by the old revision or by the new; none falls in between."""
    async with serving_catalog() as catalog:
        resource = catalog.add_graph("graphs/orders", ORDERS)
        async with beside(catalog) as service, trio.open_nursery() as nursery:
            await until(lambda: running(service.runtime))
            load = Deliveries(service)
            for _ in range(CLIENTS):
                nursery.start_soon(load.deliver)
            await until(load.enough(0))
            for number in range(1, REVISIONS + 1):
                catalog.change(resource, metadata={"definition": revision(number)})
                await until(load.enough(number))
            load.is_over = True
            await until(load.is_answered)
            await until(lambda: len(service.runtime.library.graphs()) == 1)
            await until(lambda: len(service.runtime.underway()) == 1)
            runs = service.runtime.executions()
    refused = {number: answer for number, answer in load.answers.items() if answer[0] != 200}
    assert refused == {}
    assert [value["id"] for _, value in load.answers.values()] == list(load.answers)
    assert [run.state.value for run in runs] == ["completed"] * REVISIONS + ["running"]
    assert sum(run.unprocessed for run in runs) == 0
    assert sum(run.metrics.messages_processed for run in runs) == 3 * len(load.answers)
