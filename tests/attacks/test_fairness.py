"""Can one organisation take everything, so that nothing is left for another?"""

from typing import Any

import trio

from tests.service.chosen import settings_with
from tests.service.service_with_identity import MANUAL, PASS, open_service_with_identity
from tests.service.serving import SQUARE, open_service
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

KEPT = "return { process: (ctx, port, value) => ctx.emit('out', value) }"


def beside(component: str, count: int) -> dict[str, Any]:
    """A graph of so many nodes without an edge."""
    nodes = [{"id": f"n{index}", "component": component} for index in range(count)]
    return {"symbia": "1.0", "name": "Beside", "version": "1.0.0", "nodes": nodes, "edges": []}


async def test_one_organisation_cannot_take_all_executions() -> None:
    """Half of the executions are one organisation's by default; another can still start its own."""
    async with open_service_with_identity(max_concurrent_executions=6) as world:
        graph_id = await world.alice.load(PASS)
        replies = [
            await world.alice.call("POST", f"/api/graphs/{graph_id}/execute", json=MANUAL) for _ in range(6)
        ]
        assert [reply.status_code for reply in replies] == [201] * 3 + [409] * 3
        assert replies[-1].json()["code"] == "quota.exceeded"
        assert "3 executions under way here, and 3 are allowed" in replies[-1].json()["error"]
        await world.bob.start()


async def test_the_only_owner_gets_everything() -> None:
    """Where callers are not asked who they are, all executions are for whoever calls."""
    async with open_service(settings_with(port=0, max_concurrent_executions=6)) as service:
        for _ in range(6):
            await service.start(PASS, **MANUAL)


async def test_one_organisation_cannot_take_all_instances() -> None:
    """An execution with an instance too many of its organisation fails and says so; another's runs."""
    async with open_service_with_identity(org_max_instances=3) as world:
        spun = {"id": "custom.kept", "execution": {"type": "javascript", "source": KEPT}}
        for person in (world.alice, world.bob):
            reply = await person.call("POST", "/api/components", json={**SQUARE, **spun})
            assert reply.status_code == 201, reply.text
        await world.alice.start(beside("custom.kept", 2))
        _, failed = await world.alice.start(beside("custom.kept", 2))
        shown = (await world.alice.call("GET", f"/api/executions/{failed}")).json()
        assert shown["state"] == "failed"
        assert "3 instances of this owner are alive, and 3 are allowed" in shown["error"]["message"]
        _, running = await world.bob.start(beside("custom.kept", 3))
        assert (await world.bob.call("GET", f"/api/executions/{running}")).json()["state"] == "running"


COMPUTES = "return { process(ctx, port, value) { for (let i = 0; i < value; i++); ctx.emit('out', value) } }"


async def test_one_owner_s_guests_do_not_take_the_turns_of_another_s() -> None:
    """Beside thirty computing guests of one owner, another's single one gets every second slice."""
    limits = GuestLimits(cpu_ms=30_000)
    async with open_host() as host, trio.open_nursery() as nursery:
        many = [host.sandbox(Program("handler", COMPUTES), limits=limits, owner="many") for _ in range(30)]
        single = host.sandbox(Program("handler", COMPUTES), limits=limits, owner="one")
        for sandbox in (*many, single):
            await sandbox.open()
        for sandbox in many:
            nursery.start_soon(sandbox.process, [(0, b"1e12")])
        await trio.sleep(0.05)
        before = sum(sandbox.statistics().slices for sandbox in many)
        own_before = single.statistics().slices
        await single.process([(0, b"3e6")])
        own = single.statistics().slices - own_before
        assert own >= 10
        assert sum(sandbox.statistics().slices for sandbox in many) - before < 3 * own
        nursery.cancel_scope.cancel()
