"""A real service whose event loop is held in one long call into C: ``python -m tests.attacks.held_service WHEN``.

Nothing in the service is made for this: what holds the loop is put around it here. The word ``held`` on standard
output says that it begins.
"""

import atexit
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from service import server
from service.cli import serve as command
from service.cli.main import main


def hold() -> None:
    """Hold the interpreter: no other Python code runs until this returns, in some hours."""
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sum(range(10**13))


def hold_briefly() -> None:
    """Hold the interpreter in one call into C, for about a second of its time, and say when that is over."""
    sys.stdout.write("held\n")
    sum(range(40_000_000))
    sys.stdout.write("over\n")
    sys.stdout.flush()


def hold_when(moment: str, patch: pytest.MonkeyPatch) -> None:
    """Have the loop held while the service starts, serves, drains, or is at the end of its process; or never."""
    if moment == "starting":
        patch.setattr(server, "open_configured_runtime", _held_runtime)
    elif moment in {"serving", "briefly"}:
        patch.setattr(command, "serve", _serve_held(hold if moment == "serving" else hold_briefly))
    elif moment == "draining":
        patch.setattr(server, "_drain", _held_drain)
    elif moment == "exiting":
        atexit.register(hold)
    else:
        assert moment == "never"


@asynccontextmanager
async def _held_runtime(*_: Any, **__: Any) -> AsyncIterator[None]:
    hold()
    yield


def _serve_held(hold: Callable[[], None]) -> Callable[..., Any]:
    async def serve(settings: Any, listener: Any, announce: Callable[[str], None], *others: Any) -> None:
        async with trio.open_nursery() as nursery:

            def announced(url: str) -> None:
                announce(url)
                nursery.start_soon(_hold_soon, hold)

            await server.serve(settings, listener, announced, *others)

    return serve


async def _hold_soon(hold: Callable[[], None]) -> None:
    await trio.sleep(0.2)
    hold()


async def _held_drain(*_: Any) -> None:
    hold()


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        hold_when(sys.argv.pop(1), patch)
        sys.argv.append("serve")
        main()
