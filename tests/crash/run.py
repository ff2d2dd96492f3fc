"""Lives of a service, each ended at a random moment, and the verdict on what came out of them."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import trio

from tests.crash.clients import Client, change, command
from tests.crash.faults import Fault, built_slow_disk, chosen
from tests.crash.graphs import COMPONENTS, GRAPHS
from tests.crash.judge import complaints
from tests.crash.service import Running, running

CLIENTS = 2
"""Clients of each execution."""

_MOST_OUTPUTS = 9_000
_FIRST_SECONDS = 5
"""The longest wait for a first message to be acknowledged: where the disk is full none is."""

_CHECKPOINT_MS = ("20", "60", "200", "1000")


class Report(msgspec.Struct):
    """What became of a run: the seed that replays its choices, and what is wrong."""

    seed: int
    kills: int = 0
    messages: int = 0
    longest_start_seconds: float = 0.0
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    complaints: list[str] = msgspec.field(default_factory=list)


class Crash:
    """A service, its executions, their clients, and its ends.

    Args:
        seed: of all choices.
        folder: for the store and the logs.
        say: is told how it goes.
        faulty: whether the disk makes trouble, too.
    """

    def __init__(self, seed: int, folder: Path, say: Callable[[str], None], *, faulty: bool) -> None:
        self.report = Report(seed)
        self._random = Random(seed)
        self._folder = folder
        self._data = folder / "data"
        self._say = say
        self._lives = count(1)
        self._slow_disk = built_slow_disk(folder) if faulty else None
        self._faulty = faulty

    async def run(self, kills: int, kills_of_one: int) -> Report:
        """Kill the service so many times; after each ``kills_of_one`` its executions are completed and judged."""
        while self.report.kills < kills and not self.report.complaints:
            await self._generation(min(kills_of_one, kills - self.report.kills))
        return self.report

    async def _generation(self, kills: int) -> None:
        with self._life(Fault("none")) as service:
            executions = await self._started(service)
            clients = {
                name: [Client(each, execution, Random(self._random.random())) for each in range(CLIENTS)]
                for name, execution in executions.items()
            }
            await self._load_until_end(service, executions, clients)
        for _ in range(kills - 1):
            fault = chosen(self._random, self._data, self._slow_disk) if self._faulty else Fault("none")
            with self._life(fault) as service:
                await self._load_until_end(service, executions, clients)
        with self._life(Fault("none")) as service:
            for name, execution in executions.items():
                sent = {client.number: client.sent for client in clients[name]}
                outputs = await self._completed(service, execution)
                self.report.messages += len(outputs)
                self.report.complaints += [f"{name}: {each}" for each in complaints(sent, outputs)]

    def _life(self, fault: Fault) -> Any:
        number = next(self._lives)
        settings = {
            "KEPT_OUTPUTS": "10000",
            "KEPT_OUTPUT_BYTES": str(2**24),
            "CHECKPOINT_MS": self._random.choice(_CHECKPOINT_MS),
            "RUNTIME_CHAINING": self._random.choice(["true", "false"]),
            **fault.settings,
        }
        self.report.faults[fault.name] = self.report.faults.get(fault.name, 0) + 1
        return running(self._data, self._folder / f"{number}.log", settings, file_bytes=fault.file_bytes)

    async def _started(self, service: Running) -> dict[str, str]:
        """Load what is not there yet, and start an execution of each graph; their ids, by name."""
        async with _speaking(service) as http:
            for component in COMPONENTS:
                await http.put(f"/api/components/{component['id']}", json=component)
            started = {}
            for name, graph in GRAPHS.items():
                loaded = await http.post("/api/graphs", params={"replace": "true"}, json=graph)
                reply = await http.post(f"/api/graphs/{loaded.json()['id']}/execute", json={"durable": True})
                assert reply.status_code == 201, reply.text
                started[name] = reply.json()["executionId"]
            return started

    async def _load_until_end(
        self, service: Running, executions: dict[str, str], clients: dict[str, list[Client]]
    ) -> None:
        """Let the clients work, and end the service at a random moment: mostly by a kill."""
        seconds = 0.02 + self._random.random() ** 2
        is_killed = self._random.random() < 0.9
        self.report.longest_start_seconds = max(self.report.longest_start_seconds, service.start_seconds)
        async with _speaking(service) as http, trio.open_nursery() as nursery:
            for each in [client for group in clients.values() for client in group]:
                if max(each.sent.acknowledged, default=0) < _MOST_OUTPUTS // CLIENTS:
                    nursery.start_soon(each.inject, http, 0.01)
            commands = Random(self._random.random())
            nursery.start_soon(command, http, list(executions.values()), commands)
            changes = Random(self._random.random())
            nursery.start_soon(change, http, list(executions.values()), changes)
            with trio.move_on_after(_FIRST_SECONDS):
                await _some_acknowledged([client for group in clients.values() for client in group])
            await trio.sleep(seconds)
            if is_killed:
                service.kill()
            else:
                await trio.to_thread.run_sync(service.dismiss)
        self.report.kills += 1
        self._say(f"{self.report.kills} kills, {seconds:.2f} s")

    async def _completed(self, service: Running, execution: str) -> list[dict[str, Any]]:
        """Complete an execution; all that has left it."""
        place = f"/api/executions/{execution}"
        async with _speaking(service) as http:
            await http.post(f"{place}/resume")
            await http.post(f"{place}/complete")
            state = (await http.get(place)).json()
            while state["state"] == "running":
                await trio.sleep(0.02)
                state = (await http.get(place)).json()
            if state["state"] != "completed":
                self.report.complaints.append(f"execution {execution} is {state['state']}: {state.get('error')}")
            outputs: list[dict[str, Any]] = []
            while True:
                after = outputs[-1]["sequence"] if outputs else 0
                page = (await http.get(f"{place}/outputs", params={"after": after})).json()
                if not page["outputs"]:
                    return [each["value"] for each in outputs]
                outputs += page["outputs"]


def _speaking(service: Running) -> httpx.AsyncClient:
    """A client of the service; to be used as a context manager."""
    return httpx.AsyncClient(base_url=service.url, timeout=20, verify=False)


async def _some_acknowledged(clients: list[Client]) -> None:
    """Return when more messages are acknowledged than now."""
    before = sum(len(each.sent.acknowledged) for each in clients)
    while sum(len(each.sent.acknowledged) for each in clients) == before:  # noqa: ASYNC110  they tell nobody
        await trio.sleep(0.005)
