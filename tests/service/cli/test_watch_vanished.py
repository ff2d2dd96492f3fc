"""``symbia-runtime watch`` at a service that is gone without a word, as behind a network that has failed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from service.cli.console import TellingConsole
from service.cli.live_client import LiveClientError, open_live_client
from service.cli.remote.address import ServiceAddress
from service.cli.until_signal import run_beside
from service.cli.watch import _watch
from tests.service.serving import QUICK_REFERENCE, open_service


class Cable:
    """What lies between a service and its client; cut, it carries nothing and says nothing."""

    def __init__(self, port: int) -> None:
        self.is_cut = False
        self._port = port

    async def carry(self, client: trio.SocketStream) -> None:
        """Carry a client's bytes and the service's for as long as the client is there."""
        service = await trio.open_tcp_stream("127.0.0.1", self._port)
        async with client, service, trio.open_nursery() as nursery:
            nursery.start_soon(self._pass_on, service, client)
            await self._pass_on(client, service)
            nursery.cancel_scope.cancel()

    async def _pass_on(self, source: trio.SocketStream, target: trio.SocketStream) -> None:
        async for data in source:
            if not self.is_cut:
                await target.send_all(data)


@asynccontextmanager
async def open_cable(url: str) -> AsyncIterator[tuple[Cable, str]]:
    """A cable to a service, and the URL at which it is reached through it."""
    cable = Cable(int(url.rpartition(":")[2]))
    async with trio.open_nursery() as nursery:
        serving = partial(trio.serve_tcp, cable.carry, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serving)
        yield cable, f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_a_service_that_vanishes_is_noticed(mock_clock: trio.testing.MockClock) -> None:
    """Nothing was closed, and no answer comes: the command says so instead of waiting for ever."""
    mock_clock.rate = 1
    async with open_service() as service, open_cable(service.url) as (cable, url):
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")

        async def cut() -> None:
            while b"symbia_live_subscriptions 1.0" not in (await service.client.get("/metrics")).content:
                await trio.lowlevel.checkpoint()
            cable.is_cut = True
            mock_clock.autojump_threshold = 0

        watching = partial(_watch, execution_id, ServiceAddress(url), TellingConsole())
        with pytest.raises(LiveClientError, match=r"has not answered for 20 s; is it still running\?"):
            await run_beside(cut, watching)


async def test_a_service_that_has_nothing_to_say_is_still_there(mock_clock: trio.testing.MockClock) -> None:
    """It answers when it is asked, so a quiet execution is watched for as long as somebody likes."""
    mock_clock.rate = 1
    async with (
        open_service() as service,
        open_cable(service.url) as (_, url),
        open_live_client(url) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(client.heed)
        mock_clock.autojump_threshold = 0
        with trio.move_on_after(600) as patience:
            await client.receive()
        assert patience.cancelled_caught
        nursery.cancel_scope.cancel()


async def test_what_went_wrong_is_told_also_where_the_service_does_not_close(
    mock_clock: trio.testing.MockClock,
) -> None:
    """The end of the connection is waited for, not for long, and hides nothing."""
    mock_clock.rate = 1
    async with open_service() as service, open_cable(service.url) as (cable, url):
        began: list[float] = []

        async def fail() -> None:
            async with open_live_client(url):
                cable.is_cut = True
                began.append(trio.current_time())
                mock_clock.autojump_threshold = 0
                raise LiveClientError("the first reason")

        with pytest.raises(LiveClientError, match="the first reason"):
            await fail()
        assert trio.current_time() - began[0] < 10
