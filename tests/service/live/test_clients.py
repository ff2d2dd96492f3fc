"""Clients that have not said yet who they are: how many there may be, and who has to go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from engine.runtime import open_runtime
from service.live.admission import LiveAdmission
from service.live.clients import LiveClients, open_live_clients
from service.problems import TooManyClientsError
from service.readiness import Readiness
from tests.service.chosen import settings_with

pytestmark = pytest.mark.usefixtures("autojump_clock")


class Door:
    """The place where clients wait until they have said who they are.

    Attributes:
        waiting: the names of those who wait, in the order in which they came.
    """

    def __init__(self, clients: LiveClients, nursery: trio.Nursery) -> None:
        self.waiting: dict[str, trio.Event] = {}
        self._clients = clients
        self._nursery = nursery

    async def come(self, *names: str) -> None:
        """Let clients come, all of them at once."""
        for name in names:
            self._nursery.start_soon(self._wait, name)
        await trio.testing.wait_all_tasks_blocked()

    async def admit(self, name: str) -> None:
        """Let a client say who it is."""
        self.waiting[name].set()
        await trio.testing.wait_all_tasks_blocked()

    async def _wait(self, name: str) -> None:
        try:
            with self._clients.unadmitted():
                self.waiting[name] = trio.Event()
                try:
                    await self.waiting[name].wait()
                finally:
                    del self.waiting[name]
        except TooManyClientsError:
            pass


@asynccontextmanager
async def open_door(monkeypatch: pytest.MonkeyPatch, most: int) -> AsyncIterator[Door]:
    """A door of real clients, before which so many may wait."""
    monkeypatch.setattr("service.live.clients.UNADMITTED_CLIENTS", most)
    settings, readiness = settings_with(), Readiness()
    async with (
        open_runtime() as runtime,
        open_live_clients(runtime, settings, readiness, LiveAdmission(settings, None, readiness)) as clients,
        trio.open_nursery() as nursery,
    ):
        yield Door(clients, nursery)
        nursery.cancel_scope.cancel()


async def test_each_that_comes_takes_the_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that come at once, where as many wait as may, take the places of two, and not both that of the first."""
    async with open_door(monkeypatch, 2) as door:
        await door.come("a")
        await door.come("b")
        await door.come("c", "d")
        assert set(door.waiting) == {"c", "d"}


async def test_who_has_said_who_it_is_takes_no_place_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many have come in, nobody has to go for them who still waits."""
    async with open_door(monkeypatch, 2) as door:
        await door.come("a")
        for name in ("b", "c", "d"):
            await door.come(name)
            await door.admit(name)
        await door.come("e")
        assert set(door.waiting) == {"a", "e"}
