"""The relay against the reference implementation of Socket.IO in Python, unmodified."""

from typing import Any

import trio

from tests.fakes.network_process import NetworkProcess, network_process
from tests.service.network.networked_runtime import bound_graph, open_networked_runtime


async def _until(network: NetworkProcess, key: str) -> Any:
    """What the Network knows under a key, as soon as it knows anything."""
    while not (found := network.ask({})[key]):
        await trio.lowlevel.checkpoint()
    return found


async def test_the_reference_server_takes_us_for_a_client() -> None:
    """Registered with an acknowledgement, an event in, an event out, and a proper leave."""
    with network_process() as network:
        async with open_networked_runtime(network.url) as world:
            assert set(await _until(network, "nodes")) == {"runtime"}
            execution = await world.start(
                bound_graph({"a": {"in": {"network": "orders.*"}, "out": {"network": "priced", "target": "shop"}}})
            )
            payload = {"type": "orders.new", "data": {"price": 1.5, "name": "Zürich ✓", "deep": [[None, True]]}}
            network.ask({"send": {"payload": payload, "source": "shop", "runId": "r", "target": "runtime"}})
            (event,) = await _until(network, "heard")
            assert event == {
                "payload": {"type": "priced", "data": payload["data"]},
                "source": "runtime",
                "runId": execution,
                "boundary": "intra",
                "target": "shop",
                "causedBy": "event-0",
            }
        assert network.ask({})["nodes"] == {}
