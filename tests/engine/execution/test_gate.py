"""The gate: nobody starts while it is closed, and closing answers when nobody runs."""

import pytest
import trio
import trio.testing

from engine.execution.gate import Gate

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_an_open_gate_lets_through_without_a_wait() -> None:
    """Entering an open gate is not even a checkpoint."""
    gate = Gate()
    with trio.testing.assert_no_checkpoints():
        await gate.enter()
        gate.leave()


async def test_closing_an_idle_gate_answers_at_once() -> None:
    """Where nobody runs there is nothing to wait for."""
    gate = Gate()
    with trio.testing.assert_no_checkpoints():
        await gate.close()
    with trio.move_on_after(60) as patience:
        await gate.enter()
    assert patience.cancelled_caught


async def test_closing_waits_for_all_who_run() -> None:
    """The answer comes when the last one has left, and those who come meanwhile wait outside."""
    gate = Gate()
    events: list[str] = []

    async def work(name: str, seconds: float) -> None:
        await gate.enter()
        events.append(f"{name} in")
        await trio.sleep(seconds)
        events.append(f"{name} out")
        gate.leave()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "short", 1)
        nursery.start_soon(work, "long", 3)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(gate.close)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(work, "late", 1)
        await gate.close()
        assert trio.current_time() == 3
        assert events[-1] == "long out"
        await trio.sleep(5)
        assert events[-1] == "long out"
        gate.open()
    assert events[-2:] == ["late in", "late out"]


async def test_who_stands_aside_does_not_run() -> None:
    """A long-running one that stands aside lets the closing answer, and goes on when the gate opens."""
    gate = Gate()
    slices = 0

    async def spin() -> None:
        nonlocal slices
        await gate.enter()
        while True:
            await gate.yield_if_closed()
            slices += 1
            await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(spin)
        await trio.sleep(1)
        await gate.close()
        before = slices
        await trio.sleep(10)
        assert slices == before
        gate.open()
        await trio.sleep(1)
        assert slices > before
        nursery.cancel_scope.cancel()


async def test_one_that_is_cancelled_while_it_stands_aside_leaves_once() -> None:
    """The count of those who run is right after a cancellation beside the closed gate."""
    gate = Gate()

    async def spin() -> None:
        await gate.enter()
        try:
            while True:
                await gate.yield_if_closed()
                await trio.sleep(0.1)
        finally:
            gate.leave()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(spin)
        await trio.sleep(1)
        await gate.close()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    gate.open()
    with trio.fail_after(1):
        await gate.close()


async def test_opening_releases_who_waits_for_the_closing() -> None:
    """A closing that is still waiting returns when the gate is opened again."""
    gate = Gate()
    await gate.enter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.close)
        await trio.testing.wait_all_tasks_blocked()
        gate.open()


async def test_a_gate_closed_again_at_once_lets_nobody_slip_through() -> None:
    """Who was woken by an opening and finds the gate closed again waits on."""
    gate = Gate()
    await gate.close()
    inside: list[int] = []

    async def enter() -> None:
        await gate.enter()
        inside.append(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(enter)
        await trio.testing.wait_all_tasks_blocked()
        gate.open()
        await gate.close()
        await trio.sleep(1)
        assert inside == []
        gate.open()
    assert inside == [1]
