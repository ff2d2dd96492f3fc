"""The last guard: it shuts the ledger before the kernel ends the process, and opens it again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing
import trio

from engine.errors import ResidentMemoryError
from engine.memory.ledger import Ledger
from service.http.routes.health import liveness_of, readiness_of
from service.memory.guard import COMPLAINT_SECONDS, MemoryGuard
from service.memory.resident import available_bytes, resident_bytes
from service.readiness import Readiness
from tests.service.chosen import settings_with
from tests.service.serving import open_service, single


async def test_nothing_new_is_charged_while_too_much_is_resident() -> None:
    """What is under way goes on; it opens again only when there is clearly less."""
    resident = [0]
    ledger = Ledger(process_bytes=1000, owner_bytes=1000)
    guard = MemoryGuard(ledger, 500, lambda: resident[0])
    account = ledger.account("a")
    for now, is_shut in ((500, False), (501, True), (490, True), (474, False), (499, False), (600, True)):
        resident[0] = now
        guard.look()
        assert bool(ledger.shut_for) is is_shut, now
        if is_shut:
            with pytest.raises(ResidentMemoryError, match=r"\(MEMORY_LIMIT_BYTES, MEMORY_GUARD_PERCENT\)"):
                account.charge(1, "bodies")
            with pytest.raises(ResidentMemoryError):
                ledger.require("a", 0)
        account.charge(1, "inboxes", is_under_way=True)
    assert guard.shut == 2


async def test_it_complains_now_and_then(autojump_clock: object) -> None:
    """A service that swings around its share does not fill the log."""
    del autojump_clock
    readings: Iterator[int] = iter(
        [600, 600, 600, 100, 600, 100, 600, 600]
    )  # the second of a pair: after giving back
    guard = MemoryGuard(Ledger(0, 0), 500, lambda: next(readings))
    with structlog.testing.capture_logs() as lines:
        for _ in range(4):
            guard.look()
        await trio.sleep(COMPLAINT_SECONDS)
        guard.look()
        guard.look()
    assert [line["event"] for line in lines] == [f"memory guard {what}" for what in ("shut", "open", "shut")]


async def test_it_is_told_who_asks_whether_work_should_be_sent_here() -> None:
    """Not ready, with the reason; but alive."""
    ledger = Ledger(0, 0)
    readiness = Readiness(ledger=ledger)
    assert readiness_of(readiness)[1] == 200
    ledger.shut("Too much is resident")
    reply, status = readiness_of(readiness)
    assert (status, reply.checks["memory"].message) == (503, "Too much is resident")
    assert liveness_of(readiness)[1] == 200


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says it there")
def test_the_kernel_says_how_much_it_is_and_may_be() -> None:
    """This process takes some megabytes, and less than there is."""
    assert 10_000_000 < resident_bytes() < available_bytes()


async def test_a_service_that_has_no_memory_refuses_work_and_lets_go() -> None:
    """503 with Retry-After for what is new; reading, stopping and deleting are answered."""
    async with open_service(settings_with(auth="none", memory_guard_percent=0)) as service:
        loaded = (await service.client.post("/api/graphs", json=single("symbia.core.passthrough"))).json()["id"]
        started = (
            await service.client.post(f"/api/graphs/{loaded}/execute", json={"completion": "manual"})
        ).json()
        execution = started["executionId"]
        service.runtime.ledger.shut("The service takes too much")
        message = {"nodeId": "only", "port": "in", "value": 1}
        for path, body in (
            ("/api/graphs", single("symbia.core.passthrough")),
            (f"/api/graphs/{loaded}/execute", {}),
            (f"/api/executions/{execution}/inject", message),
        ):
            refused = await service.client.post(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (503, "memory.resident"), path
            assert refused.headers["Retry-After"] == "5"
        assert (await service.client.get("/health/live")).status_code == 200
        assert (await service.client.get("/health/ready")).status_code == 503
        assert (await service.client.get("/api/executions")).status_code == 200
        assert (await service.client.post(f"/api/executions/{execution}/stop")).status_code == 200
        assert (await service.client.delete(f"/api/graphs/{loaded}")).is_success
        service.runtime.ledger.open()
        assert (await service.client.post("/api/graphs", json=single("symbia.core.passthrough"))).is_success
