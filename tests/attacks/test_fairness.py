"""Can one organisation take everything, so that nothing is left for another?"""

from service.settings import Settings
from tests.service.identified import MANUAL, PASS, open_world
from tests.service.serving import open_service


async def test_one_organisation_cannot_take_all_executions() -> None:
    """Half of the executions are one organisation's by default; another can still start its own."""
    async with open_world(max_concurrent_executions=6) as world:
        graph_id = await world.alice.load(PASS)
        replies = [
            await world.alice.call("POST", f"/api/graphs/{graph_id}/execute", json=MANUAL) for _ in range(6)
        ]
        assert [reply.status_code for reply in replies] == [201] * 3 + [409] * 3
        assert replies[-1].json()["code"] == "quota.exceeded"
        assert "3 executions under way here, and 3 are allowed" in replies[-1].json()["error"]
        await world.bob.start()


async def test_the_only_owner_gets_everything() -> None:
    """Where nobody is asked who he is, all executions are for whoever calls."""
    async with open_service(Settings(port=0, max_concurrent_executions=6)) as service:
        for _ in range(6):
            await service.start(PASS, **MANUAL)
