"""The clients of the service while it is killed: they inject, and hold fast what they were answered."""

from random import Random

import httpx
import trio

from tests.crash.graphs import PASS_ON, TALLY
from tests.crash.judge import Sent

AT_ONCE = (1, 1, 1, 2, 10, 50)
"""Messages of one request."""


class Client:
    """One client of one execution, over many lives of the service.

    Args:
        number: tells it from the others of the execution.
        execution_id: the execution.
        random: chooses how many go together.

    Attributes:
        sent: what became of its messages.
    """

    def __init__(self, number: int, execution_id: str, random: Random) -> None:
        self.number = number
        self.sent = Sent()
        self._execution_id = execution_id
        self._random = random
        self._last = 0

    async def inject(self, http: httpx.AsyncClient, rest_seconds: float) -> None:
        """Inject until the service is gone."""
        while True:
            if not await self._inject_some(http):
                return
            await trio.sleep(rest_seconds)

    async def _inject_some(self, http: httpx.AsyncClient) -> bool:
        numbers = [self._last + each for each in range(1, self._random.choice(AT_ONCE) + 1)]
        self._last = numbers[-1]
        messages = [{"nodeId": "a", "port": "in", "value": {"c": self.number, "n": each}} for each in numbers]
        sent = self.sent
        sent.unknown.update(numbers)
        try:
            reply = await http.post(f"/api/executions/{self._execution_id}/inject", json={"messages": messages})
        except httpx.HTTPError:
            return False
        accepted = len(numbers) if reply.status_code == 200 else reply.json().get("accepted", 0)
        sent.unknown.difference_update(numbers)
        sent.acknowledged.update(numbers[:accepted])
        sent.refused.update(numbers[accepted:])
        return True


async def command(http: httpx.AsyncClient, execution_ids: list[str], random: Random) -> None:
    """Pause and resume executions at random until the service is gone."""
    try:
        while True:
            await trio.sleep(random.random() * 0.2)
            execution = random.choice(execution_ids)
            await http.post(f"/api/executions/{execution}/pause")
            await trio.sleep(random.random() * 0.05)
            await http.post(f"/api/executions/{execution}/resume")
    except httpx.HTTPError:
        return


async def change(http: httpx.AsyncClient, execution_ids: list[str], random: Random) -> None:
    """Let executions go over to other versions of their components, and back, until the service is gone."""
    try:
        while True:
            await trio.sleep(random.random() * 0.5)
            component = random.choice((TALLY, PASS_ON))
            version = {**component, "version": f"1.{random.randrange(1_000)}.0"}
            await http.put(f"/api/components/{component['id']}", json=version)
            place = f"/api/executions/{random.choice(execution_ids)}"
            consistency = random.choice(("none", "message"))
            asked = {"components": {component["id"]: None}, "consistency": consistency}
            await http.post(f"{place}/reload", json=asked)
            if random.random() < 0.3:
                await http.post(f"{place}/rollback")
    except httpx.HTTPError:
        return
