"""Commands that a signal ends: without a traceback, with the shell's status for it, and the terminal as it was."""

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNAL_STATUS = 128


def run_until_signal(
    function: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments, clock: trio.abc.Clock | None = None
) -> T:
    """Run an async function to its end; Ctrl-C or SIGTERM ends it and the process, with 128 and its number.

    Time goes by ``clock``, where one is given.

    Left to itself Ctrl-C would come as a KeyboardInterrupt out of the midst of some task, wrapped in groups of
    errors that nobody catches.
    """
    signals: list[int] = []
    results: list[T] = []

    async def run() -> None:
        with trio.open_signal_receiver(*SIGNALS) as received, trio.CancelScope() as scope:
            watching = partial(_cancel_on_signal, received, scope, signals)
            results.append(await run_beside(watching, partial(function, *arguments)))

    trio.run(run, clock=clock)
    if signals:
        sys.exit(SIGNAL_STATUS + signals[0])
    return results[0]


async def run_beside(helper: Callable[[], Awaitable[None]], function: Callable[[], Awaitable[T]]) -> T:
    """Run ``function``, and ``helper`` beside it for as long; errors of ``function`` come in no group."""
    results: list[T] = []
    errors: list[Exception] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(helper)
        try:
            results.append(await function())
        except Exception as error:  # noqa: BLE001  raised below: the nursery would make a group of it
            errors.append(error)
        nursery.cancel_scope.cancel()
    if errors:
        raise errors[0]
    return results[0]


async def _cancel_on_signal(received: AsyncIterator[int], scope: trio.CancelScope, signals: list[int]) -> None:
    async for number in received:
        signals.append(number)
        scope.cancel()
